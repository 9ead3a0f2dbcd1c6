/** Budgets on a real Redis whose time a test sets. */
import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { afterAll, inject } from 'vitest'
import { BUDGET_WINDOWS, paceOf } from '../../src/budget/limits.ts'
import type { BudgetLimits } from '../../src/budget/limits.ts'
import { budgetScripts } from '../../src/budget/scripts.ts'

const tag = `t${randomUUID()}:`
const redis = new Redis(inject('redisUrl'))
afterAll(() => redis.disconnect())

/**
 * A budget whose clock the test sets. The scripts never let time go back: with `last` far ahead of Redis's own clock they see a
 * clock that stepped back, and continue from `last`.
 */
export async function budgetWithClock(limits: BudgetLimits, burst: number | null) {
  const prefix = `${tag}${randomUUID()}:`
  const sentinel = `${prefix}sentinel`
  const pace = paceOf(limits, burst)
  const scripts = budgetScripts({ redis, prefix, sentinel, limits, windows: BUDGET_WINDOWS, pace })
  await redis.hset(sentinel, 'status', 'open')
  await scripts.initialise('g', 'new')
  const [seconds] = await redis.time()
  let now = Number(seconds) * 1_000 + 1e9
  return {
    scripts,
    pace,
    now: () => now,
    pass: (ms: number) => void (now += ms),
    /** Runs a script at that time. */
    async at<T>(run: () => Promise<T>): Promise<T> {
      const [, reply] = await Promise.all([redis.hset(`${prefix}state`, 'last', now, 'offset', 0), run()])
      return reply
    },
    async remove() {
      const keys = await redis.keys(`${prefix}*`)
      await redis.del(...keys)
    },
  }
}
