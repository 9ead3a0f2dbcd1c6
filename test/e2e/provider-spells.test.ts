/** Gate, client and retries together, as in two workers under load: periods in which the server fails, and texts that it always refuses. */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { afterAll, describe, expect, inject, test } from 'vitest'
import type { FaultName } from '../../tools/openai-stub/faults.ts'
import type { Stub } from '../../tools/openai-stub/server.ts'
import { startStub } from '../../tools/openai-stub/server.ts'
import type { FailedCall } from '../../src/provider/attempts.ts'
import { nextStep } from '../../src/provider/attempts.ts'
import type { Gate } from '../../src/provider/gate.ts'
import { createGate } from '../../src/provider/gate.ts'
import type { Provider } from '../../src/provider/client.ts'
import { redisKeys } from '../../src/redis/keys.ts'
import { createRetryWhileAway } from '../../src/redis/retry.ts'
import { createTestProvider, question, recordedLog } from '../support/provider.ts'
import { waitUntil } from '../support/wait.ts'

const SLOTS = 8
const REQUESTS = 120
const signal = AbortSignal.timeout(170_000)

const cleanups: (() => unknown)[] = []
// The tests run side by side.
afterAll(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
})

interface Worker {
  gate: Gate
  provider: Provider
}

/** @param timeoutMs of a call; by default one that no machine is too busy for */
function workersOf(stub: Stub, timeoutMs = 20_000): [Worker, Worker] {
  const keys = redisKeys(`spell-${randomUUID()}:`)
  const one = (): Worker => {
    const redis = new Redis(inject('redisUrl'))
    const { log } = recordedLog()
    const provider = createTestProvider(stub.baseUrl, log, { timeoutMs })
    const retry = createRetryWhileAway({ log, redis })
    const gate = createGate({ redis, keys, worker: randomUUID(), identity: provider.identity, retry, log })
    cleanups.push(async () => {
      gate.close()
      await provider.close()
      const left = await redis.keys(`${keys.pause.replace(/pause$/, '')}*`)
      if (left.length > 0) await redis.del(left)
      redis.disconnect()
    })
    return { gate, provider }
  }
  return [one(), one()]
}

/** One attempt after the other, as pipeline.ts has it. @returns 'answered' or the failure's code */
async function request({ gate, provider }: Worker, text: string, slot: <T>(work: () => Promise<T>) => Promise<T>) {
  const failures: FailedCall[] = []
  for (;;) {
    const failure = await slot(async () => {
      const pass = await gate.enter(text, signal)
      const { messages, ...rest } = question()
      const reply = await provider.ask({
        ...rest,
        messages: messages.map(({ role, content }) => ({ role, content: content.replace('Иван', text) })),
      })
      if (reply.kind === 'answer') return void (await gate.report(pass, 'answered', signal))
      if (reply.kind !== 'failure') throw new Error(`not to be expected: ${reply.kind}`)
      return { ...reply, evidence: await gate.report(pass, reply.code, signal) }
    })
    if (failure === undefined) return 'answered'
    const step = nextStep(failures.concat(failure))
    failures.push(failure)
    if (step.kind === 'give_up') return step.code
    await sleep(step.afterMs)
  }
}

/** At most `size` at once, in turn. */
function slotsOf(size: number) {
  let free = size
  const line: (() => void)[] = []
  return async <T>(work: () => Promise<T>): Promise<T> => {
    if (free > 0) free--
    else await new Promise<void>((resolve) => line.push(resolve))
    try {
      return await work()
    } finally {
      const next = line.shift()
      if (next === undefined) free++
      else next()
    }
  }
}

/** @param textOf a text that is added to a request's resume */
async function traffic(stub: Stub, textOf: (index: number) => string, timeoutMs?: number) {
  const workers = workersOf(stub, timeoutMs)
  const slots = workers.map(() => slotsOf(SLOTS))
  const outcomes = Array.from({ length: REQUESTS }, async (_, index) => {
    await sleep(index * 20)
    const which = index % 2 === 0 ? 0 : 1
    return await request(workers[which], textOf(index), slots[which] ?? slotsOf(SLOTS))
  })
  return await Promise.all(outcomes)
}

const burned = (stub: Stub) => stub.arrivals().filter(({ fault }) => fault !== null).length

describe('in live traffic', () => {
  test.concurrent.each<FaultName>(['http_500', 'hang', 'reset', 'unauthorized', 'insufficient_quota', 'html_200'])(
    'a spell of %s: everything is answered, and few calls are burned',
    { timeout: 180_000 },
    async (fault) => {
      const stub = await startStub({ latencyMs: 50 })
      cleanups.push(() => stub.stop())
      const [outcomes] = await Promise.all([
        traffic(stub, (index) => `ref:${index}`, fault === 'hang' ? 700 : undefined),
        spell(stub, fault),
      ])
      expect(outcomes).toEqual(Array.from({ length: REQUESTS }, () => 'answered'))
      // The calls in flight, the requests that had passed the gate, and the probes.
      expect(burned(stub)).toBeLessThan(2 * SLOTS + 12)
    },
  )

  /** Trouble within the traffic, for 1.5 s; on a busy machine longer, until some calls have met it. */
  async function spell(stub: Stub, fault: FaultName): Promise<void> {
    await waitUntil(
      () => stub.arrivals().length > 10,
      30_000,
      () => 'too few calls',
    )
    const trouble = stub.misbehave({ fault })
    const isMet = waitUntil(
      () => burned(stub) > 2,
      30_000,
      () => 'no call met the trouble',
    )
    await Promise.all([sleep(1_500), isMet])
    stub.lift(trouble)
  }

  test.concurrent(
    'bad texts get their failure after three calls each, and their neighbours do not suffer',
    async () => {
      const stub = await startStub({ latencyMs: 50 })
      cleanups.push(() => stub.stop())
      const isBad = (index: number) => index % 20 === 7
      const outcomes = await traffic(stub, (index) => `ref:${index}${isBad(index) ? ' [[stub:http_500]]' : ''}`)
      expect(outcomes.map((outcome, index) => outcome === (isBad(index) ? 'outage' : 'answered'))).toEqual(
        Array.from({ length: REQUESTS }, () => true),
      )
      // One more for a text whose failure came while calls were held.
      expect(burned(stub)).toBeLessThanOrEqual(4 * (REQUESTS / 20))
      expect(stub.arrivals().length - burned(stub)).toBe(REQUESTS - REQUESTS / 20)
    },
  )
})
