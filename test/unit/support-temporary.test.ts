import { existsSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, expect, test, vi } from 'vitest'
import { ownTemporary } from '../support/temporary.ts'

afterEach(() => vi.unstubAllEnvs())

test('what a run makes in the temporary directory is gone after it', () => {
  const outer = tmpdir()
  vi.stubEnv('TMPDIR', outer)
  const remove = ownTemporary()
  const made = mkdtempSync(join(tmpdir(), 'any-'))
  expect(dirname(dirname(made))).toBe(outer)
  remove()
  expect(existsSync(made)).toBe(false)
  expect(existsSync(outer)).toBe(true)
})

test('these tests run in such a directory', () => expect(tmpdir()).toMatch(/tests-\w+$/))
