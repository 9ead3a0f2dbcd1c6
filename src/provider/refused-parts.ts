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

/** Words for a part in an error's text. A word alone proves nothing, because the text may quote the request. */
const WORDS: Partial<Record<Part, RegExp>> = {
  format:
    /response[ _]?(?:format|mime|schema)|json[ _](?:schema|object|mode)|structured (?:output|generation|response)s?|guided (?:decoding|json)|constrained (?:decoding|generation)|\bgrammar|['"`]schema['"`]/g,
  seed: /\bseed\b/g,
  temperature: /\btemperature\b/g,
  cap: /max_?completion_?tokens|max_?tokens|max_?output_?tokens|max_?new_?tokens/g,
  system:
    /['"`]system['"`]|\b(?:system|developer)['"`]? (?:role|message|prompt|instruction)s?\b|\brole['"`]?:? ['"`]?system\b|only (?:the )?['"`]?user['"`]?(?:,| and)|(?:rolle|рол[ьи]|角色)[^\n]{0,12}\bsystem\b|\bsystem\b[^\n]{0,12}(?:rolle|рол[ьи]|角色)/g,
  roles: /\broles?\b|\bmessages?\b|\b(?:user|assistant)\b|\brollen?\b|рол[ьи]|角色/g,
}

/**
 * Names that only a request contains, and two that are ordinary words as well. The latter count only at the beginning of a text,
 * where servers state the reason, before anything that they quote.
 */
const IDENTIFIERS: Partial<Record<Part, RegExp>> = {
  format: /response_?(?:format|mime|schema)|json_schema|json_object|guided_json/,
  cap: NAMES.cap,
}
const ORDINARY_WORDS: Partial<Record<Part, RegExp>> = { seed: /\bseed\b/, temperature: /\btemperature\b/ }
const REASON_CHARS = 160
const QUOTED_WORDS = /«[^»]*\s[^»]*(?:»|$)|“[^”]*\s[^”]*(?:”|$)|"[^"]*\s[^"]*(?:"|$)/g

/** What errors say of a refused part. */
const REFUSED =
  /not (?:\w+ )?(?:support|permit|allow|enabl|recogni|accept|implement|available|a valid|valid\b|been implemented)|n't (?:support|allow|accept)|unsupported|unrecogni[sz]ed|unknown|unavailable|unexpected|invalid|forbidden|extra_forbidden|extra inputs|cannot find|no such|deprecated|removed|only (?:the )?(?:default|[\d.]+|user)|(?:must|should|can|has to|have to) (?:only )?be|cannot|expected|enabled only|fail(?:ed|s|ure)?\b|literal_error|instead|one of|requires? |missing|strictly|ignored|disabled|не поддерж|недопуст|неизвест|запрещ|недоступ|nicht (?:\w+ )?(?:unterstützt|erlaubt|zulässig|bekannt)|ungültig|unbekannt|不支持|无效|未知|不允许/
/** What errors say of adjacent messages of one role. */
const SAME_ROLE =
  /alternat|consecutive|successive|adjacent|in a row|same role|чередова|подряд|abwechsel|aufeinander|交替|\b(user|assistant) after \1\b/
/** How far before and after the word for a part `REFUSED` may stand, within its sentence, characters. */
const BEFORE = 80
const AFTER = 160
const SENTENCE_END = /[.!?;]\s/

/** With these statuses an error is about the request; with 500 only when its text matches `VALIDATION`. */
const STATUSES = [400, 404, 405, 415, 422, 501]
const VALIDATION =
  /validat|input should be|literal_error|extra_forbidden|extra inputs|not permitted|unexpected keyword|unsupported|not supported|unrecogni[sz]ed|invalid (?:type|value|parameter|argument|request)|template|jinja|must alternate|not (?:implemented|available)/

/** A router found no provider that supports all parameters. */
const UNNAMED =
  /(?:support|handle|accept)[^\n]{0,40}(?:requested|provided|given|these|those|the|all) parameters?|unsupported parameters?\b|invalid_parameters?\b/

/**
 * @param status of the answer
 * @param parts that the request had, and that can be left out or sent in another way
 * @returns the refused parts: those that the error names as fields, or else in its text; `['unnamed']` when it names none
 */
export function findRefusedParts(status: number, error: ErrorBody, parts: readonly Part[]): RefusedPart[] {
  if (status === 401 || status === 403) return isKeyUnseen(error) && parts.includes('key') ? ['key'] : []
  const isValidation = status === 500 && VALIDATION.test(error.message)
  if (!STATUSES.includes(status) && !isValidation) return []
  const possible = isCapTooLarge(error) ? parts.filter((part) => part !== 'cap') : parts
  const names = [...error.fields, ...error.subjects, ...error.codes]
  const named = possible.filter((part) => names.some((name) => isField(name, part)))
  if (named.length > 0) return named
  const inText = possible.filter((part) => part !== 'key' && isRefusedInText(error.message, part))
  // An error about the system role mentions roles too.
  if (inText.includes('system')) return inText.filter((part) => part !== 'roles')
  if (inText.length > 0) return inText
  if (error.fields.length > 0) return []
  const mentioned = possible.filter((part) => isNamed(error.message, part))
  // Several are probably a list of what the server does accept.
  if (mentioned.length === 1) return mentioned
  const isUnnamed = UNNAMED.test(error.message) || error.codes.some((code) => UNNAMED.test(code))
  return isUnnamed && status !== 405 ? ['unnamed'] : []
}

function isField(field: string, part: Part): boolean {
  const path = field.toLowerCase()
  if (part === 'roles' || part === 'system') return part === 'system' && NAMES.roles.test(path)
  // Any step of a path like `body.response_format.type` may be the name. Not within messages, whose fields may have any name.
  if (/^(?:body\.)?messages\b/.test(path)) return false
  return path.split('.').some((step) => NAMES[part].test(step))
}

/**
 * An error about the request that has no other meaning and names a parameter is about that parameter, in any language. If it only
 * quoted a text, the next call fails in the same way, and nothing is learned.
 */
function isNamed(message: string, part: Part): boolean {
  if (IDENTIFIERS[part]?.test(message) === true) return true
  return ORDINARY_WORDS[part]?.test(message.slice(0, REASON_CHARS).replaceAll(QUOTED_WORDS, ' ')) === true
}

function isRefusedInText(message: string, part: Part): boolean {
  for (const match of message.matchAll(WORDS[part] ?? /$^/g)) {
    const end = match.index + match[0].length
    const before =
      message
        .slice(Math.max(0, match.index - BEFORE), match.index)
        .split(SENTENCE_END)
        .at(-1) ?? ''
    const after = message.slice(end, end + AFTER).split(SENTENCE_END)[0] ?? ''
    const around = before + match[0] + after
    if (part === 'roles' ? SAME_ROLE.test(around) : REFUSED.test(around)) return true
  }
  return false
}

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
