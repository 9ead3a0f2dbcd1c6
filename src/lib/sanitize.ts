/** Strips what a reader of the texts would not see, and only that: every other character stays as and where it was. */

/** The texts of a request. */
export interface Texts {
  requirements: string
  resume: string
}

/** What was stripped from a text, in UTF-16 units. */
export interface Stripped {
  /** Tag characters and bidi embeddings, overrides and isolates: no word processor leaves them behind. */
  deceiving: number
  /** Zero-width characters, controls, lone surrogates: a few may be the trace of a converter. */
  other: number
}

/** Of Unicode 17, up to U+FFFF. Without the u flag, since V8 is several times faster then; the rest stands in surrogates. */
const INVISIBLE_RANGES = [
  // Cc, but for white space.
  '\\0-\\x08\\x0e-\\x1f\\x7f-\\x84\\x86-\\x9f',
  // Default_Ignorable_Code_Point: soft hyphen, fillers, zero-width characters, bidi controls, variation selectors.
  '\\xad\\u034f\\u061c\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u200b-\\u200f\\u202a-\\u202e\\u2060-\\u206f\\u3164',
  '\\ufe00-\\ufe0f\\ufeff\\uffa0\\ufff0-\\ufff8',
  // Interlinear annotations, Noncharacter_Code_Point.
  '\\ufff9-\\ufffb\\ufdd0-\\ufdef\\ufffe\\uffff',
]
const INVISIBLE_BMP = new RegExp(`[${INVISIBLE_RANGES.join('')}]+`, 'g')
/** U+1BCA0 to 1BCA3, U+1D173 to 1D17A, U+E0000 to E0FFF. */
const INVISIBLE_ASTRAL = /\ud82f[\udca0-\udca3]|\ud834[\udd73-\udd7a]|[\udb40-\udb43][\udc00-\udfff]/g
const LONE_SURROGATE = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g
const DECEIVING = /[\u202a-\u202e\u2066-\u2069]+|\udb40[\udc00-\udfff]/g
/** A flag of England, Scotland or Wales is spelt with tag characters. */
const FLAG_EMOJI = /\ud83c\udff4(?:\udb40[\udc20-\udc7f])+/g
const BLACK_FLAG = '\ud83c\udff4'
/** Of honest texts: soft hyphens, a byte order mark, what makes one emoji of several. */
const HARMLESS = /^\ufeff|\xad|[\ufe0e\ufe0f]\u200d?|(?<=[\ud83c-\ud83e][\udc00-\udfff])\u200d/g

/**
 * Strips control characters but white space, zero-width and tag characters, bidi controls, variation selectors, NUL and
 * lone surrogates.
 * @returns the text, well-formed Unicode, and what was stripped
 */
export function stripInvisible(text: string): { text: string; stripped: Stripped } {
  const honest = text.replace(FLAG_EMOJI, BLACK_FLAG).replace(HARMLESS, '')
  // Without callbacks: one per character of a long text would take a quarter of a second.
  const undeceiving = honest.replace(DECEIVING, '')
  let clean = undeceiving.replace(INVISIBLE_BMP, '').replace(INVISIBLE_ASTRAL, '')
  if (!clean.isWellFormed()) clean = clean.replace(LONE_SURROGATE, '')
  return {
    text: clean,
    stripped: { deceiving: honest.length - undeceiving.length, other: undeceiving.length - clean.length },
  }
}

/** @returns the texts as they are asked about, and what was stripped from each */
export function sanitize({ requirements, resume }: Texts): { texts: Texts; stripped: Record<keyof Texts, Stripped> } {
  const [vacancy, person] = [stripInvisible(requirements), stripInvisible(resume)]
  return {
    texts: { requirements: vacancy.text, resume: person.text },
    stripped: { requirements: vacancy.stripped, resume: person.stripped },
  }
}
