/**
 * Reads an error body in any of the forms that servers use: OpenAI's object, Gemini's list, FastAPI's `detail`, a plain text, an
 * error nested in another as text. Pure. Servers echo keys and texts in errors, so the texts are never passed on.
 */

export interface ErrorBody {
  /** All texts of the error, in lower case, without links: a rate limit may link to a page on billing. */
  message: string
  /** Error codes, types and names, in the order of the body and in one spelling: `invalid_api_key` for `InvalidApiKey` too. */
  codes: string[]
  /** The fields that the error blames, with their whole path (`messages.0.role`), as received. */
  fields: string[]
  /** Keys that hold a text or a list of texts, in lower case: `seed` in `{"errors": {"seed": ["unknown"]}}`. */
  subjects: string[]
  /** All keys with a value, in lower case. Servers list empty ones too. */
  keys: ReadonlySet<string>
  /** The delay that the body asks for (Gemini's `retryDelay`), ms; null: none. */
  retryAfterMs: number | null
  /** false: probably a gateway's page instead of an API's answer. */
  isJson: boolean
}

/** Longer errors state their reason first and quote the request after it. */
const MAX_CHARS = 4_000
const MAX_VALUES = 500
/** A longer body is read as plain text: JSON of megabytes would block the event loop for a second. */
const MAX_JSON_CHARS = 256 * 1_024

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
/** Keys whose values say nothing about the error: they quote the request or the answer, or link to a page. */
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

/** What some servers write for a missing value: one of these words, or only punctuation. */
const ABSENT = /^(?:none|null|undefined|nil|n\/a|[^\p{L}\p{N}]*)$/iu
const IDENTIFIER = /^[a-zA-Z][\w.-]{0,63}$/

/** @param body as received, JSON or not */
export function readErrorBody(body: string): ErrorBody {
  const parsed = body.length > MAX_JSON_CHARS ? null : parse(body)
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
    if (values > MAX_VALUES || ECHO_KEYS.has(key)) return
    if (typeof value === 'string' || typeof value === 'number') return leaf(String(value).trim(), key)
    if (typeof value !== 'object' || value === null) return
    if (FIELD_KEYS.has(key) && Array.isArray(value)) return leaf(value.join('.'), key)
    for (const [name, child] of Object.entries(value)) {
      // Items of a list have the name of the list.
      const childKey = Array.isArray(value) ? key : name.toLowerCase()
      if (!isEmpty(child)) found.keys.add(childKey)
      if (isText(child)) found.subjects.push(childKey)
      visit(child, childKey)
    }
  }
  const leaf = (text: string, key: string): void => {
    if (ABSENT.test(text)) return
    const nested = /^[[{]/.test(text) ? parse(text) : null
    if (typeof nested === 'object' && nested !== null) return visit(nested, key)
    if (key === 'retrydelay') retryAfterMs = secondsToMs(text)
    // The status again, or a number that means something to this server only.
    if (CODE_KEYS.has(key) && /^\d+$/.test(text)) return
    if (FIELD_KEYS.has(key)) found.fields.push(text)
    else if (CODE_KEYS.has(key) && IDENTIFIER.test(text)) found.codes.push(inSnakeCase(text))
    else found.texts.push(text)
  }

  visit(parsed, '')
  const message = isJson ? found.texts.join('\n') : body
  return {
    message: withoutAddresses(message.slice(0, MAX_CHARS).toLowerCase()),
    codes: found.codes,
    fields: found.fields,
    subjects: found.subjects,
    keys: found.keys,
    retryAfterMs,
    isJson,
  }
}

const inSnakeCase = (code: string) =>
  code.replaceAll(/(?<=[a-z\d])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/g, '_').toLowerCase()

const isEmpty = (value: unknown) =>
  !value || (typeof value === 'object' && value !== null && Object.keys(value).length === 0)

/** A quoted request has numbers and objects under the names of its parameters; an error message is a text. */
const isText = (value: unknown) => typeof (Array.isArray(value) ? value[0] : value) === 'string'

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

/** Removes links, also those without a scheme (`console.example.com/settings/billing`). */
const withoutAddresses = (text: string) => text.replaceAll(/\bhttps?:\/\/\S+|\b[\w-]+(?:\.[\w-]+)+\/\S*/g, ' ')

/** What error codes look like. Anything else may quote the request. */
const NAME = /^[a-zA-Z][a-zA-Z0-9_]{0,63}$|^\d{1,4}$/
const FIELD = /^[a-z_]{1,40}(\[\d{1,3}\])?(\.[a-z_\d]{1,40}){0,3}$/

/** @returns status, codes and names of fields for the log, without the server's own texts */
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
