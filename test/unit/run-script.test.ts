/** `npm run` in a fresh checkout, before `npm ci`, says so in one sentence. */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')
const SHOW = 'console.log(JSON.stringify(process.argv.slice(1) satisfies string[]))\n'

/** @returns a checkout of nothing but run.mjs and one script */
function checkout({ installed }: { installed: boolean }): string {
  const directory = mkdtempSync(join(tmpdir(), 'checkout-'))
  mkdirSync(join(directory, 'scripts'))
  cpSync(join(ROOT, 'scripts/run.mjs'), join(directory, 'scripts/run.mjs'))
  writeFileSync(join(directory, 'package.json'), '{"type":"module"}')
  writeFileSync(join(directory, 'show.ts'), SHOW)
  if (installed) mkdirSync(join(directory, 'node_modules/dotenv'), { recursive: true })
  return directory
}

function run(directory: string, options: string[], args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [...options, 'scripts/run.mjs', ...args], {
    cwd: directory,
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

test('without the dependencies it names npm ci, and shows no stack', () => {
  const expected = { status: 1, stdout: '', stderr: 'the dependencies are not installed: run `npm ci` first\n' }
  expect(run(checkout({ installed: false }), [], ['show.ts'])).toEqual(expected)
  expect(run(checkout({ installed: false }), [], [])).toEqual(expected)
})

test('on an older Node it says which one is needed', () => {
  const old = `Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.20.2' } })`
  const { status, stderr } = run(checkout({ installed: true }), [`--import=data:text/javascript,${old}`], ['show.ts'])
  expect(status).toBe(1)
  expect(stderr).toMatch(/^Node 24 is needed, and this is .*: `npm ci` brings one along on Linux.*\n$/)
})

test('else the file runs as if Node had been started with it', () => {
  const directory = checkout({ installed: true })
  const { status, stdout, stderr } = run(directory, [], ['show.ts', '--all', 'x y'])
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  expect(JSON.parse(stdout)).toEqual([join(directory, 'show.ts'), '--all', 'x y'])
})

const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { scripts: Record<string, string> }

test('npm start does without it in the image and in the package, which hold dist/ and no scripts/', () => {
  const directory = mkdtempSync(join(tmpdir(), 'image-'))
  mkdirSync(join(directory, 'dist'))
  writeFileSync(join(directory, 'dist/main.js'), 'console.log("the worker")')
  const { stdout, stderr } = spawnSync('sh', ['-c', scripts['start'] ?? ''], { cwd: directory, encoding: 'utf8' })
  expect({ stdout, stderr }).toEqual({ stdout: 'the worker\n', stderr: '' })
})

test('every npm script begins with it', () => {
  const begins =
    /^(\{ test ! -f scripts\/run\.mjs \|\| )?(node (--disable-warning=\S+ )*scripts\/run\.mjs|npm run |bash )/
  expect(Object.entries(scripts).filter(([, script]) => !begins.test(script))).toEqual([])
})
