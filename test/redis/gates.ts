/** Gates on a real Redis, each with a connection of its own, as workers have them; every test has keys of its own. */
import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { afterEach, beforeEach, inject } from 'vitest'
import type { Gate, GateOptions } from '../../src/provider/gate.ts'
import type { Pass } from '../../src/provider/gate-scripts.ts'
import { createGate } from '../../src/provider/gate.ts'
import type { Identity, CallResult } from '../../src/provider/holds.ts'
import { readHolds } from '../../src/provider/holds.ts'
import type { RedisKeys } from '../../src/redis/keys.ts'
import { redisKeys } from '../../src/redis/keys.ts'
import { createRetryWhileAway } from '../../src/redis/retry.ts'
import { recordedLog } from '../support/provider.ts'

export const never = new AbortController().signal
export let prefix: string
export let keys: RedisKeys
export let redis: Redis
const cleanups: (() => unknown)[] = []

beforeEach(() => {
  prefix = `gate-${randomUUID()}:`
  keys = redisKeys(prefix)
  redis = new Redis(inject('redisUrl'))
})
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).toReversed()) await cleanup()
  const left = await redis.keys(`${prefix}*`)
  if (left.length > 0) await redis.del(left)
  redis.disconnect()
})

export const scopes = (changes: Partial<Identity> = {}): Identity => ({
  outage: 'outage:a',
  route: 'route:a',
  key: 'key:a',
  config: 'config:a',
  ...changes,
})

export interface GateWorker extends Gate {
  lines: string[]
  /** Ends it without a word, as a crash does. */
  crash: () => void
}

/** Gaps of a fraction of the real ones, so that tests are fast. */
export function worker(options: Partial<GateOptions> = {}): GateWorker {
  const connection = new Redis(inject('redisUrl'))
  const { lines, log } = recordedLog()
  const gate = createGate({
    redis: connection,
    keys,
    worker: randomUUID(),
    identity: () => Promise.resolve(scopes()),
    retry: createRetryWhileAway({ log, redis: connection }),
    log,
    ...options,
    timings: { checkMs: 10, leaseMs: 5_000, firstGapMs: 50, longestGapMs: 60_000, ...options.timings },
  })
  const crash = () => {
    gate.close()
    connection.disconnect()
  }
  cleanups.push(crash)
  return { ...gate, lines, crash }
}

/** One call from the gate to its outcome. */
export async function call(gate: Gate, id: string, outcome: CallResult) {
  const pass = await gate.enter(id, never)
  return { pass, ...(await gate.report(pass, outcome, never)) }
}

/** A request that enters and waits; `pass` is set when it is let through. */
export function waiting(gate: Gate, id: string, signal = never) {
  const state: { pass: Pass | null; left: unknown } = { pass: null, left: null }
  gate.enter(id, signal).then(
    (pass) => (state.pass = pass),
    (error: unknown) => (state.left = error),
  )
  return state
}

export const through = (all: { pass: Pass | null }[]) => all.filter(({ pass }) => pass !== null)
export const holds = () => readHolds(redis, keys)
export const later = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

export async function outage(gate: Gate): Promise<void> {
  for (const id of ['a', 'b', 'c']) await call(gate, id, 'outage')
}
