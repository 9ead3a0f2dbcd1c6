/** Builds patterns over folded words, in which words are divided by one space: of notions, and of what stands between two of them. */
import { foldWords } from '../lib/fold.ts'
import * as N from './notions.ts'

/** Separates the clauses of a prepared sentence. Folding keeps it. */
export const CLAUSE = '#'
/** Stands for a colon in a prepared sentence. Folding keeps it. */
export const COLON = '##'

/**
 * Letters of Chinese, Japanese and Korean. A notion in them may begin anywhere, because not all of their words are divided by spaces.
 * Without the u flag the pattern is several times faster.
 */
export const UNDIVIDED = /[\u1100-\u11ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]/

/**
 * @param notion alternatives of one or several words, written as in notions.ts
 * @returns the source of a RegExp over folded words. Its alternatives are sorted, because the engine then compares the beginning that
 * several share only once
 */
export function any(notion: string): string {
  const given = [...new Set(notion.split('|'))].toSorted()
  const undivided = given.filter((each) => UNDIVIDED.test(each)).map((each) => ` ?${foldWords(each)}`)
  const divided = given.filter((each) => !UNDIVIDED.test(each))
  const isStem = (each: string) => each.indexOf('*') === each.length - 1
  const [stems, others] = [divided.filter(isStem).map(foldWords), divided.filter((each) => !isStem(each))]
  const sources = others.map((each) => each.split('*').map(foldWords).join('[^ ]* ').trimEnd())
  const parts = stems.length === 0 ? sources : [`(?:${stems.join('|')})[^ ]*`, ...sources]
  return `(?:${[...(parts.length === 0 ? [] : [` (?:${parts.join('|')})(?= )`]), ...undivided].join('|')})`
}

/** As few words as possible, at most `most`; or, of an undivided script, three times as many letters. */
export const upTo = (most: number) => `(?:(?: [^ ]+){0,${most}}?|${UNDIVIDED.source}{0,${3 * most}}?)`
/** One after the other, in any order. */
export const near = (one: string, other: string, most: number) =>
  `(?:${one}${upTo(most)}${other}|${other}${upTo(most)}${one})`

/** The text speaks of itself or of its candidate. Honest texts do so too, but they do not say which score they must get. */
export const SELF_DIVIDED = `${any(N.THIS)}(?: [^ ]+)?${any(N.SELF)}`
export const SELF_UNDIVIDED = `${any(N.THIS_UNDIVIDED)}${any(N.SELF_UNDIVIDED)}`
export const SELF = `(?:${SELF_DIVIDED}|${SELF_UNDIVIDED})`

/** Machines in Chinese, Japanese and Korean. */
export const MACHINE_UNDIVIDED = `(?:ai(?=${UNDIVIDED.source})|人工智能|语言模型|大模型|人工知能|${foldWords('인공지능')})`
