/** Puts spendings back into a budget whose data was lost. */
import { randomUUID } from 'node:crypto'
import type { RetryWhileAway } from '../redis/retry.ts'
import type { budgetScripts, Spending, Version } from './scripts.ts'

/** Spendings within this time are summed and count at the last one's time, which bounds their number for a day. */
const BUCKET_MS = 60_000
/** Spendings per call of the script. Each takes Redis some 30 µs, in which it serves nobody else. */
const AT_ONCE = 100

export interface RebuildOptions {
  scripts: Pick<ReturnType<typeof budgetScripts>, 'restore' | 'initialise' | 'beginRebuild'>
  retryWhileAway: RetryWhileAway
}

/** Units spent at a time, ms since the epoch. */
export type Published = Pick<Spending, 'atMs' | 'requests' | 'tokens'>

export function createRebuild({ scripts, retryWhileAway }: RebuildOptions) {
  /** Adds each spending once, however often it is added. */
  async function add(spendings: Spending[], signal: AbortSignal, rebuilding = false): Promise<void> {
    for (let from = 0; from < spendings.length; from += AT_ONCE) {
      const some = spendings.slice(from, from + AT_ONCE)
      await retryWhileAway('the spent budget', () => scripts.restore(some, rebuilding), signal)
    }
  }

  /** Adds the spendings that a lost budget lacks, and puts it into use again. It grants nothing for a minute after the loss was found. */
  async function rebuild(published: Iterable<Published>, signal: AbortSignal): Promise<Version | null> {
    const loss = await retryWhileAway('the budget', () => scripts.beginRebuild(), signal)
    if (loss !== null) await add(inBuckets(published, loss.cutMs, `rebuilt:${loss.seq}`), signal, true)
    return await retryWhileAway('the budget', () => scripts.initialise(`rebuilt-${randomUUID()}`, 'rebuilt'), signal)
  }

  return { add, rebuild }
}

/** @param loss names this loss in the spendings' ids, so that another leader that continues this recovery adds nothing twice */
function inBuckets(published: Iterable<Published>, cutMs: number, loss: string): Spending[] {
  const buckets = new Map<number, Spending>()
  for (const { atMs, requests, tokens } of published) {
    if (atMs < cutMs) continue
    const number = Math.floor(atMs / BUCKET_MS)
    const bucket = buckets.get(number) ?? { id: `${loss}:${number}`, atMs, requests: 0, tokens: 0 }
    bucket.atMs = Math.max(bucket.atMs, atMs)
    bucket.requests += requests
    bucket.tokens += tokens
    buckets.set(number, bucket)
  }
  return [...buckets.values()]
}
