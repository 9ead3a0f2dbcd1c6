/**
 * What one user may take of a day's budget, so that the rest is left for others. It is a matter of fairness, not of the provider's
 * limits: should Redis lose it, every user begins anew, and a reply that is lost counts its request twice for a day.
 */
import type { Redis } from 'ioredis'
import type { RetryWhileAway } from '../redis/retry.ts'
import { loadScript } from '../redis/scripts.ts'
import type { BudgetLimits } from './limits.ts'

/** What a request has taken: of which user, and in which hour. */
export interface Share {
  user: string
  hour: string
  tokens: number
}

export interface UserShareOptions {
  redis: Redis
  retryWhileAway: RetryWhileAway
  /** Before every key of the budget; ends with a colon. */
  prefix: string
  limits: BudgetLimits
  /** Of each limit of the day, between 0 and 1. */
  part: number
  /** Of the day, with the budget's margin. */
  dayMs: number
}

export type UserShare = ReturnType<typeof createUserShare>

/** @returns the shares of all users; those of all workers of one budget are the same */
export function createUserShare({ redis, retryWhileAway, prefix, limits, part, dayMs }: UserShareOptions) {
  const script = loadScript(redis, new URL('./share.lua', import.meta.url), 1)
  const mostOf = (limit: number | null) => (limit === null ? '' : Math.max(1, Math.floor(limit * part)))
  const most = [mostOf(limits.requestsPerDay), mostOf(limits.tokensPerDay)]

  async function run(user: string, requests: number, tokens: number, hour: string, signal: AbortSignal) {
    const call = () => script([`${prefix}user:${user}`], [requests, tokens, ...most, dayMs, hour])
    return (await retryWhileAway("a user's share", call, signal)) as [number, string]
  }

  return {
    /** @returns what was taken, or how long until it fits, ms */
    async take(
      user: string,
      tokens: number,
      signal: AbortSignal,
    ): Promise<{ kind: 'taken'; share: Share } | { kind: 'refused'; waitMs: number }> {
      const [waitMs, hour] = await run(user, 1, tokens, '', signal)
      return waitMs > 0 ? { kind: 'refused', waitMs } : { kind: 'taken', share: { user, hour, tokens } }
    },

    /** Corrects the tokens to what was billed. */
    async settle({ user, hour, tokens }: Share, billedTokens: number, signal: AbortSignal): Promise<void> {
      if (billedTokens !== tokens) await run(user, 0, billedTokens - tokens, hour, signal)
    },

    /** Gives back a request that was not granted. */
    async giveBack({ user, hour, tokens }: Share, signal: AbortSignal): Promise<void> {
      await run(user, -1, -tokens, hour, signal)
    },
  }
}
