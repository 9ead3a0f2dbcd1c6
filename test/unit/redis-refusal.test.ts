import { describe, expect, test } from 'vitest'
import { isReadOnly, refusalCode } from '../../src/redis/refusal.ts'

describe('a replica is known by its words', () => {
  test.each([
    "READONLY You can't write against a read only replica.",
    "READONLY You can't write against a read only replica. script: 1a2b3c, on @user_script:7.",
    "ERR Error running script (call to f_1a2b): @user_script:7: @user_script: 7: -READONLY You can't write against a read only replica. ",
    "-READONLY You can't write against a read only slave.",
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
    'ERR Write commands are not allowed from read-only replica',
  ])('%s', (message) => {
    expect(isReadOnly(new Error(message))).toBe(true)
  })
})

test.each(['OOM command not allowed', 'NOPERM no permissions', 'Command timed out', 'ERR value is not an integer'])(
  '%s is not taken for a replica',
  (message) => {
    expect(isReadOnly(new Error(message))).toBe(false)
  },
)

test('the code of a refusal is found in front and within the words of a script', () => {
  expect(refusalCode('OOM command not allowed')).toBe('OOM')
  expect(refusalCode('ERR Error running script (call to f_1a): @user_script:1: -OOM command not allowed')).toBe('OOM')
  expect(refusalCode('ERR value is not an integer')).toBe(null)
})
