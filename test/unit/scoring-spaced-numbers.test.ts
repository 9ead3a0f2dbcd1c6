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
  ['Г л а в н ы й  и н ж е н е р  2 0 1 9', 'Главный инженер 2019'],
  ['в ы п у с к  2 0 1 9', '2019'],
  ['2 0 1 7 - 2 0 1 9  м е н е д ж е р', '2017-2019 менеджер'],
  ['О п ы т :  1 5  л е т', 'Опыт: 15 лет'],
  ['G r a d u a t e d  2 0 0 8 .', 'Graduated 2008'],
])('digits of a letter-spaced line are one number: %s', async (resume, quote) => {
  expect(await isFound(resume, quote)).toBe(true)
})

test.each([
  ['Продано 5 10 машин', '510'],
  ['Продано 2 019 машин', '201'],
  ['Оценки: 5 1 0', '510'],
  ['5 1 0', '510'],
  ['о п ы т  5  1 0', '510'],
  ['о п ы т  2 0 1 9', '201'],
  ['о п ы т  2 0 1 9', '19'],
  ['о п ы т  5 10', '510'],
  ['о п ы т\nбаллы 5 1 0', '510'],
  ['A B  5 1 0', '510'],
])('numbers are not put together, nor taken apart: %j does not hold %s', async (resume, quote) => {
  expect(await isFound(resume, quote)).toBe(false)
})
