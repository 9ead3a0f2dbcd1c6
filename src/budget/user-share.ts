/**
 * Bounds what one user may take of a day's budget, so that the rest is left for others. This is about fairness, not the provider's
 * limits, so it may be inexact: when Redis loses the shares, every user begins at zero, and a lost reply counts its request twice for
 * a day.
 */
import type { Redis } from 'ioredis'
import type { Log } from '../logging/log.ts'
import type { RetryWhileAway } from '../redis/retry.ts'
import { loadScript } from '../redis/scripts.ts'
import type { BudgetLimits } from './limits.ts'
import type { BudgetRefusal } from './scripts.ts'

/** What a request has taken of its user's share, and in which hour. */
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
  /** The part of each limit of the day that one user may take, 0 to 1. */
  part: number
  /** The length of the day's window with the budget's margin. */
  dayMs: number
  log: Log
  /** Ends the giving back in the background. */
  signal: AbortSignal
}

/** @returns the shares of all users, which all workers of one budget have in common */
export function createUserShare(options: UserShareOptions) {
  const { redis, retryWhileAway, prefix, limits, part, dayMs, log } = options
  const script = loadScript(redis, new URL('./share.lua', import.meta.url), 1)
  const mostOf = (limit: number | null) => (limit === null ? '' : Math.max(1, Math.floor(limit * part)))
  const most = [mostOf(limits.requestsPerDay), mostOf(limits.tokensPerDay)]

  async function run(user: string, requests: number, tokens: number, hour: string, signal: AbortSignal) {
    const call = () => script([`${prefix}user:${user}`], [requests, tokens, ...most, dayMs, hour])
    return (await retryWhileAway("a user's share", call, signal)) as [number, string]
  }

  function giveBack({ user, hour, tokens }: Share): void {
    run(user, -1, -tokens, hour, options.signal).catch((error: Error) =>
      log.debug('could not return the share of a user: it stays taken', { reason: error.message }),
    )
  }

  return {
    /** Takes the user's share before waiting for a turn, so that no request waits for a turn that it may not use. */
    async within<T extends { kind: 'granted' }>(
      user: string,
      tokens: number,
      wait: () => Promise<T | BudgetRefusal>,
      signal: AbortSignal,
    ): Promise<(T & { share: Share }) | BudgetRefusal> {
      const [waitMs, hour] = await run(user, 1, tokens, '', signal)
      if (waitMs > 0) return { kind: 'refused', waitMs }
      const share = { user, hour, tokens }
      let admitted: T | BudgetRefusal | null = null
      try {
        admitted = await wait()
        return admitted.kind === 'granted' ? { ...admitted, share } : admitted
      } finally {
        if (admitted?.kind !== 'granted') giveBack(share)
      }
    },

    /** Corrects the tokens to what was billed. */
    async settle({ user, hour, tokens }: Share, billedTokens: number, signal: AbortSignal): Promise<void> {
      if (billedTokens !== tokens) await run(user, 0, billedTokens - tokens, hour, signal)
    },
  }
}
