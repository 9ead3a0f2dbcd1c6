/**
 * Knows whether Redis's data can be trusted. Every script on claims runs guard.lua first. When that notices lost data, this worker
 * decides nothing until recovery.ts has rebuilt the data, or has seen that another worker did.
 *
 *   untrusted (at start) ── adopt() ──► trusted ── a script's verdict is not `trusted` ──► untrusted
 */
import type { Redis } from 'ioredis'
import { abortable } from '../lib/abortable.ts'
import type { Gathering } from '../redis/group-commit.ts'
import { groupCommit } from '../redis/group-commit.ts'
import type { RetryWhileAway } from '../redis/retry.ts'
import type { Script } from '../redis/scripts.ts'

export type GuardVerdict = 'trusted' | 'missing' | 'lost' | 'recovering' | 'epoch'

export interface GuardedReply {
  verdict: GuardVerdict
  seq: number
  /** The rest of the reply, which the script's header describes under "Returns". */
  rest: (string | number)[]
}

/** A script under the guard. `keys` follow the state's key, `args` the guard's arguments. */
export type GuardedCall = (keys: string[], args: (string | number)[]) => Promise<GuardedReply>

type GuardedRun = (
  what: string,
  call: GuardedCall,
  keys: string[],
  args: (string | number)[],
  signal: AbortSignal,
) => Promise<GuardedReply>

export interface FleetStateOptions {
  redis: Redis
  /** The state's key. */
  key: string
  retryWhileAway: RetryWhileAway
}

export type FleetState = ReturnType<typeof createFleetState>

/**
 * Long, because everything in it shares the epoch and whether Redis is trusted.
 * @returns what runs scripts under the guard, and tells recovery.ts when it is needed
 */
export function createFleetState({ redis, key, retryWhileAway }: FleetStateOptions) {
  let epoch = ''
  let seen = 0
  let isTrusted = false
  let trusted = Promise.withResolvers<void>()
  let untrusted = Promise.withResolvers<void>()
  untrusted.resolve()
  const runId = trackRunId(redis)

  async function send(script: Script, keys: string[], args: (string | number)[]) {
    const server = await runId()
    // The epoch as it is sent: no await may come in between. A verdict about an epoch that has changed since is ignored.
    const sentEpoch = epoch
    const [verdict, seq, ...rest] = (await script([key, ...keys], [sentEpoch, seen, server, ...args])) as [
      GuardVerdict,
      number,
      ...unknown[],
    ]
    if (sentEpoch === epoch) {
      if (verdict === 'trusted') seen = Math.max(seen, seq)
      else distrust()
    }
    return { verdict, seq, rest }
  }

  function distrust(): void {
    if (!isTrusted) return
    isTrusted = false
    trusted = Promise.withResolvers<void>()
    untrusted.resolve()
  }

  /**
   * Resolves once Redis's data can be trusted; at once while it can be.
   * @throws the signal's reason when it aborts
   */
  async function untilTrusted(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (!isTrusted) await abortable(trusted.promise, signal)
  }

  /**
   * Runs a script in every state of the fleet. Waits for Redis while it is away.
   * @throws the signal's reason when it aborts
   */
  const run: GuardedRun = (what, call, keys, args, signal) => retryWhileAway(what, () => call(keys, args), signal)

  /**
   * Runs a script that decides something. Waits until the data can be trusted, and waits again when the script finds that it cannot.
   * @throws the signal's reason when it aborts
   */
  const decide: GuardedRun = async (what, call, keys, args, signal) => {
    for (;;) {
      await untilTrusted(signal)
      const reply = await run(what, call, keys, args, signal)
      if (reply.rest[0] !== 'untrusted') return reply
    }
  }

  return {
    /** @returns a function each of whose calls is one run of the script */
    alone:
      (script: Script): GuardedCall =>
      async (keys, args) => {
        const { verdict, seq, rest } = await send(script, keys, args)
        return { verdict, seq, rest: rest as GuardedReply['rest'] }
      },

    /** @returns a function whose calls share runs of the script (group-commit.ts); the script must take items by guard.lua's `each` */
    together(script: Script, gathering?: Gathering): GuardedCall {
      const call = groupCommit(async (items: readonly { keys: string[]; args: (string | number)[] }[]) => {
        const keys = items.flatMap((item) => item.keys)
        const { verdict, seq, rest } = await send(
          script,
          keys,
          items.flatMap((item) => item.args),
        )
        return (rest as GuardedReply['rest'][]).map((result): GuardedReply => ({ verdict, seq, rest: result }))
      }, gathering)
      return (keys, args) => call({ keys, args })
    },

    run,
    decide,

    /** Resolves once recovery is needed, at the start too. */
    untilUntrusted: (signal: AbortSignal) => abortable(untrusted.promise, signal),

    untilTrusted,

    isTrusted: () => isTrusted,

    epoch: () => epoch,

    /** Trusts the data of this epoch. Call it after the claims that were held before have been written again. */
    adopt(newEpoch: string, seq: number): void {
      epoch = newEpoch
      seen = seq
      if (isTrusted) return
      isTrusted = true
      untrusted = Promise.withResolvers<void>()
      trusted.resolve()
    },
  }
}

/** @returns a function that gives the run id of the connected Redis process, empty when it does not tell; asked once per connection */
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
