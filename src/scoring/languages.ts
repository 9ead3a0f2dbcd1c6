/** Names of languages as ICU knows them, so that the level of one is not taken for that of another: "English C1, German A2". */

/** What may follow a name in each of these languages. The first language knows all codes. */
const ENDINGS: Record<string, RegExp> = {
  en: /^$/,
  ru: /^[аеиоуыюяймхг]{0,3}$/,
  uk: /^[аеиоуюяіїєймхг]{0,3}$/,
  de: /^(?:e[mnrs]?|kenntnis\p{L}*|sprach\p{L}*)?$/u,
  fr: /^e?s?$/,
  es: /^a?s?$/,
}
/** Names are looked up by so many letters, so a shorter word names no language. */
const LETTERS = 4
const WORDS = new RegExp(`\\p{L}{${LETTERS},}`, 'gu')

interface Name {
  /** In small letters, without its Russian or Ukrainian ending. */
  name: string
  ending: RegExp
  code: string
}

function readNames(): Map<string, Name[]> {
  const known = new Map<string, Name[]>()
  const letters = 'abcdefghijklmnopqrstuvwxyz'.split('')
  let codes = letters
    .flatMap((one) => letters.map((other) => one + other))
    // Some languages have an old code too.
    .filter((code) => Intl.getCanonicalLocales(code)[0] === code)
  for (const [locale, ending] of Object.entries(ENDINGS)) {
    const naming = new Intl.DisplayNames([locale], { type: 'language', fallback: 'none' })
    const found = codes.map((code) => {
      const named = naming.of(code)?.toLowerCase() ?? ''
      return { code, ending, name: named.replace(/(?:ий|а)$/u, '') }
    })
    for (const each of found) {
      if (each.name === '') continue
      const key = each.name.slice(0, LETTERS)
      known.set(key, [...(known.get(key) ?? []), each])
    }
    codes = found.filter(({ name }) => name !== '').map(({ code }) => code)
  }
  return known
}

const NAMES = readNames()

const isNamedBy = (word: string, { name, ending }: Name) =>
  word.startsWith(name) && ending.test(word.slice(name.length))

/** @returns the codes of the languages that a text names, in order; a name that several have gives several */
export const languagesIn = (text: string): string[] =>
  (text.toLowerCase().match(WORDS) ?? []).flatMap((word) =>
    (NAMES.get(word.slice(0, LETTERS)) ?? []).filter((each) => isNamedBy(word, each)).map(({ code }) => code),
  )
