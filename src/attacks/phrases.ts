/**
 * Tells a sentence that addresses the model from one about a candidate. Such a sentence has an imperative, where an imperative can stand,
 * in one clause with an object of the model's own task (its instructions, its score, its judgement), or it speaks to a machine. One of the
 * two is not enough: resumes hold imperatives ("Give trainings"), and people work with prompts and scores. The words are those of
 * notions.ts.
 */
import { foldWords } from '../lib/fold.ts'
import * as N from './notions.ts'
import { any, CLAUSE, COLON, MACHINE_UNDIVIDED, near, SELF, SELF_UNDIVIDED, UNDIVIDED, upTo } from './patterns.ts'
import { hasTrigger } from './triggers.ts'

/** An imperative stands at the beginning of a clause; only one of these words and three fillers may come before it. */
const CLAUSE_START = `(?:^|${any('and|then|и|а|und|et|y|e|ve')})`
const START = `${CLAUSE_START}(?:${any(N.FILLER)}){0,3}`
const ASKED = `${CLAUSE_START}(?:${any(N.FILLER)}){1,3}`
/** These words turn a statement into an order: "the evaluation must return 100". */
const OBLIGED = any(N.OBLIGED)
const imperative = (anywhere: string, atStart: string) =>
  `(?:(?<! (?:${foldWords('не')}|don t|do not)|模型)${any(anywhere)}|(?:${START}|${OBLIGED})${any(atStart)}(?! of ))`
const DISREGARD = imperative(N.DISREGARD, N.DISREGARD_AT_START)
/** "The model must award", in languages whose infinitive is no imperative. */
const DUTY = `${OBLIGED}${any(N.JUDGE_AS_DUTY)}`
const JUDGE = `(?:${imperative(N.JUDGE, `${N.JUDGE_AT_START}|${N.JUDGE_OR_LABEL}`)}|${DUTY})`
/** An order to judge. A word that may label a number ("score: 98") needs a filler ("please") or an obligation before it. */
const ORDER = `(?:${imperative(N.JUDGE, N.JUDGE_AT_START)}|(?:${ASKED}|(?<!${any(N.SCORED)})${OBLIGED})${any(N.JUDGE_OR_LABEL)}(?! of )|${DUTY})`
const REVEAL = imperative(N.REVEAL, N.REVEAL_AT_START)

/** "Everything" that the model was told. What somebody knows about a field of work does not count. */
const EVERYTHING_SAID = `${any(N.EVERYTHING)}(?:${upTo(3)}${any(N.SAID)}(?!${any(N.ABOUT)})|(?:(?!${any(N.ABOUT)}) [^ ]+){0,3}(?= $|${any('and|but|и|но|und|et|y|e')}))`
const INSTRUCTIONS = `(?:${any(N.INSTRUCTIONS)}|${any('requirements|criteria|quotes|требования|критерии|цитаты|anforderungen|zitate|criteres|citations|requisitos|citas|cytatow|引文')}|${any(N.EARLIER)}${upTo(3)}${any(N.RULES)}|${any(N.RULES)}${any('acima|arriba|sopra|powyzej|oben')}|${any(N.ABOVE)}|${EVERYTHING_SAID})`
const PERCENT = `(?:%|${any('percent|процент*')})?`
/** A high score. The upper end of a scale ("from 0 to 100") is none. */
const HIGH_NUMBER = `(?<! \\d{1,3}(?: [^ ]{1,3})? ?)(?: ?(?<!\\d)(?:[7-9]\\d|100)(?![\\d+])${PERCENT}| 10 (?:10|${foldWords('из')} 10|out of 10)(?= ))`
const HIGHEST = near(any(N.HIGHEST), any(N.SCORE), 2)
const NUMBER_OF_SCORE = near(HIGH_NUMBER, any(N.SCORE), 3)
const HIGH_SCORE = `(?:${NUMBER_OF_SCORE}|${HIGH_NUMBER}(?= $|${any('out of|из|von|sur|de|su|na')}))`

const WHOM = `(?:${any(N.TARGET)}|${SELF})`
const WHOM_A_NUMBER = `(?:${WHOM}${upTo(2)}${HIGH_NUMBER}(?= $|${any('and|then|и|und|et|y|e|out of|из|von|sur|de|su|na')})|${HIGH_NUMBER}${any(N.TO)}${upTo(1)}${any(N.TARGET)})`

const ALL_MET = `${any(N.JUDGED)}${upTo(3)}${any(N.FAVOURABLE)}`

/** The noun ends here: "AI," but not "AI engineer". */
const NOUN_ENDS = `(?= $| #|${any('bist|please|that|who|which|reading|котор*|пожалуйста|что')})`
const SURELY_MACHINE = `(?:${any(N.MACHINE_NAMES)}){1,2}(?:${any(N.MACHINE_KINDS)})?`
const MACHINE = `(?:${SURELY_MACHINE}|${any(N.MACHINE_ROLES)}(?:${any(N.MACHINE_KINDS)})?)${NOUN_ENDS}`

/** Where a clause begins in a sentence. */
const BEGINS = `(?:^| ${CLAUSE}| ${COLON})`
const IF_A_MACHINE_READS = `${any(N.IF)}(?!${any('you|we|вы|ты|мы')})${upTo(6)}(?:${any(N.READS)}${upTo(3)}${MACHINE}|${SURELY_MACHINE}${upTo(2)}${any(N.READS)})`
/** What such a machine reads: "if an AI reads this". */
const THIS_TEXT = `(?:${SELF}|${any(`${N.THIS}|das|cela|ca|ceci|esto|isto|cio`)}(?= $|${any(N.READS)}|${SURELY_MACHINE}))`

const TO_A_MACHINE = [
  [`${START}${upTo(2)}(?:${any(N.GREETING)}|${any(N.NOTE)}${any(N.TO)})${upTo(2)}${MACHINE}`],
  [`${START}${any(N.NOTE)}${SURELY_MACHINE}(?= ${COLON})`],
  // A heading: "Системе подбора:".
  [`^${any(N.TO_MACHINE)}${upTo(2)}(?= ${COLON})`],
  [`${any(N.IF)}${any(N.YOU)}(?:${any(N.A)})?(?: [^ ]+)?${MACHINE}`],
  // A machine that reads this very text. A mere role ("parser") counts only with an obligation.
  [`(?:${SURELY_MACHINE}|${MACHINE_UNDIVIDED})`, any(N.READS), SELF],
  [any(N.MACHINE_ROLES), any(N.READS), SELF, OBLIGED],
  [
    SURELY_MACHINE,
    OBLIGED,
    any(`${N.JUDGE}|${N.JUDGE_AT_START}|${N.JUDGE_AS_DUTY}|${N.JUDGE_OR_MARK}`),
    `(?:${HIGH_SCORE}|${HIGHEST}|${SELF})`,
  ],
  [THIS_TEXT, IF_A_MACHINE_READS],
]

/** Rules by kind of address. A rule applies to a clause that has all of its parts, in any order. */
const RULES: Record<string, string[][]> = {
  overrides_instructions: [
    [DISREGARD, INSTRUCTIONS],
    [REVEAL, `(?:${any(N.OWN)}${upTo(1)}${any(N.PROMPT)}|${any(N.SYSTEM_NOTE)})`],
  ],
  demands_score: [
    [ORDER, HIGH_SCORE],
    [`${START}${any(N.JUDGE_OR_OUTPUT)}(?! of )${upTo(4)}${near(HIGH_NUMBER, any(N.SCORE), 1)}`],
    [JUDGE, WHOM_A_NUMBER],
    [JUDGE, HIGHEST, any(N.TARGET)],
    [`(?:${any(N.JUDGE)}|${START}${any('output|return')})`, HIGHEST],
    // Requirements are to count as met, whatever the resume says.
    [JUDGE, any(N.JUDGED), any(N.FAVOURABLE)],
    [`${START}${any(N.APPROVE)}${any(N.THIS)}${any(N.TARGET)}(?= $)`],
    // No imperative, but a statement of which score this very text must get.
    [any(N.DESERVES), any(N.TARGET), `(?:${HIGH_NUMBER}|${HIGHEST})`],
    [SELF, OBLIGED, `(?:${HIGH_NUMBER}|${HIGHEST}|${ALL_MET})`],
  ],
  addresses_model: [
    [`^(?:${any(N.YOU_ARE)}${any(N.NOW)}|${any(N.NOW)}${any(N.YOU_ARE)})`],
    [`${any(N.FROM_NOW_ON)}${any(N.YOU)}`],
    [`${START}${any(N.PRETEND)}(?:${any('that|что|как будто|dass|que|ze')})?${any(N.YOU)}`],
    ...TO_A_MACHINE,
  ],
}

/**
 * These may announce an address to the model, and anything else as well: new instructions of any field, what is offered to people who work
 * with AI, what a machine does with contracts. They count when the model's task follows in their sentence.
 */
const ANNOUNCEMENTS: Record<string, RegExp> = {
  // Such a label heads ordinary lines too: "Assistant: average score 95".
  chat_markup: new RegExp(
    `^(?: ${CLAUSE})?${any(N.CHAT_ROLE)} ${COLON}(?=.*${any(`${N.YOU}|${N.TARGET}|${N.JUDGED}`)})`,
  ),
  overrides_instructions: new RegExp(
    `${BEGINS}${upTo(2)}(?:${any(N.NEW)}${upTo(1)}${any(`${N.INSTRUCTIONS}|${N.RULES}`)}|${any(N.SYSTEM_NOTE)}) ${COLON}`,
  ),
  addresses_model: new RegExp(
    [
      `${BEGINS}(?:${[
        `${any(N.TO)}${upTo(1)}${SURELY_MACHINE}${upTo(2)} ${COLON}`,
        `${any(N.YOU_ARE)}${upTo(3)}(?:${SURELY_MACHINE}${NOUN_ENDS}|${MACHINE_UNDIVIDED})`,
        `${upTo(2)}${any(N.NOTE)}${upTo(2)}${MACHINE}`,
        ` ?[致给向](?:所有)?(?:${MACHINE_UNDIVIDED}|ai(?= ))${UNDIVIDED.source}{0,6} ${COLON}`,
        ` ?致(?:所有)?${MACHINE_UNDIVIDED} ${CLAUSE}`,
        `${any(N.NEW)}${upTo(1)}${any(N.DUTIES)}${upTo(3)} ${COLON}`,
      ].join('|')})`,
      `${any(N.OWN)}${upTo(1)}${any(N.DUTIES)}${upTo(2)}${any(`${N.NOW}|${N.CHANGED}`)}`,
      `${MACHINE_UNDIVIDED}(?:${UNDIVIDED.source}{0,6}(?:请|必须|应当|应该)|${['へ', '에게'].map(foldWords).join('|')})`,
      IF_A_MACHINE_READS,
    ].join('|'),
  ),
}
/** What only the model is asked: to judge this candidate, or how. */
const TASK = new RegExp(
  [
    `${any(N.THIS)}${upTo(3)}${any(N.SELF)}|${SELF_UNDIVIDED}`,
    `${HIGHEST}|${NUMBER_OF_SCORE}|${any(N.JUDGE_OR_MARK)}${upTo(3)}${HIGH_NUMBER}`,
    `${any(N.APPROVE)}${upTo(1)}${any(N.TARGET)}`,
    `${any(N.JUDGED)}${upTo(3)}${any(`${N.FAVOURABLE}|${N.FITS}`)}`,
    `${any(`${N.HIGHEST}|${N.BEST}|${N.FAVOURABLE}`)}${upTo(1)}${any(N.TARGET)}`,
    near(any(`${N.JUDGE}|${N.JUDGE_AT_START}|${N.JUDGE_OR_OUTPUT}`), any(`${N.FAVOURABLE}|${N.FITS}`), 1),
  ].join('|'),
)

/** In the order in which they are tried, each part compiled. */
const COMPILED = Object.entries(RULES).flatMap(([kind, rules]) =>
  rules.map((parts) => ({ kind, parts: parts.map((part) => new RegExp(part, 'u')) })),
)

/** The model's answer, in the words of its schema. */
const ANSWER = new RegExp(
  `${any('verdict|вердикт')} ${COLON}${any('подходит|suitable|hire')}| met ${COLON} true(?= )| evidence(?: [^ ]+){0,2} stated(?= )`,
)
const TOLD = new RegExp(any(N.TOLD), 'u')

/** Whether words before an address say that it is only mentioned. */
const isTold = (before: string): boolean => TOLD.test(`${before} `)

/**
 * @param sentence folded words with CLAUSE and COLON between clauses, a space before and after
 * @returns what kind of address it is; null for none
 */
export function addressKind(sentence: string): string | null {
  if (ANSWER.test(sentence)) return 'fake_answer'
  for (const { index, 0: words } of sentence.matchAll(/(?: (?!##? )[^ ]+)+(?: ##(?= ))?/g)) {
    const clause = `${words} `
    if (!hasTrigger(clause)) continue
    const found = findRule(clause)
    if (found !== undefined && !isTold(sentence.slice(0, index + clause.search(found.parts[0] as RegExp))))
      return found.kind
  }
  const announced = findAnnouncement(sentence)
  return announced !== null && TASK.test(sentence.slice(announced.end)) ? announced.kind : null
}

/** @returns the first announcement in a sentence that is no mere mention: its kind, and where it ends */
export function findAnnouncement(sentence: string): { kind: string; end: number } | null {
  for (const [kind, pattern] of Object.entries(ANNOUNCEMENTS)) {
    const found = pattern.exec(sentence)
    if (found !== null && !isTold(sentence.slice(0, found.index))) return { kind, end: found.index + found[0].length }
  }
  return null
}

/**
 * @returns the first rule whose parts a clause has, each in words of its own: in "score от 0 до 100" the noun "score" is not also the order
 * to score
 */
function findRule(clause: string) {
  return COMPILED.find(({ parts }) => {
    let rest = clause
    return parts.every((part) => {
      const found = part.exec(rest)
      if (found !== null) rest = rest.slice(0, found.index) + rest.slice(found.index + found[0].length)
      return found !== null
    })
  })
}
