import { expect, test } from 'vitest'
import { verifyAnswer } from '../../src/scoring/verify.ts'

/** Whether the quote is found in the resume. */
async function isFound(resume: string, quote: string): Promise<boolean> {
  const answer = {
    requirements: [{ requirement: 'Опыт', quote, evidence: 'stated' as const }],
    score: 50,
    recommendation: 'Подходит',
  }
  const { findings } = await verifyAnswer(answer, { requirements: 'Опыт', resume }, 50)
  return findings[0]?.why !== 'not_in_resume'
}

test.each([
  ['в ы п у с к  2 0 1 9', 'выпуск 2 0 1 9'],
  ['О п ы т :  5  л е т', 'Опыт: 5 лет'],
  ['P y t h o n  3', 'Python 3'],
  ['зарплата 120 000 рублей', '120000 рублей'],
  ['зарплата 120000 рублей', '120 000 рублей'],
  ['1 500 000 строк', '1500000 строк'],
  ['кабинет 12\n300 человек', 'кабинет 12 300 человек'],
  ['2017 - 2019', '2017–2019'],
])('a number is found as it is written, or in groups of thousands: %j holds %s', async (resume, quote) => {
  expect(await isFound(resume, quote)).toBe(true)
})

test.each([
  ['Продано 5 10 машин', '510'],
  ['Продано 2 019 машин', '201'],
  ['Оценки: 5 1 0', '510'],
  ['Оценка 510', '5 1 0'],
  ['A B C D  5 1 0', '510'],
  ['A B C D  5 1 0', 'ABCD 510'],
  ['о п ы т  5  1 0', '510'],
  ['о п ы т  2 0 1 9', '2019'],
  ['о п ы т  2 0 1 9', '201'],
  ['о п ы т  5 10', '510'],
  ['кабинет 12\n300 человек', '12300'],
  ['кабинеты 12, 300', '12300'],
  ['кабинеты 12/300', '12300'],
  ['рост 1,5 раза', '15 раза'],
  ['рост 15 раз', '1,5 раз'],
])('numbers are neither put together nor taken apart: %j does not hold %s', async (resume, quote) => {
  expect(await isFound(resume, quote)).toBe(false)
})

test('the words of a letter-spaced line end with the line', async () => {
  const resume = 'M A R I A  V E G A\nC O U R T  R E P O R T E R\nN o t a r y'
  expect(await isFound(resume, 'COURT REPORTER')).toBe(true)
  expect(await isFound(resume, 'GACOURT')).toBe(false)
})
