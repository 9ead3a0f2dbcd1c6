/** Budgets of a test's own, as workers make them. */
import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { createBudget } from '../../src/budget/budget.ts'
import type { Budget, BudgetDecision, BudgetOptions, Grant } from '../../src/budget/budget.ts'
import { BUDGET_WINDOWS } from '../../src/budget/limits.ts'
import type { Log } from '../../src/logging/log.ts'
import { createRetryWhileAway } from '../../src/redis/retry.ts'

export const quiet: Log = { error() {}, warn() {}, info() {}, debug() {} }

/** Connections as the worker has them: one for commands, one that listens. */
export function connect(url: string) {
  const redis = new Redis(url)
  const listener = new Redis(url)
  redis.on('error', () => {})
  listener.on('error', () => {})
  const subscribe: BudgetOptions['subscribe'] = (channel, onMessage) => {
    const listen = (from: string, message: string) => {
      if (from === channel) onMessage(message)
    }
    listener.on('message', listen)
    listener.subscribe(channel).catch(() => {})
    return () => listener.off('message', listen)
  }
  const close = () => {
    redis.disconnect()
    listener.disconnect()
  }
  return { redis, subscribe, close }
}

/** A grant may be sent within half of the margin, so none comes too late, and counts as used, because a machine is busy. */
export const WINDOWS = { ...BUDGET_WINDOWS, marginMs: 20_000 }

const NO_LIMITS = { requestsPerMinute: null, requestsPerDay: null, tokensPerMinute: null, tokensPerDay: null }

/** @returns `worker`, which makes one more worker of a fleet that shares a budget */
export function createFleet(url: string) {
  const prefix = `t${randomUUID()}:budget:`
  const sentinel = `${prefix}sentinel`
  const connections: { close(): void }[] = []
  const budgets: Budget[] = []

  function worker(
    settings: Partial<Omit<BudgetOptions, 'limits'>> & { limits?: Partial<BudgetOptions['limits']> } = {},
  ) {
    const { redis, subscribe, close } = connect(url)
    const budget = createBudget({
      redis,
      subscribe,
      prefix,
      sentinel,
      retryWhileAway: createRetryWhileAway({ redis, log: quiet }),
      worker: randomUUID(),
      burst: null,
      maxWaitMs: 900_000,
      windows: WINDOWS,
      log: quiet,
      onLost() {},
      ...settings,
      limits: { ...NO_LIMITS, ...settings.limits },
    })
    connections.push({ close })
    budgets.push(budget)
    return budget
  }

  return {
    prefix,
    sentinel,
    worker,
    /** The fleet's Redis holds all its data. */
    async trust(): Promise<void> {
      const redis = new Redis(url)
      await redis.hset(sentinel, 'status', 'open')
      redis.disconnect()
    },
    async close(): Promise<void> {
      for (const budget of budgets) budget.close()
      for (const each of connections) each.close()
      const redis = new Redis(url)
      const keys = await redis.keys(`${prefix}*`)
      if (keys.length > 0) await redis.del(...keys)
      redis.disconnect()
    },
  }
}

/** @throws Error when it is no grant */
export function grantOf(decision: BudgetDecision): Grant {
  if (decision.kind !== 'granted') throw new Error(`expected a grant, not ${JSON.stringify(decision)}`)
  return decision
}
