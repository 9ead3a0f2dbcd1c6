/** Quotes as models give them, in texts as PDF files, forms and messengers leave them. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { why } from '../support/verified.ts'

interface Pair {
  resume: string
  quote: string
  found: boolean
}

/**
 * Written by people who did not know the rules, and which share of their quotes may be lost. In the second a fifth is in forms that we do
 * not read: RTF codes, mojibake, letters that OCR mistook, columns whose lines alternate.
 */
const SETS = [
  ['quotes-in-damaged-texts.json', 0.05],
  ['quotes-in-leftovers.json', 0.2],
] as const
const read = (file: string): Pair[] =>
  JSON.parse(readFileSync(new URL(`../fixtures/${file}`, import.meta.url), 'utf8')) as Pair[]

describe.each(SETS)('of the quotes of %s', (file, lossy) => {
  const pairs = read(file)

  test('most are found', async () => {
    const said = pairs.filter(({ found }) => found)
    const lost: string[] = []
    for (const { quote, resume } of said) if ((await why('Навык', quote, resume)) !== null) lost.push(quote)
    expect(said.length).toBeGreaterThan(100)
    expect({ isRare: lost.length / said.length <= lossy, lost }).toMatchObject({ isRare: true })
  })

  test('none proves that the resume does not say so', async () => {
    const changed = pairs.filter(({ found }) => !found)
    const proved: string[] = []
    for (const { quote, resume } of changed) if ((await why(quote, quote, resume)) === null) proved.push(quote)
    expect(changed.length).toBeGreaterThan(75)
    expect(proved).toEqual([])
  })
})

describe('a quote leaves out', () => {
  test.each([
    ['a bracket', 'Docker (в проде), Kubernetes', 'Docker, Kubernetes'],
    ['the address of a link', 'Автор [PyMorpho](https://example.org/pm) и тестов', 'Автор PyMorpho и тестов'],
    ['numbers of a list', 'Задачи: 1) приёмка, 2) учёт, 3) отгрузка', 'Задачи: приёмка, учёт, отгрузка'],
    ['marks of a list', 'o Ran EMC tests\no Wrote firmware', 'Ran EMC tests; wrote firmware'],
    ['the number of a page', 'внедрил учёт в\nРезюме, стр. 2 из 3\nтрёх филиалах', 'внедрил учёт в трёх филиалах'],
    ['two sentences', 'Вёл учёт. Сдавал отчёты. Готовил акты, сверки', 'Вёл учёт … сверки'],
  ])('%s', async (_what, resume, quote) => {
    expect(await why(quote, quote, resume)).toBeNull()
  })

  test.each([
    ['a bracket that denies', 'Docker (без опыта), Kubernetes', 'Docker, Kubernetes'],
    ['a word of one letter', 'inglés, o francés, o alemán', 'inglés, francés'],
    ['a number that counts', 'Стаж: 12 лет, 3 года водителем', 'Стаж: лет, года водителем'],
    ['a number before a number', 'Years of experience with Java: 2. 10 projects', 'experience with Java: 10 projects'],
    ['a line of prose with a page', 'Вывел сайт\nна стр. 5 выдачи\nна 1 место', 'Вывел сайт на 1 место'],
    ['another column', 'Стаж бухгалтером     2 месяца\n5 лет в торговле', 'Стаж бухгалтером 5 лет'],
    ['an indented line', 'I was\n   assistant to\nthe lead engineer', 'I was the lead engineer'],
    ['an invented half word', '5 years of experience with Excel', '5 years of experience with Kubernetes-'],
    ['an invented half word, by an ellipsis', 'Знал учёт, вёл склад Excel', 'Знал учёт … вёл склад Kuber-'],
    ['the rest of a divided word', '5 лет опыта в Java-\nscript', 'в Java-'],
    ['a denial, by an ellipsis', 'I can read German but cannot write or speak it', 'I can … speak it'],
    ['a wish with ё, by an ellipsis', 'Java: хочу ещё очень быстро выучить, пять лет опыта', 'Java … пять лет опыта'],
    ['the word that makes it little', 'I can read and barely speak German', 'I can read and … speak German'],
    ['a denial in Spanish', 'He visto y nunca administrado Kafka', 'He visto y … administrado Kafka'],
    ['a denial in German', 'Ich habe Docker nicht benutzt, aber gesehen', 'Ich habe Docker … gesehen'],
    ['half a resume', 'Вёл учёт. Уволился. Отдыхал. Учился. Вернулся, сверки', 'Вёл учёт … сверки'],
  ])('not %s', async (_what, resume, quote) => {
    expect(await why(quote, quote, resume)).toBe('not_in_resume')
  })
})

test.each([
  ['a sign for a number', 'Школа № 57, учитель', 'Школа №57, учитель'],
  ['an apostrophe that Unicode takes for a letter', 'Викладач компʼютерних наук', "Викладач комп'ютерних наук"],
  ['a stretched Arabic letter', 'محــاســب قانوني', 'محاسب قانوني'],
  ['an Arabic "and" before the first word', 'عملت محاسبا وأعددت القوائم المالية', 'أعددت القوائم المالية'],
  ['half a word at its end', 'акты скрытых работ, исполни-\nтельные схемы', 'акты скрытых работ, исполни-'],
  [
    'escapes of JSON',
    '{"about":"Вёл учёт.\\nСдавал \\"нули\\" в ФНС","city":"\\u041e\\u043c\\u0441\\u043a"}',
    'Вёл учёт. Сдавал "нули" в ФНС',
  ],
  ['backslashes between words', 'Git\\nginx\\redis\\Terraform', 'nginx, redis'],
  ['letters by number', '{"city":"\\u041e\\u043c\\u0441\\u043a"}', 'Омск'],
])('is found with %s', async (_what, resume, quote) => {
  expect(await why(quote, quote, resume)).toBeNull()
})

test.each([
  ['Никогда не работал с Kafka', 'работал с Kafka'],
  ['Ich habe kein abgeschlossenes Studium', 'abgeschlossenes Studium'],
  ['Não tenho experiência com gestão', 'tenho experiência com gestão'],
  ['Never worked as an auditor', 'worked as an auditor'],
])('that is cut off right after a negation is denied: %s', async (resume, quote) => {
  expect(await why('Something else', quote, resume)).toBe('denied')
})

test.each([
  ['Отсутствие судимости', 'Никогда не привлекался', 'привлекался'],
  ['Опыт продаж', 'Не только продавал, но и обучал', 'только продавал, но и обучал'],
  ['Работа на высоте', 'Не боюсь высоты', 'боюсь высоты'],
  ['Kubernetes', 'Dienste nicht\nKubernetes seit 2018', 'Kubernetes seit 2018'],
])('%s: a negation before a quote may prove, or belong to another line', async (requirement, resume, quote) => {
  expect(await why(requirement, quote, resume)).toBeNull()
})
