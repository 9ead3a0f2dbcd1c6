/** docs/design.md names the file that enforces each invariant and the test that proves it: both must exist. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')
const design = read('docs/design.md')
const invariants = design.split(/^### (?=\d)/m).slice(1)

test('every file that it names exists', () => {
  const files = [...design.matchAll(/`((?:src|test)\/[^`]+)`/g)].map(([, path]) => path ?? '')
  expect(files.length).toBeGreaterThan(30)
  expect(files.filter((path) => !existsSync(join(ROOT, path)))).toEqual([])
})

test.each(invariants.map((text) => [text.split('\n')[0] ?? '', text]))('the code and the tests of: %s', (_, text) => {
  const [enforced = '', proved = ''] = text.split('Proved by')
  expect(enforced).toMatch(/Enforced in `src\/[^`]+\.(?:ts|lua)`/)
  const proofs = [...proved.matchAll(/^- `(test\/[^`]+)`: "([^"\n]+)"$/gm)]
  expect(proofs.length).toBe(proved.match(/^- /gm)?.length)
  expect(proofs.filter(([, path = '', title = '']) => !read(path).includes(title)).map(([line]) => line)).toEqual([])
})

test('the invariants are numbered from 1 to 8', () => {
  expect(invariants.map((text) => Number.parseInt(text, 10))).toEqual([1, 2, 3, 4, 5, 6, 7, 8])
})
