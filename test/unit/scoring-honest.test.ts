/** Quotes that also deny, wish or plan something, written by people who did not know the rules. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { fallsShort, leastOf } from '../../src/scoring/measures.ts'
import { denialIn } from './denial-in.ts'

/** @returns the fields of each line */
const linesOf = (file: string): string[][] =>
  readFileSync(new URL(`../fixtures/${file}`, import.meta.url), 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(' || '))

test.each([
  ['honest-quotes.txt', 220],
  ['honest-quotes-second.txt', 250],
  ['honest-quotes-third.txt', 582],
  ['honest-quotes-fourth.txt', 316],
])('of the honest quotes of %s at most two in a hundred are rejected', (file, count) => {
  const lines = linesOf(file)
  const rejected = lines.filter(([requirement = '', quote = '']) => denialIn(requirement, quote) !== null)
  expect(lines).toHaveLength(count)
  expect({ isRare: rejected.length / lines.length <= 0.02, rejected }).toMatchObject({ isRare: true })
})

test.each([
  ['everyday-denials.txt', 'denies', 100, 0.25],
  ['everyday-denials.txt', 'wish', 50, 0.1],
  ['everyday-denials-second.txt', 'denies', 60, 0.25],
  ['everyday-denials-second.txt', 'wish', 30, 0.35],
])('of quotes that deny or plan in everyday words most are found: %s, %s', (file, kind, count, most) => {
  const lines = linesOf(file).filter(([each]) => each === kind)
  const passed = lines.filter(([, requirement = '', quote = '']) => denialIn(requirement, quote) === null)
  expect(lines).toHaveLength(count)
  expect({ isRare: passed.length / lines.length <= most, passed }).toMatchObject({ isRare: true })
})

test.each([
  ['true', 65, 0.95],
  ['false', 20, 0.75],
])('of years and levels most are judged rightly: %s', (truth, count, least) => {
  const lines = linesOf('lengths-and-levels.txt').filter(([each]) => each === truth)
  const wrong = lines.filter(([, requirement = '', quote = '']) => {
    return fallsShort(quote, leastOf(requirement)) === (truth === 'true')
  })
  expect(lines).toHaveLength(count)
  expect({ isRare: wrong.length / lines.length <= 1 - least, wrong }).toMatchObject({ isRare: true })
})
