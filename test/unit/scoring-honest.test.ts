/** Quotes that also deny, wish or plan something, written by people who did not know the rules. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
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
])('of the honest quotes of %s at most two in a hundred are rejected', (file, count) => {
  const lines = linesOf(file)
  const rejected = lines.filter(([requirement = '', quote = '']) => denialIn(requirement, quote) !== null)
  expect(lines).toHaveLength(count)
  expect({ isRare: rejected.length / lines.length <= 0.02, rejected }).toMatchObject({ isRare: true })
})

test.each([
  ['denies', 100, 0.25],
  ['wish', 50, 0.1],
])('of quotes that deny or plan in everyday words most are found: %s', (kind, count, most) => {
  const lines = linesOf('everyday-denials.txt').filter(([each]) => each === kind)
  const passed = lines.filter(([, requirement = '', quote = '']) => denialIn(requirement, quote) === null)
  expect(lines).toHaveLength(count)
  expect({ isRare: passed.length / lines.length <= most, passed }).toMatchObject({ isRare: true })
})
