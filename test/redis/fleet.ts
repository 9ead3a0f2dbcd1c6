/** Several workers' claims on one Redis, with a Kafka that is told where each message stands. */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import type { Log } from '../../src/logging/log.ts'
import type { ClaimOwner, Ended, Item, Refused } from '../../src/claims/dedupe.ts'
import { createDedupe } from '../../src/claims/dedupe.ts'
import { ownerText } from '../../src/claims/judge.ts'
import { createRecovery } from '../../src/claims/recovery.ts'
import type { Standing } from '../../src/kafka/offsets-view.ts'
import type { OutcomeRecord, Spending } from '../../src/outcomes/read-back.ts'
import { connectRedis, redisReady } from '../../src/redis/connection.ts'
import { redisKeys } from '../../src/redis/keys.ts'
import { createRetryWhileAway } from '../../src/redis/retry.ts'
import type { Timings } from '../../src/timings.ts'
import { createFleetState } from '../../src/claims/trusted-state.ts'

export interface LoggedLine {
  level: keyof Log
  message: string
  fields: Record<string, unknown>
}

/** @returns a log that keeps its lines */
export function memoryLog(): Log & { lines: LoggedLine[] } {
  const lines: LoggedLine[] = []
  const at = (level: keyof Log) => (message: string, fields?: object) =>
    void lines.push({ level, message, fields: { ...fields } })
  return { lines, error: at('error'), warn: at('warn'), info: at('info'), debug: at('debug') }
}

export interface FleetOptions {
  processedTtlMs?: number
  dedupe?: Partial<Timings['claims']>
  recovery?: Partial<Timings['recovery']>
}

export type Fleet = Awaited<ReturnType<typeof startFleet>>
export type FleetWorker = Awaited<ReturnType<Fleet['worker']>>

const DAY_MS = 86_400_000

/** Everything under a prefix of its own; `stop` ends the workers and removes their keys. Long, because it puts workers together. */
export async function startFleet(redisUrl: string, { processedTtlMs = 3 * DAY_MS, ...timings }: FleetOptions = {}) {
  const prefix = `test-${randomUUID()}:`
  const keys = redisKeys(prefix)
  const url = new URL(redisUrl)
  const admin = new Redis(redisUrl)
  const standings = new Map<string, Standing>()
  /** What happens while a worker asks Kafka about a message. */
  const meanwhile = new Map<string, () => Promise<unknown>>()
  /** What the notifications topic holds. */
  const notifications: OutcomeRecord[] = []
  const stops: (() => void)[] = []

  async function ownKeys(): Promise<string[]> {
    const found: string[] = []
    for await (const page of admin.scanStream({ match: `${prefix}*`, count: 1_000 })) found.push(...(page as string[]))
    return found
  }

  async function wipe(): Promise<void> {
    const found = await ownKeys()
    if (found.length > 0) await admin.del(...found)
  }

  /** @param address another way to the same Redis: a proxy */
  async function worker(address: { host: string; port: number } = { host: url.hostname, port: Number(url.port) }) {
    const log = memoryLog()
    const config = { ...address, username: null, password: null, db: 0, tls: null, sentinel: null, keyPrefix: prefix }
    const redis = connectRedis(config, log)
    const stop = new AbortController()
    const retryWhileAway = createRetryWhileAway({ log, redis, backoffMs: { min: 20, max: 200 } })
    const state = createFleetState({ redis, key: keys.state, retryWhileAway })
    const dedupe = createDedupe({
      redis,
      keys,
      state,
      log,
      processedTtlMs,
      ownerStanding: async (owner: ClaimOwner) => {
        const standing = standings.get(ownerText(owner)) ?? 'due'
        const happens = meanwhile.get(ownerText(owner))
        meanwhile.delete(ownerText(owner))
        await happens?.()
        return standing
      },
      timings: {
        leaseMs: 2_000,
        renewEveryMs: 300,
        pollMs: 50,
        refusalMs: 5_000,
        claimTtlMinMs: 60_000,
        ...timings.dedupe,
      },
    })
    const budget = { created: 0, closedForMs: [] as number[], spendings: [] as Spending[][] }
    const reads: number[] = []
    const recovery = createRecovery({
      redis,
      keys,
      state,
      log,
      processedTtlMs,
      reassertHeld: dedupe.reassertHeld,
      firstEver: () => Promise.resolve(notifications.length === 0 && standings.size === 0),
      readOutcomes: async ({ sinceMs, onOutcome }) => {
        reads.push(sinceMs)
        for (const record of notifications.filter(({ timestampMs }) => timestampMs >= sinceMs)) await onOutcome(record)
      },
      budget: {
        initialise: () => Promise.resolve(void budget.created++),
        closeFor: (ms) => Promise.resolve(void budget.closedForMs.push(ms)),
        rebuild: (spendings) => Promise.resolve(void budget.spendings.push(spendings)),
      },
      timings: { leadMs: 1_500, pollMs: 40, reassertMs: 700, retryMs: 100, ...timings.recovery },
    })
    const ended = (error: unknown) => {
      if (error !== stop.signal.reason) log.error('a loop ended', { reason: String(error) })
    }
    void recovery.run(stop.signal).catch(ended)
    void dedupe.run(stop.signal).catch(ended)
    /** Like SIGSTOP: nothing is renewed any more. Calls that the test makes later are those of the thawed worker. */
    const freeze = () => stop.abort(new Error('frozen'))
    /** As SIGKILL: nothing is given back. */
    const die = () => {
      freeze()
      redis.disconnect()
    }
    stops.push(die)
    await redisReady(redis, log, AbortSignal.timeout(20_000))
    await state.untilTrusted(AbortSignal.timeout(20_000))
    return { ...dedupe, redis, state, log, budget, reads, freeze, die }
  }

  return {
    prefix,
    keys,
    admin,
    notifications,
    worker,
    wipe,
    meanwhile: (owner: ClaimOwner, happens: () => Promise<unknown>) => meanwhile.set(ownerText(owner), happens),
    stands: (owner: ClaimOwner, standing: Standing) => standings.set(ownerText(owner), standing),

    /** @returns a function that restores every key to its present value, like a copy of Redis taken now */
    async copy(): Promise<() => Promise<void>> {
      const found = await ownKeys()
      const dumps = await Promise.all(found.map((key) => admin.dumpBuffer(key)))
      const lives = await Promise.all(found.map((key) => admin.pttl(key)))
      return async () => {
        // In one step, so that no worker sees Redis empty in between.
        const step = admin.multi().del(keys.state, ...(await ownKeys()))
        for (const [i, key] of found.entries()) step.restore(key, Math.max(0, lives[i] ?? 0), dumps[i] as Buffer)
        await step.exec()
      }
    },

    async stop(): Promise<void> {
      for (const end of stops) end()
      await wipe()
      // Commands that the workers sent last may arrive after it.
      await sleep(20)
      await wipe()
      admin.disconnect()
    },
  }
}

let offsets = 0n

/** An input message like no other; `also` to change what matters. */
export function message(also: Partial<ClaimOwner> = {}): ClaimOwner {
  offsets++
  return { group: 'g', topic: 'AI_handler', partition: 0, offset: offsets, timestampMs: Date.now(), ...also }
}

/** How most messages end: with an outcome. */
export const outcomeOf = ({ id, owner }: Item): Ended => ({ id, owner, publishes: { kind: 'outcome' } })
/** @param refused what `refuse` has said of it */
export function refusalOf({ id, owner }: Item, refused: Refused): Ended {
  if (refused.kind !== 'refused') throw new Error('not refused')
  return { id, owner, publishes: { kind: 'refusal', atMs: refused.atMs } }
}
export const letterOf = ({ id, owner }: Item): Ended => ({ id, owner, publishes: { kind: 'letter' } })

/** A limit for what should take milliseconds. */
export const soon = () => AbortSignal.timeout(30_000)
