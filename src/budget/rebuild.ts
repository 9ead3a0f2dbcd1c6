/** Puts spendings back into a budget whose data was lost. */
import { randomUUID } from 'node:crypto'
import type { RetryWhileAway } from '../redis/retry.ts'
import type { budgetScripts, Spending, Version } from './scripts.ts'

/** Spendings within so long count as one, at the last one's time: a day is then a bounded number of them. */
const BUCKET_MS = 60_000
/** Each takes Redis some 30 µs, in which nobody else is served. */
const AT_ONCE = 100

export interface RebuildOptions {
  scripts: Pick<ReturnType<typeof budgetScripts>, 'restore' | 'open'>
  retryWhileAway: RetryWhileAway
  /** How long a rebuilt budget stays closed: a minute's window. */
  closedMs: number
}

export function createRebuild({ scripts, retryWhileAway, closedMs }: RebuildOptions) {
  /** Adds to a generation; each spending once, however often it is added. */
  async function add(generation: string, spendings: Spending[], signal: AbortSignal, fresh = false): Promise<void> {
    for (let from = 0; from < spendings.length; from += AT_ONCE) {
      const some = spendings.slice(from, from + AT_ONCE)
      await retryWhileAway('the spent budget', () => scripts.restore(generation, fresh, some), signal)
    }
  }

  /** Makes a new generation from the spendings; nothing of it counts before all of it is there. */
  async function rebuild(
    spendings: Iterable<{ atMs: number; requests: number; tokens: number }>,
    signal: AbortSignal,
  ): Promise<Version | null> {
    const generation = `rebuilt-${randomUUID()}`
    await add(generation, inBuckets(spendings, generation), signal, true)
    return await retryWhileAway('the budget', () => scripts.open(generation, closedMs, 'rebuilt'), signal)
  }

  return { add, rebuild }
}

function inBuckets(spendings: Iterable<{ atMs: number; requests: number; tokens: number }>, generation: string) {
  const buckets = new Map<number, Spending>()
  for (const { atMs, requests, tokens } of spendings) {
    const number = Math.floor(atMs / BUCKET_MS)
    const bucket = buckets.get(number) ?? { id: `${generation}:${number}`, atMs, requests: 0, tokens: 0 }
    bucket.atMs = Math.max(bucket.atMs, atMs)
    bucket.requests += requests
    bucket.tokens += tokens
    buckets.set(number, bucket)
  }
  return [...buckets.values()]
}
