/** Finds the words without which no rule of phrases.ts is tried: most texts have few of them. */
import { foldWords } from '../lib/fold.ts'
import * as N from './notions.ts'
import { any, MACHINE_UNDIVIDED, SELF, SELF_DIVIDED, UNDIVIDED } from './patterns.ts'

/** A clause is tried only if it has one of these words, SELF or MACHINE_UNDIVIDED. */
const TRIGGERS = [
  N.DISREGARD,
  N.DISREGARD_AT_START,
  N.REVEAL,
  N.REVEAL_AT_START,
  N.JUDGE,
  N.JUDGE_AT_START,
  N.JUDGE_OR_LABEL,
  N.JUDGE_AS_DUTY,
  N.DESERVES,
  N.MACHINE_NAMES,
  N.GREETING,
  N.NOTE,
  N.PRETEND,
  N.FROM_NOW_ON,
  N.SYSTEM_NOTE,
  N.INSTRUCTIONS,
  N.YOU_ARE,
  N.TO_MACHINE,
  N.DUTIES,
  N.CHAT_ROLE,
  // The roles of machines that are no everyday words, as "system" and "model" are.
  'bot|bots|robot*|бот|бота|боту|робот*',
  'verdict|вердикт|evidence|met',
].join('|')
const DIVIDED = TRIGGERS.split('|').filter((each) => !UNDIVIDED.test(each))
const DIVIDED_TRIGGER = new RegExp(`${any(DIVIDED.join('|'))}|${SELF_DIVIDED}`, 'y')
const ALL_TRIGGERS = new RegExp(`${any(TRIGGERS)}|${SELF}|${MACHINE_UNDIVIDED}`, 'g')

/** A 16-bit hash of the three characters at a place. Others may share it. */
const beginningAt = (text: string, place: number) =>
  ((text.charCodeAt(place) * 31 + text.charCodeAt(place + 1)) * 31 + text.charCodeAt(place + 2)) & 0xffff
/** 1 for each hash of the beginning of a trigger. Most words of a text begin otherwise, and are skipped several times faster. */
const BEGINNINGS = new Uint8Array(65_536)
for (const each of [...DIVIDED, ...N.THIS.split('|')]) BEGINNINGS[beginningAt(`${foldWords(each)} `, 0)] = 1

/** @returns the places in a folded text of the words without which no rule is tried, in order */
export function* findTriggers(folded: string): Generator<number> {
  if (UNDIVIDED.test(folded)) {
    for (const { index, 0: found } of folded.matchAll(ALL_TRIGGERS)) yield found.startsWith(' ') ? index + 1 : index
    return
  }
  for (let space = nextToLook(folded, 0); space >= 0; space = nextToLook(folded, space)) {
    DIVIDED_TRIGGER.lastIndex = space
    const found = DIVIDED_TRIGGER.exec(folded)
    if (found !== null) yield space + 1
    space += found?.[0].length ?? 1
  }
}

const SPACE = 0x20

/** @returns the next space at or after `from` that comes before a word which begins as a trigger does; -1: there is none */
function nextToLook(folded: string, from: number): number {
  for (let i = from; i < folded.length; i += 1) {
    if (folded.charCodeAt(i) === SPACE && BEGINNINGS[beginningAt(folded, i + 1)] === 1) return i
  }
  return -1
}

/** @returns whether a rule needs to be tried on a folded text */
export const hasTrigger = (folded: string): boolean => findTriggers(folded).next().done === false
