/**
 * Whether what Redis holds can be trusted. Every script on claims asks guard.lua first; when that notices lost data, this
 * worker decides nothing until recovery.ts has rebuilt what can be rebuilt, or has seen another worker do it.
 *
 *   closed (at start) → adopt() → open → a script's verdict is not "open" → closed → ...
 */
import type { Redis } from 'ioredis'
import { abortable } from '../lib/abortable.ts'
import type { RetryWhileAway } from '../redis/retry.ts'
import type { Script } from '../redis/scripts.ts'

export type Verdict = 'open' | 'missing' | 'lost' | 'recovering' | 'epoch'

export interface Reply {
  verdict: Verdict
  seq: number
  /** What follows in the script's header under "Returns"; `rest[0]` is the result's name. */
  rest: (string | number)[]
}

export interface FleetStateOptions {
  redis: Redis
  /** The state's key. */
  key: string
  retryWhileAway: RetryWhileAway
}

export type FleetState = ReturnType<typeof createFleetState>

/** @returns what runs scripts under the guard, and tells recovery.ts when it is needed */
export function createFleetState({ redis, key, retryWhileAway }: FleetStateOptions) {
  let epoch = ''
  let seen = 0
  let isOpen = false
  let opened = Promise.withResolvers<void>()
  let closed = Promise.withResolvers<void>()
  closed.resolve()
  const runId = trackRunId(redis)

  async function send(script: Script, keys: string[], args: (string | number)[]): Promise<Reply> {
    const server = await runId()
    // No await between here and the sending: the epoch told is the one known when the reply comes, or it is not ours.
    const told = epoch
    const [verdict, seq, ...rest] = (await script([key, ...keys], [told, seen, server, ...args])) as [Verdict, number]
    if (told === epoch) {
      if (verdict === 'open') seen = Math.max(seen, seq)
      else close()
    }
    return { verdict, seq, rest }
  }

  function close(): void {
    if (!isOpen) return
    isOpen = false
    opened = Promise.withResolvers<void>()
    closed.resolve()
  }

  return {
    /**
     * Runs a script in whatever state the fleet is, waiting for Redis while it is away.
     * @throws the signal's reason when it aborts
     */
    run(what: string, script: Script, keys: string[], args: (string | number)[], signal: AbortSignal): Promise<Reply> {
      return retryWhileAway(what, () => send(script, keys, args), signal)
    },

    /**
     * Runs a script that decides something: waits until the fleet is open, and again when the script finds that it is not.
     * @throws the signal's reason when it aborts
     */
    async decide(
      what: string,
      script: Script,
      keys: string[],
      args: (string | number)[],
      signal: AbortSignal,
    ): Promise<Reply> {
      for (;;) {
        await abortable(opened.promise, signal)
        const reply = await retryWhileAway(what, () => send(script, keys, args), signal)
        if (reply.rest[0] !== 'closed') return reply
      }
    },

    /** Resolves once recovery is needed, at the start too. */
    needsRecovery: (signal: AbortSignal) => abortable(closed.promise, signal),

    /** Resolves once claims are decided; at once while they are. */
    isTrusted: (signal: AbortSignal) => abortable(opened.promise, signal),

    trusted: () => isOpen,

    epoch: () => epoch,

    /** Goes on in this epoch: what was held under another one has been written again. */
    adopt(newEpoch: string, seq: number): void {
      epoch = newEpoch
      seen = seq
      if (isOpen) return
      isOpen = true
      closed = Promise.withResolvers<void>()
      opened.resolve()
    },
  }
}

/** @returns the run id of the Redis process at the other end, empty when it does not tell; asked once per connection */
function trackRunId(redis: Redis): () => Promise<string> {
  let known: string | null = null
  redis.on('close', () => (known = null))
  return async () => {
    if (known !== null) return known
    try {
      const info = await redis.info('server')
      known = /^run_id:(\w+)/m.exec(info)?.[1] ?? ''
    } catch (error) {
      if (!(error as Error).message.startsWith('NOPERM')) throw error
      known = ''
    }
    return known
  }
}
