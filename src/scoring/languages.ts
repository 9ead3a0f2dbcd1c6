/** Names of languages as ICU knows them, so that the level of one is not taken for that of another: "English C1, German A2". */

/** The languages in which names are known. The first knows all codes. */
const LOCALES = ['en', 'ru', 'uk', 'de', 'fr', 'es']
/** So many letters of a name tell it from others, in whatever case it stands. */
const LETTERS = 5

function readNames(): Map<string, string> {
  const known = new Map<string, string>()
  const letters = 'abcdefghijklmnopqrstuvwxyz'.split('')
  let codes = letters.flatMap((one) => letters.map((other) => one + other))
  for (const locale of LOCALES) {
    const naming = new Intl.DisplayNames([locale], { type: 'language', fallback: 'none' })
    const named = codes.map((code) => [code, naming.of(code)?.toLowerCase()] as const)
    for (const [code, name] of named) if (name !== undefined) known.set(name.slice(0, LETTERS), code)
    codes = named.flatMap(([code, name]) => (name === undefined ? [] : code))
  }
  return known
}

const NAMES = readNames()

/** @returns the codes of the languages that a text names, in order */
export const languagesIn = (text: string): string[] =>
  (text.toLowerCase().match(/\p{L}{4,}/gu) ?? []).flatMap((word) => NAMES.get(word.slice(0, LETTERS)) ?? [])
