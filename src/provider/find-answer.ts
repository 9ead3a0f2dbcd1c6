/**
 * Finds the one JSON object in a model's text that follows a schema: behind its thinking, in a code fence, between sentences,
 * before end-of-turn marks, inside a list or another object. Nothing is repaired and nothing is guessed: a cut-off object, a
 * wrong type, or two objects that differ are no answer. The time is linear in the length of the text, whatever it holds.
 */

export type Reading<T> =
  | { ok: true; answer: T }
  /** `why` is for the log: names of fields, nothing that the model said. */
  | { ok: false; why: string }

export interface Schema<T> {
  /** The names of the fields that every answer has. */
  fields: readonly string[]
  /** Decides about a value that is an object with all of these fields. */
  validate: (value: unknown) => Reading<T>
}

interface Found<T> {
  start: number
  end: number
  answer: T
}

/**
 * What ends a model's thinking, in the notations of the open models: `</think>`, `</reasoning>`, `[/THINK]`, `◁/think▷`, the
 * final channel of gpt-oss. Each repetition is bounded, so that a search takes linear time.
 */
export const END_OF_THINKING =
  /<[/|][^<>\s]{0,20}(?:think|thought|reason|reflect|analysis)[^<>\s]{0,20}>|\[\/think(?:ing)?\]|◁\/think▷|<\|channel\|>final/gi
/** What models write after their last word: `<|im_end|>`, `</s>`, `<end_of_turn>`. */
const MARK = /<[^<>]{1,40}>/g

/** A text with more objects that look like answers is none. */
const MOST_CANDIDATES = 50

/**
 * @returns the answer, given once or several times in equal words; else why there is none
 */
export function findAnswer<T>(text: string, schema: Schema<T>): Reading<T> {
  const found: Found<T>[] = []
  let last: unknown
  let candidates = 0
  for (const [start, end] of objectSpans(text)) {
    last = JSON.parse(text.slice(start, end))
    for (const value of candidatesIn(last, schema.fields)) {
      candidates += 1
      if (candidates > MOST_CANDIDATES) return { ok: false, why: 'too many objects like answers' }
      const read = schema.validate(value)
      if (read.ok) found.push({ start, end, answer: read.answer })
    }
  }
  const spoken = afterThinking(text, found)
  const [first] = spoken
  if (first === undefined) return last === undefined ? { ok: false, why: 'no JSON' } : misfit(last, found, schema)
  const equal = new Set(spoken.map(({ answer }) => JSON.stringify(answer)))
  return equal.size === 1 ? { ok: true, answer: first.answer } : { ok: false, why: 'several answers that differ' }
}

/** Why nothing was found in a text that holds objects. */
function misfit<T>(last: unknown, found: Found<T>[], { validate }: Schema<T>): Reading<T> {
  const read = validate(last)
  return !read.ok && found.length === 0 ? read : { ok: false, why: 'no answer after the thinking' }
}

/** What was thought is a draft: the answer stands behind it. Where nothing stands behind it, it is in the thinking. */
function afterThinking<T>(text: string, found: Found<T>[]): Found<T>[] {
  let from = 0
  let index = 0
  for (const match of text.matchAll(END_OF_THINKING)) {
    // A quote in an answer may hold such a mark: it ends no thinking there.
    while (index < found.length && (found[index]?.end ?? 0) <= match.index) index += 1
    if ((found[index]?.start ?? Infinity) > match.index) from = match.index + match[0].length
  }
  if (text.slice(from).replaceAll(MARK, '').trim() === '') return found
  return found.filter(({ start }) => start >= from)
}

/** @returns the objects with all of these fields, in a value and below it; not those in one that is returned */
function candidatesIn(value: unknown, fields: readonly string[]): unknown[] {
  const candidates: unknown[] = []
  const open: unknown[] = [value]
  while (open.length > 0) {
    const next = open.pop()
    if (typeof next !== 'object' || next === null) continue
    if (!Array.isArray(next) && fields.every((name) => Object.hasOwn(next, name))) candidates.push(next)
    // One by one: a spread of very many would be too many arguments.
    else for (const child of Object.values(next)) open.push(child)
  }
  return candidates
}

/**
 * So many times its length may be read of a text: one that is made to be read again and again from ever other braces is no
 * answer of a model. Texts of models are read once or twice.
 */
const MOST_READINGS = 4

/** @returns the whole JSON objects of the text that stand in no other, from the first to the last: `[start, end)` */
function objectSpans(text: string): [number, number][] {
  const spans: [number, number][] = []
  let left = MOST_READINGS * text.length
  let at = nextObject(text, 0)
  while (at >= 0 && left > 0) {
    const read = readObject(text, at)
    left -= read.at - at
    for (const span of read.spans) spans.push(span)
    // Objects that were open where the reading failed fail there as well; braces in what was taken for a string may still begin one.
    at = nextStart(text, at, read)
  }
  return spans
}

interface Scan {
  /** Where it ended or failed. */
  at: number
  /** The object, or the whole ones in it when it is none; none of them stands in another. */
  spans: [number, number][]
  /** The first brace in a string, from which the text may have to be read another way; -1: there is none. */
  braceInString: number
}

function nextStart(text: string, start: number, { at, spans, braceInString }: Scan): number {
  const isWhole = spans[0]?.[0] === start
  const from = isWhole || braceInString < 0 ? Math.max(at, start + 1) : braceInString
  return nextObject(text, Math.max(from, spans.at(-1)?.[1] ?? 0))
}

/** An object with a field. */
const OBJECT = /\{[ \t\r\n]*"/g

/** @returns where the next object may begin; -1: nowhere */
function nextObject(text: string, from: number): number {
  OBJECT.lastIndex = from
  return OBJECT.exec(text)?.index ?? -1
}

/** One token of JSON: a string, a number or word, a sign. Of the control characters JSON forbids in strings only the first 32. */
const TOKEN =
  /[ \t\r\n]*(?:("(?:[^"\\\p{Cc}]|[\x7f-\x9f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*")|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)|([{}[\],:]))/uy

/** What may come next in an object or a list. */
type Expected = 'key' | 'key_or_end' | 'colon' | 'value' | 'value_or_end' | 'comma_or_end'

/** Reads JSON by its grammar from a brace on. */
function readObject(text: string, start: number): Scan {
  const open: { kind: '{' | '['; start: number }[] = []
  const spans: [number, number][] = []
  let expected: Expected = 'value'
  let braceInString = -1
  let at = start
  TOKEN.lastIndex = start
  for (;;) {
    const token = TOKEN.exec(text)
    if (token === null) return { at, spans, braceInString }
    const [whole, string, scalar, sign] = token
    const from = at + whole.length - (string ?? scalar ?? sign ?? '').length
    const next = nextExpected(expected, open.at(-1)?.kind, string !== undefined, sign)
    if (next === null) return { at, spans, braceInString }
    at = TOKEN.lastIndex
    expected = next
    if (string !== undefined && braceInString < 0) {
      const brace = string.indexOf('{')
      if (brace >= 0) braceInString = from + brace
    }
    if (sign === '{' || sign === '[') open.push({ kind: sign, start: from })
    if (sign !== '}' && sign !== ']') continue
    const closed = open.pop()
    if (closed?.kind === '{') {
      while ((spans.at(-1)?.[0] ?? -1) > closed.start) spans.pop()
      spans.push([closed.start, at])
    }
    if (open.length === 0) return { at, spans, braceInString }
  }
}

/** @returns what may follow the token; null when the token may not stand here */
function nextExpected(
  expected: Expected,
  inside: '{' | '[' | undefined,
  isString: boolean,
  sign: string | undefined,
): Expected | null {
  const isEnd = sign === (inside === '{' ? '}' : ']')
  switch (expected) {
    case 'key':
    case 'key_or_end':
      if (isString) return 'colon'
      return isEnd && expected === 'key_or_end' ? 'comma_or_end' : null
    case 'colon':
      return sign === ':' ? 'value' : null
    case 'comma_or_end':
      if (sign === ',') return inside === '{' ? 'key' : 'value'
      return isEnd ? 'comma_or_end' : null
    default:
      if (sign === undefined) return 'comma_or_end'
      if (sign === '{') return 'key_or_end'
      if (sign === '[') return 'value_or_end'
      return isEnd && expected === 'value_or_end' ? 'comma_or_end' : null
  }
}
