/**
 * Reads an error in whatever form a server writes it: OpenAI's object, Gemini's list, FastAPI's `detail`, one text, an error
 * inside another as text. Pure. Servers echo keys and texts in their errors: what is read here decides, and is never handed on.
 */

export interface ErrorBody {
  /** All that it says, in lower case, without addresses: a rate limit may link to a page on billing. */
  message: string
  /** Codes, types and names of errors, in lower case, outermost first. */
  codes: string[]
  /** Names of fields that are to blame, with their whole path (`messages.0.role`), as they came. */
  fields: string[]
  /** Names of keys with a text, or a list of texts, beside the usual ones, in lower case: `{"errors": {"seed": ["unknown"]}}`. */
  subjects: string[]
  /** Names of all keys that the error has a value for, in lower case: servers list what they could have said, too. */
  keys: ReadonlySet<string>
  /** What a server tells to wait in the body (Gemini's `retryDelay`), ms; null: nothing. */
  retryAfterMs: number | null
  /** false: a page of some gateway instead of an API's answer. */
  isJson: boolean
}

/** Longer errors say what they mean before they list the request. */
const MOST_CHARS = 4_000
const MOST_VALUES = 500

const CODE_KEYS = new Set([
  'code',
  'type',
  'status',
  'error_code',
  'errorcode',
  'error_type',
  '__type',
  'reason',
  'name',
  'error',
])
const FIELD_KEYS = new Set(['param', 'loc', 'field', 'parameter', 'path', 'fieldviolations'])
/** Of the request or the answer, not of the error: texts that may say anything. */
const ECHO_KEYS = new Set([
  'input',
  'failed_generation',
  'ctx',
  'url',
  'documentation',
  'help',
  'flagged_input',
  '@type',
])

/** What some servers write for nothing: one of these words, or signs alone. */
const ABSENT = /^(?:none|null|undefined|nil|n\/a|[^\p{L}\p{N}]*)$/iu
const IDENTIFIER = /^[a-zA-Z][\w.-]{0,63}$/

/** @param body as it came, JSON or not */
export function readErrorBody(body: string): ErrorBody {
  const parsed = parse(body)
  const found = {
    texts: [] as string[],
    codes: [] as string[],
    fields: [] as string[],
    subjects: [] as string[],
    keys: new Set<string>(),
  }
  const isJson = typeof parsed === 'object' && parsed !== null
  let retryAfterMs: number | null = null
  let values = 0

  const visit = (value: unknown, key: string): void => {
    values += 1
    if (values > MOST_VALUES || ECHO_KEYS.has(key)) return
    if (typeof value === 'string' || typeof value === 'number') return leaf(String(value).trim(), key)
    if (typeof value !== 'object' || value === null) return
    if (FIELD_KEYS.has(key) && Array.isArray(value)) return leaf(value.join('.'), key)
    for (const [name, child] of Object.entries(value)) {
      // The places of a list have no names of their own.
      const childKey = Array.isArray(value) ? key : name.toLowerCase()
      if (!isEmpty(child)) found.keys.add(childKey)
      if (isTold(child)) found.subjects.push(childKey)
      visit(child, childKey)
    }
  }
  const leaf = (text: string, key: string): void => {
    if (ABSENT.test(text)) return
    const nested = /^[[{]/.test(text) ? parse(text) : null
    if (typeof nested === 'object' && nested !== null) return visit(nested, key)
    if (key === 'retrydelay') retryAfterMs = secondsToMs(text)
    // A status once more, or a number that says nothing to others.
    if (CODE_KEYS.has(key) && /^\d+$/.test(text)) return
    if (FIELD_KEYS.has(key)) found.fields.push(text)
    else if (CODE_KEYS.has(key) && IDENTIFIER.test(text)) found.codes.push(text.toLowerCase())
    else found.texts.push(text)
  }

  visit(parsed, '')
  const message = isJson ? found.texts.join('\n') : body
  return {
    message: withoutAddresses(message.slice(0, MOST_CHARS).toLowerCase()),
    codes: found.codes,
    fields: found.fields,
    subjects: found.subjects,
    keys: found.keys,
    retryAfterMs,
    isJson,
  }
}

const isEmpty = (value: unknown) =>
  !value || (typeof value === 'object' && value !== null && Object.keys(value).length === 0)

/** A request that is quoted holds numbers and objects under the names of its parameters; a complaint is a text. */
const isTold = (value: unknown) => typeof (Array.isArray(value) ? value[0] : value) === 'string'

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function secondsToMs(text: string): number | null {
  const seconds = /^(\d{1,6}(?:\.\d+)?)s$/.exec(text)?.[1]
  return seconds === undefined ? null : Math.ceil(Number(seconds) * 1_000)
}

/** Without links, also those whose beginning was cut off (`console.example.com/settings/billing`). */
const withoutAddresses = (text: string) => text.replaceAll(/\bhttps?:\/\/\S+|\b[\w-]+(?:\.[\w-]+)+\/\S*/g, ' ')

/** Names that servers use for errors; whatever looks otherwise may be an echo of the request. */
const NAME = /^[a-zA-Z][a-zA-Z0-9_]{0,63}$|^\d{1,4}$/
const FIELD = /^[a-z_]{1,40}(\[\d{1,3}\])?(\.[a-z_\d]{1,40}){0,3}$/

/** @returns status, codes and names of fields for the log, none of the server's own words */
export function describeError(status: number, { codes, fields, isJson }: ErrorBody): string {
  const named = [...new Set(codes)].filter((code) => NAME.test(code) && code !== String(status)).slice(0, 3)
  const params = fields.filter((field) => FIELD.test(field)).slice(0, 2)
  return [
    `HTTP ${status}`,
    ...named.map((code) => `code ${code}`),
    ...params.map((field) => `param ${field}`),
    ...(isJson ? [] : ['not JSON']),
  ].join(', ')
}
