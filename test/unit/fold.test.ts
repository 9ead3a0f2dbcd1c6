import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fold, foldInSlices, foldWords } from '../../src/lib/fold.ts'
import { stripInvisible } from '../../src/lib/sanitize.ts'

const letters = fc.constantFrom(...'аеёйАЁЙщ aеE1½ﬁß«»—-.,+#%\n\t\u00a0\u0301\u200bИ\u0306漢Ⅳ'.split(''))
/** Ligatures of whole words are cut. */
const isLong = (character: string) => character.normalize('NFKD').length > 4
const anyText = fc
  .oneof(fc.string({ unit: 'binary', maxLength: 200 }), fc.string({ unit: letters, maxLength: 60 }))
  .filter((text) => !Array.from(text).some(isLong))

describe('folding', () => {
  test.each([
    ['Ёлка', 'елка'],
    ['«Опыт» — 5 лет', '"опыт" - 5 лет'],
    ['e\u0301tude', 'étude'],
    ['ﬁnance', 'finance'],
    ['Ｐｙｔｈｏｎ', 'PYTHON'],
    ['𝐏𝐲𝐭𝐡𝐨𝐧', 'python'],
    ['Разработка\u00a0на\r\n\tPython', 'разработка на python'],
    ['С++ и 1С', 'C++ и 1C'],
    ['Pythоn', 'Python'],
    ['со\u00adтруд\u200bник', 'сотрудник'],
    ['Straße', 'STRASSE'],
    ['μικρός', 'ΜΙΚΡΟΣ'],
  ])('%j and %j are one', (a, b) => {
    expect(foldWords(a)).toBe(foldWords(b))
  })

  test.each([
    ['3.5 года', '35 лет'],
    ['C++', 'C'],
    ['Java', 'JavaScript'],
    ['не работал', 'работал'],
    ['опыт', 'опыты'],
  ])('%j and %j are two', (a, b) => {
    expect(foldWords(a)).not.toBe(foldWords(b))
  })

  test('what NFKC, lower case or the stripping of invisible characters equates is equal', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const folded = foldWords(text)
        expect(foldWords(text.normalize('NFKC'))).toBe(folded)
        expect(foldWords(text.normalize('NFD'))).toBe(folded)
        expect(foldWords(stripInvisible(text).text)).toBe(folded)
      }),
      { numRuns: 500 },
    )
  })

  test('so is every single character that NFKC changes, but for ligatures of whole words', () => {
    const unequal: string[] = []
    for (let codePoint = 0; codePoint <= 0x10_ff_ff; codePoint += 1) {
      const character = String.fromCodePoint(codePoint)
      const composed = character.normalize('NFKC')
      if (composed !== character && foldWords(composed) !== foldWords(character)) unequal.push(character)
    }
    expect(unequal).toContain('㍇')
    expect(unequal.filter((character) => !isLong(character) || foldWords(character) === '')).toEqual([])
  })

  test('folding what is folded changes nothing', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(foldWords(foldWords(text))).toBe(foldWords(text))
      }),
    )
  })

  test('a long text, which is folded in slices, gives what its parts give', async () => {
    const property = fc.asyncProperty(anyText, async (text) => {
      const times = Math.ceil(20_000 / (text.length + 1))
      const { text: folded } = await foldInSlices(`${text}\n`.repeat(times), async () => {})
      const part = foldWords(text)
      expect(folded.trim()).toBe(part === '' ? '' : Array(times).fill(part).join(' '))
    })
    await fc.assert(property, { numRuns: 30 })
  })

  test('every folded character knows its place in the source', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const { text: folded, at } = fold(text)
        expect(at).toHaveLength(folded.length + 1)
        const places = [...at]
        expect(places).toEqual(places.toSorted((a, b) => a - b))
        expect(at[folded.length]).toBe(text.length)
        for (const { index, 0: word } of folded.matchAll(/[^ ]+/g)) {
          const source = text.slice(at[index], at[index + word.length])
          expect(foldWords(source)).toContain(word.slice(1, -1))
        }
      }),
    )
  })
})

describe('the stripping of invisible characters', () => {
  test.each([
    ['zero-width', 'Py\u200bth\u200don\u2060\ufeff', 'Python'],
    ['tag characters', 'Резюме\u{e0049}\u{e0067}\u{e006e}', 'Резюме'],
    ['bidi controls', 'а\u202eб\u202cв\u2066г\u2069', 'абвг'],
    ['NUL and other controls', 'a\0b\x07c\x9fd\x7f', 'abcd'],
    ['lone surrogates', '\ud800a\udfffb\ud83d', 'ab'],
    ['variation selectors', '❤\ufe0f\u{e0100}', '❤'],
  ])('%s', (_name, dirty, clean) => {
    expect(stripInvisible(dirty).text).toBe(clean)
  })

  test('leaves white space, emoji, letters of every script and astral characters as they are', () => {
    const text = 'Имя\tФ.\r\nО.\u00a0\f\v\u0085\u2028 😀 é नमस्ते 漢字 🇷🇺 𝐏 — «»'
    expect(stripInvisible(text)).toEqual({ text, stripped: { concealed: false } })
  })

  test('gives well-formed text of the other characters in their order, and has nothing more to strip', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        fc.array(fc.constantFrom('\ud800', '\0', '\u200b', '\udc00')),
        (text, dirt) => {
          const { text: clean } = stripInvisible(dirt.join(text))
          expect(clean.isWellFormed()).toBe(true)
          expect(stripInvisible(clean).text).toBe(clean)
        },
      ),
    )
  })
})
