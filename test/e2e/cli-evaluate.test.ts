/** `evaluate` as its user runs it: by the fleet's budget, killed and started again, refused. No worker and no Kafka. */
import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { afterEach, beforeEach, expect, inject, onTestFinished, test } from 'vitest'
import type { Stub } from '../../tools/openai-stub/server.ts'
import { startStub } from '../../tools/openai-stub/server.ts'
import type { Result } from '../../src/cli/evaluation/labelled-set.ts'
import { readResults } from '../../src/cli/evaluation/labelled-set.ts'
import { runCommand, startCommand } from '../support/command.ts'
import { waitUntil } from '../support/wait.ts'

let stub: Stub
let redis: Redis
let prefix: string
let folder: string
let env: Record<string, string>

const requirements = 'TypeScript; Kafka; Redis; PostgreSQL; Docker'
const all = 'Пять лет пишу на TypeScript. Работал с Kafka и Redis. Знаю PostgreSQL и Docker.'
const SET = [
  { id: 'strong', requirements, resume: `Иван Смирнов. ${all}`, expected: { verdict: 'Подходит', score: [90, 100] } },
  { id: 'weak', requirements, resume: 'Пётр. Знаю Redis.', expected: { verdict: 'Не подходит', score: [0, 20] } },
  { id: 'mislabelled', requirements, resume: `Анна. ${all}`, expected: { verdict: 'Не подходит', score: [0, 40] } },
]

interface Document {
  model: string
  promptVersion: string
  report: {
    questions: number
    failures: number
    agreement: number
    meanAbsoluteError: number
    spread: { greatest: number } | null
    swap: { greatest: number } | null
    tokens: { prompt: number; completion: number }
    cost: number | null
    worst: { id: string }[]
  }
  results: Result[]
}

beforeEach(async () => {
  stub = await startStub({ port: 0 })
  redis = new Redis(inject('redisUrl'))
  prefix = `t${randomBytes(5).toString('hex')}:`
  folder = mkdtempSync(join(tmpdir(), 'evaluate-'))
  writeFileSync(join(folder, 'set.jsonl'), SET.map((line) => JSON.stringify(line)).join('\n'))
  const { hostname, port } = new URL(inject('redisUrl'))
  env = {
    REDIS_HOST: hostname,
    REDIS_PORT: port,
    REDIS_KEY_PREFIX: prefix,
    // Nobody answers there.
    KAFKA_BOOTSTRAP_SERVERS: 'localhost:1',
    OPENAI_KEY: 'sk-test',
    OPENAI_BASE_URL: stub.baseUrl,
    OPENAI_RPM: '600',
  }
  // The state that a worker leaves in Redis.
  await redis.hset(`${prefix}state`, { status: 'open', epoch: 'e', seq: 1 })
})
afterEach(async () => {
  const keys = await redis.keys(`${prefix}*`)
  if (keys.length > 0) await redis.unlink(...keys)
  redis.disconnect()
  await stub.stop()
  rmSync(folder, { recursive: true })
})

const args = (...more: string[]) => [
  'evaluate',
  '--set',
  join(folder, 'set.jsonl'),
  '--out',
  join(folder, 'out.json'),
  ...more,
]
const evaluate = (...more: string[]) => runCommand(env, ...args(...more))
const document = () => JSON.parse(readFileSync(join(folder, 'out.json'), 'utf8')) as Document
const answered = () => {
  try {
    return readResults(readFileSync(join(folder, 'out.runs.jsonl'), 'utf8'))
  } catch {
    return []
  }
}
/** On a machine that stalls, a grant may come too late to be sent: it is spent all the same, and logged. */
const lateIn = (out: string) => out.match(/a grant came too late/g)?.length ?? 0
const spentToday = async () => {
  const { out } = await runCommand(env, 'status', '--json')
  const { budget } = JSON.parse(out) as { budget: { axes: { axis: string; used: number }[] } }
  return budget.axes.find(({ axis }) => axis === 'requestsPerDay')?.used
}

test('each resume is asked as often as told, in both variants, from the shared budget, and judged by its label', async () => {
  const priced = ['--price-prompt', '2', '--price-completion', '8']
  const { code, out, err } = await evaluate('--repeat', '2', '--name-swap', ...priced)
  expect(err).toBe('')
  expect(code).toBe(0)
  expect(out).toMatch(/12\/12 /)
  expect(out).toContain('mislabelled: scores 100, 100 (expected 0 to 40)')
  const { report, results, model } = document()
  expect(report).toMatchObject({ questions: 12, failures: 0, spread: { greatest: 0 }, swap: { greatest: 0 } })
  expect(report.agreement).toBeCloseTo(2 / 3)
  expect(report.meanAbsoluteError).toBeCloseTo(20)
  expect(report.worst.map(({ id }) => id)).toEqual(['mislabelled'])
  expect(model).toBe('gpt-4.1-mini-2025-04-14')
  // The file holds the answers in the order in which they came.
  const name = ({ id, repeat, variant }: (typeof results)[number]) => `${id} ${repeat} ${variant}`
  const sorted = (list: typeof results) => list.toSorted((a, b) => name(a).localeCompare(name(b)))
  expect(sorted(results)).toEqual(sorted(answered()))
  // The swapped resumes are other texts; nothing is taken from a cache.
  const texts = stub.arrivals().map((arrival) => arrival.texts)
  expect([texts.length, new Set(texts).size]).toEqual([12, 6])
  const billed = stub.arrivals().reduce((sum, { promptTokens: p, completionTokens: c }) => sum + 2 * p + 8 * c, 0)
  expect(report.cost).toBeCloseTo(billed / 1e6, 9)
  expect(await spentToday()).toBe(12 + lateIn(out))
  // Neither resumes nor the key are written down.
  for (const file of ['out.json', 'out.runs.jsonl']) {
    expect(readFileSync(join(folder, file), 'utf8')).not.toMatch(/Иван|TypeScript|sk-test/)
  }
})

test('killed in the middle, it goes on with what is left', async () => {
  stub.misbehave({ fault: 'slow', delayMs: 300 })
  env['MAX_CALLS_IN_FLIGHT'] = '1'
  const first = startCommand(env, ...args('--repeat', '2'))
  onTestFinished(() => void first.child.kill('SIGKILL'))
  await waitUntil(
    () => answered().length >= 2,
    30_000,
    () => 'two answers were expected',
  )
  first.child.kill('SIGKILL')
  await first.ended
  const before = answered().length
  expect(before).toBeLessThan(6)
  const { code, out } = await evaluate('--repeat', '2')
  expect(code).toBe(0)
  expect(out).toContain(`${6 - before} questions to ask, ${before} answered before`)
  const keys = document().results.map(({ id, repeat }) => `${id} ${repeat}`)
  expect(keys.toSorted()).toEqual(SET.flatMap(({ id }) => [`${id} 1`, `${id} 2`]).toSorted())
  // Only the question that was in flight at the kill was asked twice.
  expect(stub.arrivals().length).toBeLessThanOrEqual(7)
  const asked = stub.arrivals().length
  expect((await evaluate('--repeat', '2')).out).toContain('0 questions to ask, 6 answered before')
  expect(stub.arrivals()).toHaveLength(asked)
})

test('results of another model are not taken for those of this one', async () => {
  await evaluate()
  const { code, err } = await runCommand({ ...env, OPENAI_MODEL: 'gpt-4o-2024-11-20' }, ...args())
  expect(code).toBe(1)
  expect(err).toContain('holds results of another evaluation (changed: model)')
  expect(stub.arrivals()).toHaveLength(SET.length)
})

test('it never asks more than the budget has, and says what it waits for', async () => {
  Object.assign(env, { OPENAI_RPD: '2', BUDGET_MAX_WAIT_SECONDS: '1' })
  const running = startCommand(env, ...args('--repeat', '3'))
  onTestFinished(() => void running.child.kill('SIGKILL'))
  let out = ''
  running.child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  await waitUntil(
    () => out.includes('the budget is used up, its next turn comes in') && answered().length + lateIn(out) === 2,
    30_000,
    () => `it did not say that it waits: ${out}`,
  )
  running.child.kill('SIGINT')
  expect((await running.ended).err).toContain('evaluate was stopped')
  expect(stub.arrivals()).toHaveLength(2 - lateIn(out))
})

test('a key that is refused ends it with what to do, and no question counts as answered', async () => {
  const spell = stub.misbehave({ fault: 'unauthorized' })
  const { code, err } = await evaluate()
  expect(code).toBe(1)
  expect(err).toContain('the provider takes no call (unauthorized): put a valid key')
  expect(answered()).toEqual([])
  stub.lift(spell)
  // The gate may still hold the key's calls, until a probe shows that it is well.
  expect((await evaluate()).code).toBe(0)
  expect(document().report).toMatchObject({ questions: 3, failures: 0 })
})

test('a question without a usable answer is counted as a failure, and the others are judged', async () => {
  stub.misbehave({ fault: 'refusal', match: 'Пётр' })
  expect((await evaluate()).out).toContain('weak #1: no usable answer (refused_by_model)')
  expect(document().report).toMatchObject({ questions: 3, failures: 1, agreement: 0.5 })
})

test('where no worker has ever been, nobody knows what is spent: it asks its user', async () => {
  await redis.del(`${prefix}state`)
  const { code, err } = await evaluate()
  expect(code).toBe(1)
  expect(err).toContain('--new-budget')
  expect(stub.arrivals()).toEqual([])
})
