/** `doctor` as an operator runs it before the first worker, on real services. */
import { expect, test } from 'vitest'
import { runCommand } from '../support/command.ts'
import { stub, world, worldOfEachTest } from '../support/worlds.ts'

interface Document {
  ok: boolean
  checks: { what: string; state: 'ok' | 'warn' | 'FAIL'; told: string }[]
}

worldOfEachTest({ stub: { latencyMs: 5 }, partitions: 2 })

const doctor = (...args: string[]) => doctorWith({}, ...args)

async function doctorWith(
  settings: Record<string, string>,
  ...args: string[]
): Promise<{ code: number | null; document: Document }> {
  const env = { ...world.env, ...settings }
  const { code, out } = await runCommand(env, 'doctor', '--json', ...args)
  return { code, document: JSON.parse(out) as Document }
}

test('finds nothing that keeps a worker from working on services that are in order, and asks no model', async () => {
  const { code, document } = await doctor()
  expect(document.checks.filter(({ state }) => state === 'FAIL')).toEqual([])
  expect(document.ok).toBe(true)
  expect(code).toBe(0)
  const looked = document.checks.map(({ what }) => what)
  const parts = ['settings', 'Kafka', 'topics', 'transactions', 'group', 'Redis', 'persistence', 'budgets', 'provider']
  expect(looked).toEqual(expect.arrayContaining(parts))
  expect(stub.arrivals()).toEqual([])
})

test('fails nothing on a new system, where the first worker will make the topics', async () => {
  const topic = `${world.topics.requests}_missing`
  const { code, document } = await doctorWith({ KAFKA_TOPIC_FOR_AI_HANDLER: topic })
  expect(document.checks.filter(({ state }) => state === 'FAIL')).toEqual([])
  const missing = document.checks.filter(({ told }) => told.startsWith(`${topic} is missing`))
  expect(missing).toMatchObject([{ what: 'topics', state: 'warn' }])
  expect(code).toBe(0)
})

test('asks a server in each form that it makes a worker try', async () => {
  stub.misbehave({ fault: 'refuse_parameter', parameter: 'seed', count: 1 })
  const { code, document } = await doctor('--paid')
  expect(document.checks.at(-1)).toEqual({
    what: 'model call',
    state: 'ok',
    told: expect.stringMatching(/^answered by /),
  })
  expect(code).toBe(0)
  expect(stub.arrivals().map(({ status }) => status)).toEqual([400, 200])
})

test('fails a server that refuses whatever it is asked', async () => {
  stub.misbehave({ fault: 'unauthorized' })
  const { code, document } = await doctor('--paid')
  expect(document.checks.at(-1)).toMatchObject({ state: 'FAIL', told: expect.stringContaining('unauthorized') })
  expect(code).toBe(1)
})
