/**
 * A worker with a standing backlog, as a child process: asks for the budget again and again, and prints a line for each request
 * that it sends: the machine's monotonic clock in ms, a space, the tokens billed.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { createBudget } from '../../src/budget/budget.ts'
import type { Grant } from '../../src/budget/budget.ts'
import type { BudgetLimits, BudgetWindows } from '../../src/budget/limits.ts'
import { CallSlots } from '../../src/budget/call-slots.ts'
import { createRetryWhileAway } from '../../src/redis/retry.ts'
import { connect, quiet } from './budget-support.ts'

export interface ChildTask {
  redisUrl: string
  prefix: string
  sentinel: string
  limits: BudgetLimits
  windows: BudgetWindows
  burst: number | null
  reserve: number
  billed: number
  callMs: number
}

const { redisUrl, reserve, billed, callMs, ...settings } = JSON.parse(process.argv[2] ?? '') as ChildTask
const { redis, subscribe } = connect(redisUrl)
const slots = new CallSlots(16)
const budget = createBudget({
  ...settings,
  redis,
  subscribe,
  retryWhileAway: createRetryWhileAway({ redis, log: quiet }),
  worker: `child-${process.pid}`,
  maxWaitMs: 900_000,
  slots,
  log: quiet,
  onLost() {},
})
const { signal } = new AbortController()
await budget.initialise(signal)
const request = async () => {
  const grant = await budget.reserve({ tokens: reserve, user: '', urgent: false, alone: false }, signal)
  if (grant.kind !== 'granted') return
  await call(grant)
  grant.slot.release()
}
await Promise.all(
  Array.from({ length: 32 }, async () => {
    for (;;) await request()
  }),
)

async function call(grant: Grant): Promise<void> {
  if (performance.now() > grant.sendByMs) return
  grant.slot.sent()
  process.stdout.write(`${Number(process.hrtime.bigint()) / 1e6} ${billed}\n`)
  await sleep(callMs)
  await budget.settle(grant, billed, signal)
}
