/**
 * Finds out which part of a request a server refused. Pure. It looks for our parameters' names, or the usual words for them, in an
 * error of any form. Only parts that the request had can have been refused.
 */
import type { ErrorBody } from './error-body.ts'

/** What a server may refuse, and what can be left out or sent in another way. */
export type Part = 'format' | 'seed' | 'temperature' | 'cap' | 'roles' | 'system' | 'key'

/** `unnamed`: the server does not say which part. */
export type RefusedPart = Part | 'unnamed'

/** The parameter names of a part, as bodies and errors have them. A field with such a name means this part. */
const NAMES: Record<Part, RegExp> = {
  format: /response_?(?:format|mime|schema)|json_?schema|json_object|guided_json|^schema$/,
  seed: /^seed$/,
  temperature: /^temperature$/,
  cap: /max_?completion_?tokens|max_?tokens|max_?output_?tokens|max_?new_?tokens/,
  roles: /^(?:body\.)?messages\b.*\brole$/,
  system: /^system(?:_instruction|_prompt)?$/,
  key: /^(?:x-)?api-key$/,
}

/**
 * Names that only a request contains. These count anywhere in an error. `ORDINARY_WORDS` have other meanings too, so they count
 * only at the beginning of a text, where servers state the reason, before anything that they quote.
 */
const IDENTIFIERS: Partial<Record<Part, RegExp>> = {
  format: /response_?(?:format|mime|schema)|json_schema|json_object|guided_json/,
  cap: NAMES.cap,
}
const ORDINARY_WORDS: Partial<Record<Part, RegExp>> = {
  format:
    /response (?:format|mime|schema)|\bjson (?:schema|object|mode)|structured (?:output|generation|response)s?|guided (?:decoding|json)|constrained (?:decoding|generation)|\bgrammar\b|\bschema\b/,
  seed: /\bseed\b/,
  temperature: /\btemperature\b/,
}
const REASON_CHARS = 160
const QUOTED = /«[^»]*(?:»|$)|“[^”]*(?:”|$)|"[^"]*(?:"|$)/g

const SYSTEM =
  /['"`]system['"`]|\b(?:system|developer)['"`]? (?:role|message|prompt|instruction)s?\b|\brole['"`]?:? ['"`]?system\b|only (?:the )?['"`]?user['"`]?(?:,| and)|(?:rolle|рол[ьи]|角色)[^\n]{0,12}\bsystem\b|\bsystem\b[^\n]{0,12}(?:rolle|рол[ьи]|角色)/
const ROLES = /\broles?\b|\bmessages?\b|\b(?:user|assistant)\b|\brollen?\b|рол[ьи]|角色/
/** What errors say of adjacent messages of one role. */
const SAME_ROLE =
  /alternat|consecutive|successive|adjacent|in a row|same role|чередова|подряд|abwechsel|aufeinander|交替|\b(user|assistant) after \1\b/
const SENTENCE_END = /[.!?;]\s/

/** Three or more names in a row. */
const LIST = /(?:['"`]?\b[\w.]{1,40}['"`]?(?:\s*,\s*|\s+(?:and|or)\s+)){2,}['"`]?[\w.]{1,40}/g

/** A field that holds a text. An error that names it is about the text. */
const TEXT = /^(?:body\W+)?(?:messages\b.*\b(?:content|text)|prompt|input)\b/

/** With these statuses an error is about the request; with 500 only when its text matches `VALIDATION`. */
const STATUSES = [400, 404, 405, 415, 501]
const VALIDATION =
  /validat|input should be|literal_error|extra_forbidden|extra inputs|not permitted|unexpected keyword|unsupported|not supported|unrecogni[sz]ed|invalid (?:type|value|parameter|argument|request)|template|jinja|must alternate|not (?:implemented|available)/

/** A router found no provider that supports all parameters. */
const UNNAMED =
  /(?:support|handle|accept)[^\n]{0,40}(?:requested|provided|given|these|those|the|all) parameters?|unsupported[ _]param/

/**
 * @param status of the answer
 * @param parts that the request had, and that can be left out or sent in another way
 * @returns the refused parts: those that the error names as fields, or else in its text; `['unnamed']` when it only
 *   says that some parameter was refused; `[]` when it is about something else
 */
export function findRefusedParts(status: number, error: ErrorBody, parts: readonly Part[]): RefusedPart[] {
  if (status === 401 || status === 403) return isKeyUnseen(error) && parts.includes('key') ? ['key'] : []
  const isValidation = status === 500 && VALIDATION.test(error.message)
  if (!STATUSES.includes(status) && !isValidation) return []
  const possible = isCapTooLarge(error) ? parts.filter((part) => part !== 'cap') : parts
  const names = [...error.fields, ...error.subjects, ...error.codes]
  const named = possible.filter((part) => names.some((name) => isField(name, part)))
  if (named.length > 0) return named
  if (error.fields.some((field) => TEXT.test(field))) return []
  const inText = possible.filter((part) => isRefusedInText(error.message, part))
  // An error about the order of roles may mention the system role too.
  if (inText.includes('roles')) return inText.filter((part) => part !== 'system')
  if (inText.length > 0) return inText
  if (error.fields.length > 0) return []
  const isUnnamed = UNNAMED.test(error.message) || error.codes.some((code) => UNNAMED.test(code))
  return isUnnamed && status !== 405 ? ['unnamed'] : []
}

function isField(field: string, part: Part): boolean {
  const path = field.toLowerCase()
  if (part === 'roles') return /(?:message|role)s?_order/.test(path)
  if (part === 'system') return NAMES.roles.test(path)
  // Any step of a path like `body.response_format.type` may be the name. Not within messages, whose fields may have any name.
  if (/^(?:body\.)?messages\b/.test(path)) return false
  return path.split('.').some((step) => NAMES[part].test(step))
}

/**
 * An error about the request that has no other meaning and names a part is about that part, in any language. If it only quoted a
 * text, the next call fails in the same way, and nothing is learned.
 */
function isRefusedInText(message: string, part: Part): boolean {
  if (part === 'roles') return message.split(SENTENCE_END).some((said) => ROLES.test(said) && SAME_ROLE.test(said))
  if (part === 'system') return SYSTEM.test(message)
  const said = message.replaceAll(LIST, (names) => (isListOfParts(names) ? ' ' : names))
  if (IDENTIFIERS[part]?.test(said) === true) return true
  return ORDINARY_WORDS[part]?.test(said.slice(0, REASON_CHARS).replaceAll(QUOTED, withoutSentence)) === true
}

/** A single quoted word may be a name; several are a text. */
const withoutSentence = (quoted: string) => (/\S\s+\S/.test(quoted.slice(1, -1).trim()) ? ' ' : quoted)

/** A list of several parts states what the server does accept. */
const isListOfParts = (names: string) =>
  [NAMES.format, NAMES.cap, ...Object.values(ORDINARY_WORDS)].filter((name) => name.test(names)).length > 2

/** Whether the server says that it got no key, though one was sent: it expects the key in another header. */
function isKeyUnseen({ message }: ErrorBody): boolean {
  if (/(?:x-)?api-key|subscription key/.test(message)) return true
  return (
    /\bkey\b|token|credential|authentication/.test(message) &&
    /missing|not (?:provided|found|supplied|present)|no (?:api )?key|required/.test(message)
  )
}

/** Whether the cap's value is refused, for exceeding the model's limit, and not its name. */
export function isCapTooLarge({ message }: ErrorBody): boolean {
  return /max_?\w*tokens|(?:completion|output) tokens/.test(message) && TOO_LARGE.test(message)
}

const TOO_LARGE =
  /too (?:large|high|big)|at most|exceed|(?:less|lower|smaller) than|maximum (?:value|allowed|of|is)|valid range|<= ?\d/
