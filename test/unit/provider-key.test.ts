import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { LogFields } from '../../src/logging/log.ts'
import { createRedact, createSecrets } from '../../src/logging/redact.ts'
import { createKeySource } from '../../src/provider/key.ts'

let lines: string[]
const say = (message: string, fields?: LogFields) => lines.push(`${message} ${JSON.stringify(fields)}`)
const log = { error: say, warn: say, info: say, debug: say }
let dir: string
let nowMs: number

beforeEach(async () => {
  lines = []
  nowMs = 0
  dir = await mkdtemp(join(tmpdir(), 'key-'))
})
afterEach(() => rm(dir, { recursive: true }))

const source = (keyFile: string) => createKeySource({ key: null, keyFile }, log, { now: () => nowMs })

test('a key of the setting has its fingerprint, which does not give it away', async () => {
  const { value, fingerprint } = await createKeySource({ key: 'sk-secret', keyFile: null }, log)()
  expect(value).toBe('sk-secret')
  expect(fingerprint).toMatch(/^[0-9a-f]{12}$/)
})

test('a rotated file is used within a second, and its fingerprint changes', async () => {
  const file = join(dir, 'key')
  await writeFile(file, 'sk-old\n')
  const key = source(file)
  const before = await key()
  await writeFile(file, '\uFEFFsk-new\r\n')
  expect((await key()).value).toBe('sk-old')
  nowMs += 1_000
  const after = await key()
  expect(after.value).toBe('sk-new')
  expect(after.fingerprint).not.toBe(before.fingerprint)
  expect(lines).toHaveLength(1)
  expect(lines.join()).not.toContain('sk-')
})

test('a secret that Kubernetes swaps by its directory’s link is noticed, with the same size and times', async () => {
  await mkdir(join(dir, 'v1'))
  await mkdir(join(dir, 'v2'))
  await writeFile(join(dir, 'v1', 'key'), 'sk-one')
  await writeFile(join(dir, 'v2', 'key'), 'sk-two')
  await symlink('v1', join(dir, '..data'))
  await symlink(join('..data', 'key'), join(dir, 'key'))
  const key = source(join(dir, 'key'))
  expect((await key()).value).toBe('sk-one')
  await symlink('v2', join(dir, '..new'))
  await rename(join(dir, '..new'), join(dir, '..data'))
  nowMs += 1_000
  expect((await key()).value).toBe('sk-two')
})

test('while the file is away, empty or torn, the last key goes on, and the log says so once', async () => {
  const file = join(dir, 'key')
  await writeFile(file, 'sk-old')
  const key = source(file)
  await key()
  await rm(file)
  for (let round = 0; round < 3; round++) {
    nowMs += 1_000
    expect((await key()).value).toBe('sk-old')
  }
  await writeFile(file, 'two\nlines')
  nowMs += 1_000
  expect((await key()).value).toBe('sk-old')
  expect(lines.map((line) => /"reason":"(.*?)"/.exec(line)?.[1])).toEqual(['ENOENT', 'it holds no key'])
})

test('a file that is not there yet gives no key, and one as soon as it is', async () => {
  const file = join(dir, 'key')
  const key = source(file)
  expect(await key()).toEqual({ value: null, fingerprint: 'none' })
  await writeFile(file, 'sk-late')
  nowMs += 1_000
  expect((await key()).value).toBe('sk-late')
})

test('calls at the same moment read the file once', async () => {
  let reads = 0
  const readFile = () => Promise.resolve(`sk-${++reads}`)
  const key = createKeySource({ key: null, keyFile: 'x' }, log, { readFile, now: () => nowMs })
  expect((await Promise.all([key(), key(), key()])).map(({ value }) => value)).toEqual(['sk-1', 'sk-1', 'sk-1'])
})

test('every key that the file held is told, to be blackened in logs; the old one too, which an answer may still quote', async () => {
  const secrets = createSecrets(['sk-of-the-settings', null, ''])
  const redact = createRedact(() => secrets.all())
  let text = 'first-key\n'
  const learned = (key: string) => secrets.learn(key)
  const readFile = () => Promise.resolve(text)
  const key = createKeySource({ key: null, keyFile: 'x' }, log, { readFile, now: () => nowMs, learned })
  await key()
  expect(redact('wrong key first-key, not second-key')).toBe('wrong key ***, not second-key')
  text = 'second-key\n'
  nowMs += 1_000
  await key()
  expect(redact('wrong key first-key, not second-key')).toBe('wrong key ***, not ***')
})
