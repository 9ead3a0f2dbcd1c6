/** Names of languages as ICU knows them, so that the level of one is not taken for that of another: "English C1, German A2". */

/** The languages in which names are known. The first knows all codes. */
const LOCALES = ['en', 'ru', 'uk', 'de', 'fr', 'es']
/** Names are looked up by so many letters. */
const LETTERS = 4

interface Name {
  /** In small letters, without its Russian or Ukrainian ending. */
  name: string
  code: string
}

function readNames(): Map<string, Name[]> {
  const known = new Map<string, Name[]>()
  const letters = 'abcdefghijklmnopqrstuvwxyz'.split('')
  let codes = letters.flatMap((one) => letters.map((other) => one + other))
  for (const locale of LOCALES) {
    const naming = new Intl.DisplayNames([locale], { type: 'language', fallback: 'none' })
    const found = codes.map((code) => ({
      code,
      name:
        naming
          .of(code)
          ?.toLowerCase()
          .replace(/(?:ий|а)$/u, '') ?? '',
    }))
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

/** @returns the codes of the languages that a text names, in order */
export const languagesIn = (text: string): string[] =>
  (text.toLowerCase().match(/\p{L}{4,}/gu) ?? []).flatMap((word) =>
    (NAMES.get(word.slice(0, LETTERS)) ?? []).filter(({ name }) => word.startsWith(name)).map(({ code }) => code),
  )
