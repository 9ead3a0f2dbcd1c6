/** Quotes that prove their requirement, although they also deny, wish or plan something; written by somebody who did not know the rules. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { denialIn } from './denial-in.ts'

const lines = readFileSync(new URL('../fixtures/honest-quotes.txt', import.meta.url), 'utf8')
  .trim()
  .split('\n')

test('of honest quotes that deny or plan something else, at most two in a hundred are rejected', () => {
  const rejected = lines.filter((line) => {
    const [requirement = '', quote = ''] = line.split(' || ')
    return denialIn(requirement, quote) !== null
  })
  expect(lines).toHaveLength(220)
  expect({ isRare: rejected.length / lines.length <= 0.02, rejected }).toMatchObject({ isRare: true })
})
