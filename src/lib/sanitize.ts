/** Strips the characters that a reader of the text cannot see, and changes no other. */

/** The texts of a request. */
export interface Texts {
  requirements: string
  resume: string
}

/** What the stripping revealed about a text. */
export interface Stripped {
  /** Somebody hid words from readers. What converters and messengers leave behind does not count, however much it is. */
  concealed: boolean
}

/** Of Unicode 17, up to U+FFFF. V8 is several times faster without the u flag, so the rest is matched as surrogates. */
const INVISIBLE_RANGES = [
  // Cc without white space.
  '\\0-\\x08\\x0e-\\x1f\\x7f-\\x84\\x86-\\x9f',
  // Default_Ignorable_Code_Point: soft hyphen, fillers, zero-width characters, bidi controls, variation selectors.
  '\\xad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u200b\\u200d-\\u200f\\u202a-\\u202e\\u2060-\\u206f\\u3164',
  '\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff0-\\ufff8',
  // Interlinear annotations, Noncharacter_Code_Point.
  '\\ufff9-\\ufffb\\ufdd0-\\ufdef\\ufffe\\uffff',
]
/** In Arabic script the zero-width non-joiner separates words and endings, as a space does elsewhere, so it stays. */
const ARABIC = '[\\u0620-\\u06ff\\u0750-\\u077f]'
const INVISIBLE_BMP = new RegExp(`[${INVISIBLE_RANGES.join('')}]+|(?<!${ARABIC})\\u200c|\\u200c(?!${ARABIC})`, 'g')
/** U+1BCA0 to 1BCA3, U+1D173 to 1D17A, U+E0000 to E0FFF. */
const INVISIBLE_ASTRAL = /\ud82f[\udca0-\udca3]|\ud834[\udd73-\udd7a]|[\udb40-\udb43][\udc00-\udfff]/g
const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g
/** Of each UTF-16 unit: 1 when a text with it needs a closer look. Most texts have none, and a table finds that out soonest. */
const suspicious = (() => {
  const anyOf = new RegExp(`[${INVISIBLE_RANGES.join('')}\\u200c\\ud800-\\udfff]+`, 'g')
  const units = Buffer.from(Uint16Array.from({ length: 65_536 }, (_, code) => code).buffer).toString('utf16le')
  const table = new Uint8Array(units.length)
  for (const { index, 0: run } of units.matchAll(anyOf)) table.fill(1, index, index + run.length)
  return table
})()

function isSuspicious(text: string): boolean {
  for (let i = 0; i < text.length; i += 1) if (suspicious[text.charCodeAt(i)] === 1) return true
  return false
}

/** The flags of England, Scotland and Wales are spelt with tag characters. */
const FLAG_EMOJI = /\ud83c\udff4(?:\udb40[\udc20-\udc7f])+/g
const BLACK_FLAG = '\ud83c\udff4'

/** Letters spelt with tag characters, or with several variation selectors in a row where one is enough. */
const INVISIBLE_LETTERS = /(?:\udb40[\udc20-\udc7f]){4}|(?:[\ufe00-\ufe0f]|\udb40[\udd00-\uddef]){4}/
/** Bits spelt with a row of zero-width characters. */
const INVISIBLE_BITS = /[\u200b-\u200d\u2060-\u2064\ufeff]{16}/
/** Left-to-right letters that an override shows in reverse. An override around a copied number is harmless. */
const REVERSED = /\u202e[^\u202c\n]{0,9}[a-zа-яё][^\u202c\n]{0,9}[a-zа-яё][^\u202c\n]{0,9}[a-zа-яё][^\u202c\n]{6}/i

/**
 * Strips control characters (not white space), zero-width and tag characters, soft hyphens, fillers, bidi controls, variation selectors,
 * noncharacters and lone surrogates. A zero-width non-joiner between Arabic letters stays.
 * @returns the text as well-formed Unicode, and what the stripped characters revealed
 */
export function stripInvisible(text: string): { text: string; stripped: Stripped } {
  if (!isSuspicious(text)) return { text, stripped: { concealed: false } }
  const honest = text.replace(FLAG_EMOJI, BLACK_FLAG)
  // No callbacks: a call for each character of a long text would take 250 ms.
  let clean = honest.replace(INVISIBLE_BMP, '').replace(INVISIBLE_ASTRAL, '')
  if (!clean.isWellFormed()) clean = clean.replace(LONE_SURROGATE, '')
  const concealed =
    clean.length < honest.length &&
    (INVISIBLE_LETTERS.test(honest) || INVISIBLE_BITS.test(honest) || REVERSED.test(honest))
  return { text: clean, stripped: { concealed } }
}

/** @returns the texts that the model gets, and what stripping revealed about each */
export function sanitize({ requirements, resume }: Texts): { texts: Texts; stripped: Record<keyof Texts, Stripped> } {
  const [vacancy, person] = [stripInvisible(requirements), stripInvisible(resume)]
  return {
    texts: { requirements: vacancy.text, resume: person.text },
    stripped: { requirements: vacancy.stripped, resume: person.stripped },
  }
}
