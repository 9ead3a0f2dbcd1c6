/**
 * Finds the one JSON object in a model's text that follows a schema: after its thinking, in a code fence, between sentences,
 * before end-of-turn marks, inside a list or another object. It repairs and guesses nothing: a cut-off object, a wrong type, or
 * two different objects are no answer. The time is linear in the length of the text, whatever the text.
 */

export type AnswerSearch<T> =
  | { ok: true; answer: T }
  /** `why` is for the log: names of fields, no text of the model. */
  | { ok: false; why: string }

export interface AnswerRules<T> {
  /** The names of the fields that every answer has. */
  fields: readonly string[]
  /** Called with each object that has all of these fields. */
  validate: (value: unknown) => AnswerSearch<T>
}

interface Found<T> {
  start: number
  end: number
  answer: T
}

/**
 * The end of a model's thinking, in the notations of open models: `</think>`, `</reasoning>`, `[/THINK]`, `◁/think▷`, the final
 * channel of gpt-oss. Each repetition is bounded, so that a search takes linear time.
 */
export const END_OF_THINKING =
  /<[/|][^<>\s]{0,20}(?:think|thought|reason|reflect|analysis)[^<>\s]{0,20}>|\[\/think(?:ing)?\]|◁\/think▷|<\|channel\|>final/gi
/** The marks after a model's last word: `<|im_end|>`, `</s>`, `<end_of_turn>`. */
const END_OF_TURN = /<[^<>]{1,40}>/g

/** A text with more objects that have the fields of an answer counts as no answer. */
const MAX_CANDIDATES = 50

/**
 * @returns the answer, even when the text repeats it; otherwise why there is none
 */
export function findAnswer<T>(text: string, rules: AnswerRules<T>): AnswerSearch<T> {
  const found: Found<T>[] = []
  let last: unknown
  let candidates = 0
  for (const { start, end, value: object } of objectsIn(text)) {
    last = object
    for (const value of candidatesIn(last, rules.fields)) {
      candidates += 1
      if (candidates > MAX_CANDIDATES) return { ok: false, why: 'too many objects that look like answers' }
      const read = rules.validate(value)
      if (read.ok) found.push({ start, end, answer: read.answer })
    }
  }
  const answers = afterThinking(text, found)
  const [first] = answers
  if (first === undefined) return last === undefined ? { ok: false, why: 'no JSON' } : noAnswer(last, found, rules)
  const equal = new Set(answers.map(({ answer }) => JSON.stringify(answer)))
  return equal.size === 1 ? { ok: true, answer: first.answer } : { ok: false, why: 'several different answers' }
}

/** @returns why a text with objects has no answer */
function noAnswer<T>(last: unknown, found: Found<T>[], { validate }: AnswerRules<T>): AnswerSearch<T> {
  const read = validate(last)
  return !read.ok && found.length === 0 ? read : { ok: false, why: 'no answer after the thinking' }
}

/** Objects within the thinking are drafts, unless no text follows the thinking. */
function afterThinking<T>(text: string, found: Found<T>[]): Found<T>[] {
  let from = 0
  let index = 0
  for (const match of text.matchAll(END_OF_THINKING)) {
    // Skip a mark within an answer: the answer may quote it.
    while (index < found.length && (found[index]?.end ?? 0) <= match.index) index += 1
    if ((found[index]?.start ?? Infinity) > match.index) from = match.index + match[0].length
  }
  if (text.slice(from).replaceAll(END_OF_TURN, '').trim() === '') return found
  return found.filter(({ start }) => start >= from)
}

/** @returns the objects with all of these fields, at any depth of the value, but not within one another */
function candidatesIn(value: unknown, fields: readonly string[]): unknown[] {
  const candidates: unknown[] = []
  const pending: unknown[] = [value]
  while (pending.length > 0) {
    const next = pending.pop()
    if (typeof next !== 'object' || next === null) continue
    if (!Array.isArray(next) && fields.every((name) => Object.hasOwn(next, name))) candidates.push(next)
    // One by one, because `push(...values)` fails with very many values.
    else for (const child of Object.values(next)) pending.push(child)
  }
  return candidates
}

/**
 * A text is read at most this many times over. Models' texts need one or two readings; a text could be made to need a new
 * reading from each of its braces.
 */
const MAX_READINGS = 4

/** @returns the complete outermost JSON objects of the text and their places `[start, end)`, in order */
function objectsIn(text: string): { start: number; end: number; value: unknown }[] {
  const whole = onlyObject(text)
  if (whole !== undefined) return [{ start: 0, end: text.length, value: whole }]
  return objectSpans(text).map(([start, end]) => ({ start, end, value: JSON.parse(text.slice(start, end)) }))
}

/** Most texts are nothing but an object, which JSON.parse finds out sooner than a look at each token. */
function onlyObject(text: string): unknown {
  if (!/^\s*\{/.test(text)) return undefined
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** @returns the places `[start, end)` of the complete outermost JSON objects in the text, in order */
function objectSpans(text: string): [number, number][] {
  const spans: [number, number][] = []
  let left = MAX_READINGS * text.length
  let at = nextObject(text, 0)
  while (at >= 0 && left > 0) {
    const read = readObject(text, at)
    left -= read.at - at
    for (const span of read.spans) spans.push(span)
    // The objects that were unfinished where the reading failed cannot succeed; braces within a supposed string may begin another.
    at = nextStart(text, at, read)
  }
  return spans
}

interface Scan {
  /** Where the reading ended or failed. */
  at: number
  /** The complete object; when the reading failed, the outermost complete objects within it. */
  spans: [number, number][]
  /** The first brace within a string: if the string was a mistake, an object may begin there. -1: there is none. */
  braceInString: number
}

function nextStart(text: string, start: number, { at, spans, braceInString }: Scan): number {
  const isWhole = spans[0]?.[0] === start
  const from = isWhole || braceInString < 0 ? Math.max(at, start + 1) : braceInString
  return nextObject(text, Math.max(from, spans.at(-1)?.[1] ?? 0))
}

/** The beginning of an object with a field. */
const OBJECT = /\{[ \t\r\n]*"/g

/** @returns where the next object may begin; -1: there is none */
function nextObject(text: string, from: number): number {
  OBJECT.lastIndex = from
  return OBJECT.exec(text)?.index ?? -1
}

/** One JSON token: a string, a number or word, or a sign. JSON forbids only the first 32 control characters in strings. */
const TOKEN =
  /[ \t\r\n]*(?:("(?:[^"\\\p{Cc}]|[\x7f-\x9f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*")|(-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)|([{}[\],:]))/uy

/** The token that may come next in an object or a list. */
type Expected = 'key' | 'key_or_end' | 'colon' | 'value' | 'value_or_end' | 'comma_or_end'

/** Reads JSON from a brace on, token by token. */
function readObject(text: string, start: number): Scan {
  const unfinished: { kind: '{' | '['; start: number }[] = []
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
    const next = nextExpected(expected, unfinished.at(-1)?.kind, string !== undefined, sign)
    if (next === null) return { at, spans, braceInString }
    at = TOKEN.lastIndex
    expected = next
    if (string !== undefined && braceInString < 0) {
      const brace = string.indexOf('{')
      if (brace >= 0) braceInString = from + brace
    }
    if (sign === '{' || sign === '[') unfinished.push({ kind: sign, start: from })
    if (sign !== '}' && sign !== ']') continue
    const closed = unfinished.pop()
    if (closed?.kind === '{') {
      while ((spans.at(-1)?.[0] ?? -1) > closed.start) spans.pop()
      spans.push([closed.start, at])
    }
    if (unfinished.length === 0) return { at, spans, braceInString }
  }
}

/** @returns what may follow this token; null when the token is not allowed here */
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
