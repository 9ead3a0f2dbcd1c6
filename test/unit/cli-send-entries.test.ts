import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { readEntries } from '../../src/cli/send-entries.ts'
import type { Told } from '../../src/cli/send-many.ts'
import { resultOf, summary } from '../../src/cli/send-many.ts'

const dir = mkdtempSync(join(tmpdir(), 'send-entries-'))
afterAll(() => rmSync(dir, { recursive: true }))
const file = (name: string, text: string) => {
  writeFileSync(join(dir, name), text)
  return join(dir, name)
}
const sources = { resumes: [], requirements: null, requests: [], callbackUrl: 'https://example.com/' }

test('each file of a directory is a request, by name; one that cannot be read is named and loses no other', async () => {
  const resumes = join(dir, 'resumes')
  mkdirSync(join(resumes, 'more'), { recursive: true })
  writeFileSync(join(resumes, 'b.txt'), 'Пишу на Go')
  writeFileSync(join(resumes, 'a.txt'), 'Пишу на Python')
  writeFileSync(join(resumes, 'empty.txt'), '')
  writeFileSync(join(resumes, '.hidden'), 'x')
  const { entries, bad } = await readEntries({ ...sources, resumes: [resumes], requirements: 'Python' })
  expect(entries.map(({ from, request }) => [from, request['resume'], request['requirements']])).toEqual([
    [join(resumes, 'a.txt'), 'Пишу на Python', 'Python'],
    [join(resumes, 'b.txt'), 'Пишу на Go', 'Python'],
  ])
  expect(new Set(entries.map(({ request }) => request.processing_id)).size).toBe(2)
  expect(bad).toEqual([{ from: join(resumes, 'empty.txt'), why: 'it is empty' }])
})

test('each line of a file is a request with its own ids, to the last digit; bad lines are named by their number', async () => {
  const id = '9223372036854775807'
  const lines = [
    `{"processing_id":${id},"resume":"Go","requirements":"Go"}`,
    '',
    '{"resume":"Python"}',
    'no json',
    '[1]',
    '{"requirements":"Go"}',
    '{"processing_id":1.5,"resume":"Go"}',
    `{"processing_id":${id},"resume":"Go"}`,
    '{"resume":" "}',
  ]
  const path = file('requests.jsonl', `\ufeff${lines.join('\r\n')}\n`)
  const { entries, bad } = await readEntries({ ...sources, requests: [path], requirements: 'Скала' })
  expect(entries.map(({ from, request }) => [from, request['requirements']])).toEqual([
    [`${path}:1`, 'Go'],
    [`${path}:3`, 'Скала'],
  ])
  expect(entries[0]?.request).toMatchObject({ processing_id: BigInt(id), callback_url: 'https://example.com/' })
  expect(bad).toEqual([
    { from: `${path}:4`, why: 'it is not JSON' },
    { from: `${path}:5`, why: 'it is JSON, but no object' },
    { from: `${path}:6`, why: 'it has no resume' },
    { from: `${path}:7`, why: 'processing_id: no signed 64-bit integer' },
    { from: `${path}:8`, why: 'its processing_id stands in an earlier line' },
    { from: `${path}:9`, why: 'it has no resume' },
  ])
})

test('an empty directory and a missing file of requests are told in one sentence', async () => {
  const empty = join(dir, 'none')
  mkdirSync(empty)
  await expect(readEntries({ ...sources, resumes: [empty] })).rejects.toThrow('there is no file in the directory')
  await expect(readEntries({ ...sources, requests: [join(dir, 'nowhere')] })).rejects.toThrow(
    /--requests .* cannot be read/,
  )
})

const told = (outcome: Told['outcome']): Told => ({
  from: `${outcome}.txt`,
  processingId: 7n,
  outcome,
  score: 80,
  verdict: 'Подходит',
  error: null,
})

test.each<[Told['outcome'][], number, number]>([
  [['success'], 0, 0],
  [['success'], 1, 1],
  [['success', 'refused'], 1, 2],
  [['failure', 'none', 'success'], 1, 3],
  [[], 1, 1],
])('%j with %i bad entries ends with %i, the worst of them', (outcomes, badEntries, exitCode) => {
  const bad = Array.from({ length: badEntries }, () => ({ from: 'x.jsonl:4', why: 'it is not JSON' }))
  const { lines, exitCode: code } = summary(outcomes.map(told), bad)
  expect(code).toBe(exitCode)
  expect(lines.at(-1)).toContain(`${outcomes.length} requests: `)
  expect(lines.filter((line) => line.startsWith('no result')).length).toBe(
    outcomes.filter((each) => each === 'none').length,
  )
})

test.each([
  ['a success', { success: true, wait_seconds: null }, 'success'],
  ['a refusal, whose wait is a whole number', { success: false, wait_seconds: 60 }, 'refused'],
  ['a failure', { success: false, wait_seconds: null }, 'failure'],
  ['a failure of a service that sends no wait', { success: false }, 'failure'],
])('a notification is told as %s', (_name, fields, outcome) => {
  const value = Buffer.from(JSON.stringify({ response: { processing_id: 1 }, message_error: null, ...fields }))
  const entry = { from: 'a.txt', request: { processing_id: 1n } }
  expect(resultOf(entry, { value } as Parameters<typeof resultOf>[1]).outcome).toBe(outcome)
})
