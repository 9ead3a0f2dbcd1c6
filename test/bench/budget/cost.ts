/** Measures what a reservation and a settlement cost Redis, by how much the windows hold. It starts a Redis of its own. */
import { Redis } from 'ioredis'
import { budgetScripts } from '../../../src/budget/scripts.ts'
import type { Spending } from '../../../src/budget/scripts.ts'
import { BUDGET_WINDOWS, paceOf } from '../../../src/budget/limits.ts'
import { startLocalRedis } from '../../support/services.ts'

const HELD = [1, 1_000, 10_000, 100_000]
const CALLS = 2_000
const TOKENS = 3_000

interface Cost {
  held: number
  /** µs of Redis for each call, its commands included. */
  reserveUs: number
  settleUs: number
  /** Told to wait: the windows are full, and the time has to be found. */
  waitUs: number
  bytes: number
}

/** Prints a line for each size. Takes some 20 s. */
export async function budgetCost(say: (line: string) => void): Promise<void> {
  const server = await startLocalRedis()
  const redis = new Redis(server.url)
  try {
    say('entries held   reserve      settle       told to wait   memory')
    for (const held of HELD) {
      const cost = await measure(redis, held)
      const us = (value: number) => `${value.toFixed(1)} µs`.padEnd(13)
      say(
        `${String(held).padEnd(15)}${us(cost.reserveUs)}${us(cost.settleUs)}${us(cost.waitUs)}  ${Math.round(cost.bytes / 1024)} KiB`,
      )
    }
  } finally {
    redis.disconnect()
    await server.stop()
  }
}

async function measure(redis: Redis, held: number): Promise<Cost> {
  await redis.flushall()
  await redis.hset('state', 'status', 'open')
  // At least 10,000 requests a minute, with room for what is measured.
  const requestsPerMinute = Math.max(10_000, held) + CALLS
  const tokensPerMinute = requestsPerMinute * TOKENS
  const limits = { requestsPerMinute, tokensPerMinute, requestsPerDay: 20_000_000, tokensPerDay: 60_000_000_000 }
  const own = { redis, prefix: 'budget:bench:', sentinel: 'state', limits, windows: BUDGET_WINDOWS }
  const roomy = budgetScripts({ ...own, pace: paceOf(limits, null) })
  const version = await roomy.initialise('bench', 'new')
  if (version === null) throw new Error('the budget was not created')
  await fill(redis, roomy, held)

  const granted: { id: string; atMs: number }[] = []
  const reserveUs = await perCall(redis, async (id) => {
    const reply = await roomy.reserve([{ id, tokens: TOKENS }], 900_000, version)
    if (reply.kind !== 'granted') throw new Error(`expected a grant, not ${reply.kind}`)
    granted.push({ id, atMs: reply.grants[0]?.atMs ?? 0 })
  })
  const settleUs = await perCall(redis, async (_, call) => {
    const { id, atMs } = granted[call] ?? { id: '', atMs: 0 }
    await roomy.settle([{ id, atMs, billed: TOKENS - 1_000 }])
  })
  // What is held fills these limits, but for tokens a day; nobody stays in line, since each refuses to wait.
  const full = { ...limits, requestsPerMinute: held, tokensPerMinute: held * TOKENS, requestsPerDay: held }
  const tight = budgetScripts({ ...own, limits: full, pace: paceOf(full, null) })
  const waitUs = await perCall(redis, async (id) => {
    const reply = await tight.reserve([{ id, tokens: TOKENS }], 0, version)
    if (reply.kind !== 'refused') throw new Error(`expected a wait, not ${reply.kind}`)
  })
  return { held, reserveUs, settleUs, waitUs, bytes: await memory(redis) }
}

/** Spends `held` requests, spread over the last 40 s. */
async function fill(redis: Redis, scripts: ReturnType<typeof budgetScripts>, held: number): Promise<void> {
  const [seconds] = await redis.time()
  const nowMs = Number(seconds) * 1_000
  for (let from = 0; from < held; from += 500) {
    const some = Array.from({ length: Math.min(500, held - from) }, (_, i): Spending => {
      const atMs = nowMs - Math.floor(((from + i) / held) * 40_000)
      return { id: `held:${from + i}`, atMs, requests: 1, tokens: TOKENS }
    })
    await scripts.restore(some, false)
  }
  // `restore` keeps keys so that it adds nothing twice: a budget in use has none.
  const unsettled = await redis.keys('budget:bench:*:open:*')
  if (unsettled.length > 0) await redis.del(...unsettled)
}

async function perCall(redis: Redis, call: (id: string, number: number) => Promise<void>): Promise<number> {
  await redis.config('RESETSTAT')
  const label = Math.random().toString(36).slice(2)
  for (let i = 0; i < CALLS; i++) await call(`${label}:${i}`, i)
  const stats = await redis.info('commandstats')
  const [, calls, us] = /cmdstat_evalsha:calls=(\d+),usec=(\d+)/.exec(stats) ?? []
  return Number(us) / Number(calls)
}

async function memory(redis: Redis): Promise<number> {
  let bytes = 0
  for (const key of await redis.keys('budget:bench:*')) bytes += Number(await redis.memory('USAGE', key, 'SAMPLES', 0))
  return bytes
}
