/** Reads an answer with status 200: a completion, a failed one, or a gateway's error in its place. Pure. */
import type { FailureCode } from '../errors.ts'
import type { Classified } from './classify.ts'
import { classified, classifyStatus } from './classify.ts'
import { readErrorBody } from './error-body.ts'
import { END_OF_THINKING } from './find-answer.ts'
import type { Usage } from './reply.ts'

export type ReadCompletion =
  | { ok: true; content: string; model: string; usage: Usage | null }
  | { ok: false; failure: Classified; usage: Usage | null }

/** Servers' `finish_reason` for an answer that reached its cap, and for one that their filter removed; in lower case. */
const CUT_OFF = /^(?:length|max_?(?:output_?)?tokens|model_length)$/
const FILTERED = /^(?:content_?filter|safety|prohibited_content|blocklist|recitation|spii|sensitive)$/

/** @param body of an answer with 200, parsed; it may be anything, since gateways answer 200 with errors and pages of their own */
export function classifyCompletion(body: unknown): ReadCompletion {
  const usage = readUsage(field(body, 'usage'))
  try {
    return readCompletion(body, usage)
  } catch (error) {
    // JSON.stringify recurses, and fails with thousands of levels.
    if (!(error instanceof RangeError)) throw error
    return { ok: false, failure: classified('no_completion', 'HTTP 200 with an answer nested too deeply'), usage }
  }
}

/** @throws RangeError when the body is nested too deeply */
function readCompletion(body: unknown, usage: Usage | null): ReadCompletion {
  const failed = (found: Classified): ReadCompletion => ({ ok: false, failure: found, usage })
  const failure = (code: FailureCode, detail: string) => failed(classified(code, detail))
  const choices = field(body, 'choices')
  const choice: unknown = Array.isArray(choices) ? choices[0] : undefined
  const upstream = upstreamErrors(body, choice)
    .map(statedError)
    .find((found) => found !== null)
  if (upstream !== undefined) return failed(upstream)
  if (!Array.isArray(choices) && upstreamErrors(body, choice).some(isError)) {
    return failure('outage', 'HTTP 200 with an error and no completion')
  }
  if (!Array.isArray(choices)) return failure('no_completion', 'HTTP 200 with no completion')
  if (choices.length === 0) return failure('no_completion', 'HTTP 200 with no choices')
  const message = field(choice, 'message')
  const refusal = field(message, 'refusal')
  const content = textOf(field(message, 'content'))
  const finish = String(field(choice, 'finish_reason')).toLowerCase()
  if (finish === 'error' || isObject(field(choice, 'error')) || isObject(field(message, 'error')))
    return failure('outage', 'HTTP 200 with an upstream error')
  // Before reading the content, since a cut-off answer may be valid JSON by chance.
  if (CUT_OFF.test(finish)) {
    return failure(isThoughtOut(body, message, content) ? 'thought_out' : 'cut_off', 'finish_reason length')
  }
  if (FILTERED.test(finish)) return failure('content_filter', 'finish_reason content_filter')
  if (typeof refusal === 'string' && refusal !== '') return failure('refused_by_model', 'the model refused')
  // Some servers return the whole answer as reasoning, as a parsed object, or as a function's arguments.
  const text = content.trim() === '' ? allTexts(message) : content
  if (text.trim() === '') return failure('unusable_answer', 'HTTP 200 with no content')
  const model = field(body, 'model')
  return { ok: true, content: text, model: typeof model === 'string' ? model : '', usage }
}

/** @returns the places in which gateways report an error despite status 200 */
const upstreamErrors = (body: unknown, choice: unknown): unknown[] => [
  ...[Array.isArray(body) ? (body[0] as unknown) : body, choice].flatMap((of) => [
    field(of, 'error'),
    field(of, 'errors'),
  ]),
  field(field(choice, 'message'), 'error'),
]

const isError = (error: unknown): boolean =>
  (typeof error === 'string' && error !== '') || (isObject(error) && Object.keys(error).length > 0)

/** OpenRouter and others answer 200 and put the upstream's status into the body. @returns null without a status or a rate limit */
function statedError(error: unknown): Classified | null {
  if (Array.isArray(error)) return statedError(error[0])
  if (!isObject(error)) return null
  const status = Number(field(error, 'code') ?? field(error, 'status'))
  if (status >= 400 && status <= 599) return classifyStatus(status, JSON.stringify({ error }))
  const { codes } = readErrorBody(JSON.stringify({ error }))
  return codes.some((code) => /rate_?limit/.test(code)) ? classified('rate_limited', 'HTTP 200, a rate limit') : null
}

/**
 * @returns the text of a message's content, which may be a string, a part, a list of parts (those with reasoning are left out),
 *   or the answer itself as an object
 */
function textOf(content: unknown): string {
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) {
    if (!isObject(content)) return ''
    return field(content, 'type') === undefined ? JSON.stringify(content) : textOf([content])
  }
  const texts = content.map((part: unknown) => {
    if (typeof part === 'string') return part
    const type = field(part, 'type') ?? 'text'
    const given = field(part, 'text')
    const text = field(given, 'value') ?? given
    return (type === 'text' || type === 'output_text') && typeof text === 'string' ? text : ''
  })
  return texts.join('')
}

/** @returns the texts in a message that may hold the answer, one on each line; parsed objects and arguments as JSON */
function allTexts(message: unknown): string {
  const texts: string[] = []
  const pending: [key: string, value: unknown][] = isObject(message) ? Object.entries(message).toReversed() : []
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const [key, value] = next
    if (typeof value === 'string' && !NOT_ANSWERS.has(key)) texts.push(value)
    if (!isObject(value)) continue
    if (key === 'parsed' || key === 'arguments' || key === 'input') texts.push(JSON.stringify(value))
    else for (const child of Object.entries(value)) pending.push(child)
  }
  return texts.join('\n')
}

const NOT_ANSWERS: ReadonlySet<string> = new Set(['role', 'refusal', 'content', 'type', 'id', 'name', 'signature'])

/** Whether a cut-off answer is only or mostly reasoning: the next answer would be cut off in the same way. */
function isThoughtOut(body: unknown, message: unknown, content: string): boolean {
  const text = content.trim()
  const end = [...text.matchAll(END_OF_THINKING)].at(-1)
  if (text === '' || (START_OF_THINKING.test(text) && end === undefined)) return true
  const usage = field(body, 'usage')
  const thought = field(field(usage, 'completion_tokens_details'), 'reasoning_tokens')
  const all = field(usage, 'completion_tokens')
  if (typeof thought === 'number' && typeof all === 'number' && thought > 0) return thought > all / 2
  const within = end === undefined ? '' : text.slice(0, end.index).replace(TAG, '')
  const apart = [field(message, 'reasoning_content'), field(message, 'reasoning')].map(textOf).join('')
  const answer = end === undefined ? text : text.slice(end.index + end[0].length)
  return within.length + apart.length > answer.length
}

/** The whole mark that begins the thinking. */
const TAG = /^[<[◁][^>\]▷]{0,40}[>\]▷]/

/** The counterparts of find-answer.ts's `END_OF_THINKING`. */
const START_OF_THINKING =
  /^(?:<[|]?[^<>\s/]{0,20}(?:think|thought|reason|reflect|analysis)|\[think|◁think|<\|channel\|>analysis)/i

function readUsage(usage: unknown): Usage | null {
  const count = (name: string) => {
    const value = field(usage, name)
    return Number.isSafeInteger(value) && (value as number) >= 0 ? (value as number) : null
  }
  const promptTokens = count('prompt_tokens')
  const completionTokens = count('completion_tokens')
  if (promptTokens === null || completionTokens === null) return null
  const totalTokens = count('total_tokens') ?? 0
  return { promptTokens, completionTokens, totalTokens: Math.max(totalTokens, promptTokens + completionTokens) }
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null

function field(of: unknown, name: string): unknown {
  return isObject(of) ? (of as Record<string, unknown>)[name] : undefined
}
