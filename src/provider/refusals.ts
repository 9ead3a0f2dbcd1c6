/**
 * Which part of a request a server refuses. Pure. Recognised by what was asked: the name of a parameter of ours, or what it is
 * called in words, in an error of any form. A part that the request did not have cannot have been refused.
 */
import type { ErrorBody } from './error-body.ts'

/** What a server may refuse and can be asked for in another way. */
export type Part = 'format' | 'seed' | 'temperature' | 'cap' | 'roles' | 'system' | 'key'

/** `unnamed`: something of it, the server does not say what. */
export type Refusal = Part | 'unnamed'

/** The names of a part, in bodies and errors; whoever names one of these speaks of it. */
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
 * The names that only a request has: these count wherever they stand in an error. Words that have other meanings as well count
 * where servers say what is wrong, at the beginning, before anything that they quote.
 */
const IDENTIFIERS: Partial<Record<Part, RegExp>> = {
  format: /response_?(?:format|mime|schema)|json_schema|json_object|guided_json/,
  cap: NAMES.cap,
}
const SPOKEN: Partial<Record<Part, RegExp>> = {
  format:
    /response (?:format|mime|schema)|\bjson (?:schema|object|mode)|structured (?:output|generation|response)s?|guided (?:decoding|json)|constrained (?:decoding|generation)|\bgrammar\b|\bschema\b/,
  seed: /\bseed\b/,
  temperature: /\btemperature\b/,
}
const SPOKEN_WITHIN_CHARS = 160
const QUOTED = /«[^»]*(?:»|$)|“[^”]*(?:”|$)|"[^"]*(?:"|$)/g

const SYSTEM =
  /['"`]system['"`]|\b(?:system|developer)['"`]? (?:role|message|prompt|instruction)s?\b|\brole['"`]?:? ['"`]?system\b|only (?:the )?['"`]?user['"`]?(?:,| and)|(?:rolle|рол[ьи]|角色)[^\n]{0,12}\bsystem\b|\bsystem\b[^\n]{0,12}(?:rolle|рол[ьи]|角色)/
const ROLES = /\broles?\b|\bmessages?\b|\b(?:user|assistant)\b|\brollen?\b|рол[ьи]|角色/
/** What is said of two messages of one role that follow each other. */
const SAME_ROLE =
  /alternat|consecutive|successive|adjacent|in a row|same role|чередова|подряд|abwechsel|aufeinander|交替|\b(user|assistant) after \1\b/
const SENTENCE_END = /[.!?;]\s/

/** Names in a row, with nothing said of each. */
const LIST = /(?:['"`]?\b[\w.]{1,40}['"`]?(?:\s*,\s*|\s+(?:and|or)\s+)){2,}['"`]?[\w.]{1,40}/g

/** The field of a text: whatever the error says is said of it. */
const TEXT = /^(?:body\W+)?(?:messages\b.*\b(?:content|text)|prompt|input)\b/

/** With these, a server speaks of the request; with 500 only when it says so. */
const STATUSES = [400, 404, 405, 415, 501]
const VALIDATION =
  /validat|input should be|literal_error|extra_forbidden|extra inputs|not permitted|unexpected keyword|unsupported|not supported|unrecogni[sz]ed|invalid (?:type|value|parameter|argument|request)|template|jinja|must alternate|not (?:implemented|available)/

/** No provider of a router takes all of what was asked. */
const UNNAMED =
  /(?:support|handle|accept)[^\n]{0,40}(?:requested|provided|given|these|those|the|all) parameters?|unsupported parameters?\b|invalid_parameters?\b/

/**
 * @param status of the answer
 * @param parts that the request had, and that could be asked for in another way
 * @returns the parts that were refused, those that the error names as fields first; 'unnamed' alone when it names none
 */
export function findRefusals(status: number, error: ErrorBody, parts: readonly Part[]): Refusal[] {
  if (status === 401 || status === 403) return isKeyUnseen(error) && parts.includes('key') ? ['key'] : []
  const isValidation = status === 500 && VALIDATION.test(error.message)
  if (!STATUSES.includes(status) && !isValidation) return []
  const possible = isCapTooLarge(error) ? parts.filter((part) => part !== 'cap') : parts
  const names = [...error.fields, ...error.subjects, ...error.codes]
  const named = possible.filter((part) => names.some((name) => isField(name, part)))
  if (named.length > 0) return named
  if (error.fields.some((field) => TEXT.test(field))) return []
  const told = possible.filter((part) => isToldRefused(error.message, part))
  // Whoever wants alternating roles may speak of the system's, too.
  if (told.length > 0) return told.includes('roles') ? told.filter((part) => part !== 'system') : told
  if (error.fields.length > 0) return []
  const isUnnamed = UNNAMED.test(error.message) || error.codes.some((code) => UNNAMED.test(code))
  return isUnnamed && status !== 405 ? ['unnamed'] : []
}

function isField(field: string, part: Part): boolean {
  const path = field.toLowerCase()
  if (part === 'roles') return /(?:message|role)s?_order/.test(path)
  if (part === 'system') return NAMES.roles.test(path)
  // `body.response_format.type`: one of its steps is the name; a message or schema may have fields of any name.
  if (/^(?:body\.)?messages\b/.test(path)) return false
  return path.split('.').some((step) => NAMES[part].test(step))
}

/**
 * An error about the request that has no other meaning and names a part is about that part, in whatever words or language. Where
 * it only quoted a text, the next call fails in the same way, and nothing is learned.
 */
function isToldRefused(message: string, part: Part): boolean {
  if (part === 'roles') return message.split(SENTENCE_END).some((said) => ROLES.test(said) && SAME_ROLE.test(said))
  if (part === 'system') return SYSTEM.test(message)
  const said = message.replaceAll(LIST, (names) => (isListOfParts(names) ? ' ' : names))
  if (IDENTIFIERS[part]?.test(said) === true) return true
  return SPOKEN[part]?.test(said.slice(0, SPOKEN_WITHIN_CHARS).replaceAll(QUOTED, withoutSentence)) === true
}

/** One word in quotation marks may be a name; more of them are a text. */
const withoutSentence = (quoted: string) => (/\S\s+\S/.test(quoted.slice(1, -1).trim()) ? ' ' : quoted)

/** It lists what the server does take. */
const isListOfParts = (names: string) =>
  [NAMES.format, NAMES.cap, ...Object.values(SPOKEN)].filter((name) => name.test(names)).length > 2

/** It says that no key came, though one was sent: it looks for it elsewhere. */
function isKeyUnseen({ message }: ErrorBody): boolean {
  if (/(?:x-)?api-key|subscription key/.test(message)) return true
  return (
    /\bkey\b|token|credential|authentication/.test(message) &&
    /missing|not (?:provided|found|supplied|present)|no (?:api )?key|required/.test(message)
  )
}

/** The answer's cap is not refused by its name: it is above what the model can. */
export function isCapTooLarge({ message }: ErrorBody): boolean {
  return /max_?\w*tokens|(?:completion|output) tokens/.test(message) && TOO_LARGE.test(message)
}

const TOO_LARGE =
  /too (?:large|high|big)|at most|exceed|(?:less|lower|smaller) than|maximum (?:value|allowed|of|is)|valid range|<= ?\d/
