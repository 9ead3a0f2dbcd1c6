import { describe, expect, test } from 'vitest'
import { languagesIn } from '../../src/scoring/languages.ts'

describe('the languages that a text names', () => {
  test.each([
    ['Английским владею свободно', ['en']],
    ['на иврите', ['he']],
    ['вільно володію англійською', ['en']],
    ['Deutschkenntnisse', ['de']],
    ['Langues : anglaise', ['en']],
    ['Italian, C1', ['it']],
    ['Китайский HSK 4 | английский B1', ['zh', 'en']],
  ])('%s: %j', (text, codes) => {
    expect([...new Set(languagesIn(text))]).toEqual(codes)
  })
})

test.each([
  'Комиссия и комитет',
  'polished surfaces',
  'палитра и палитры',
  'palette',
  'Ирландия',
  'Georgia',
  'germane',
])('no word that only begins like a name: %s', (text) => expect(languagesIn(text)).toEqual([]))
