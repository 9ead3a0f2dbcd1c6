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

/** The same in the words of a text, where a word alone proves nothing: texts are echoed. */
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
 * The names that only a request has, and the two that are words as well: these count where servers say what is wrong, at the
 * beginning, before anything that they quote.
 */
const IDENTIFIERS: Partial<Record<Part, RegExp>> = {
  format: /response_?(?:format|mime|schema)|json_schema|json_object|guided_json/,
  cap: NAMES.cap,
}
const SPOKEN: Partial<Record<Part, RegExp>> = { seed: /\bseed\b/, temperature: /\btemperature\b/ }
const SPOKEN_WITHIN_CHARS = 160
const QUOTED_WORDS = /«[^»]*\s[^»]*(?:»|$)|“[^”]*\s[^”]*(?:”|$)|"[^"]*\s[^"]*(?:"|$)/g

/** What is said of something that is refused. */
const REFUSED =
  /not (?:\w+ )?(?:support|permit|allow|enabl|recogni|accept|implement|available|a valid|valid\b|been implemented)|n't (?:support|allow|accept)|unsupported|unrecogni[sz]ed|unknown|unavailable|unexpected|invalid|forbidden|extra_forbidden|extra inputs|cannot find|no such|deprecated|removed|only (?:the )?(?:default|[\d.]+|user)|(?:must|should|can|has to|have to) (?:only )?be|cannot|expected|enabled only|fail(?:ed|s|ure)?\b|literal_error|instead|one of|requires? |missing|strictly|ignored|disabled|не поддерж|недопуст|неизвест|запрещ|недоступ|nicht (?:\w+ )?(?:unterstützt|erlaubt|zulässig|bekannt)|ungültig|unbekannt|不支持|无效|未知|不允许/
/** What is said of two messages of one role that follow each other. */
const SAME_ROLE =
  /alternat|consecutive|successive|adjacent|in a row|same role|чередова|подряд|abwechsel|aufeinander|交替|\b(user|assistant) after \1\b/
/** So far from its name is what is said of a part, within its sentence. */
const BEFORE = 80
const AFTER = 160
const SENTENCE_END = /[.!?;]\s/

/** With these, a server speaks of the request; with 500 only when it says so. */
const STATUSES = [400, 404, 405, 415, 422, 501]
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
  const told = possible.filter((part) => part !== 'key' && isToldRefused(error.message, part))
  // Whoever does not take the system's role says so in words that speak of roles, too.
  if (told.includes('system')) return told.filter((part) => part !== 'roles')
  if (told.length > 0) return told
  if (error.fields.length > 0) return []
  const spoken = possible.filter((part) => isNamed(error.message, part))
  // More than one is a list of what the server does take.
  if (spoken.length === 1) return spoken
  const isUnnamed = UNNAMED.test(error.message) || error.codes.some((code) => UNNAMED.test(code))
  return isUnnamed && status !== 405 ? ['unnamed'] : []
}

function isField(field: string, part: Part): boolean {
  const path = field.toLowerCase()
  if (part === 'roles' || part === 'system') return part === 'system' && NAMES.roles.test(path)
  // `body.response_format.type`: one of its steps is the name; a message or schema may have fields of any name.
  if (/^(?:body\.)?messages\b/.test(path)) return false
  return path.split('.').some((step) => NAMES[part].test(step))
}

/**
 * An error about the request that has no other meaning and names a parameter is about that parameter, in whatever words or
 * language. Where it only quoted a text, the next call fails in the same way, and nothing is learned.
 */
function isNamed(message: string, part: Part): boolean {
  if (IDENTIFIERS[part]?.test(message) === true) return true
  return SPOKEN[part]?.test(message.slice(0, SPOKEN_WITHIN_CHARS).replaceAll(QUOTED_WORDS, ' ')) === true
}

function isToldRefused(message: string, part: Part): boolean {
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
