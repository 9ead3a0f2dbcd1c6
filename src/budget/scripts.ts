/** The budget's Lua scripts as typed operations. Each may be sent again after a lost reply. */
import type { Redis } from 'ioredis'
import { loadScript } from '../redis/scripts.ts'
import type { BudgetLimits, BudgetWindows, Pace } from './limits.ts'

/** Requests and tokens that the windows held right after a grant. */
export interface Used {
  minute: { requests: number; tokens: number }
  day: { requests: number; tokens: number }
}

/** Which data a reply came from. Another generation, or a lower seq within one, means other data than before. */
export interface Version {
  generation: string
  seq: number
}

/** One request that was granted. */
export interface Granted {
  /** On Redis's clock, ms since the epoch. */
  atMs: number
  /** The grant's age when Redis replied, ms: 0 unless the same id was sent again. */
  ageMs: number
  used: Used
}

/** The request would wait longer than it may, or its user's share of the day is spent. */
export interface BudgetRefusal {
  kind: 'refused'
  /** In how many ms it would be admitted, as things stand. */
  waitMs: number
}

export type ReserveReply =
  | { kind: 'lost' }
  /** Grants for the first requests of the call, at least one. */
  | ({ kind: 'granted'; grants: Granted[] } & Version)
  | ({ kind: 'wait'; waitMs: number; askAgainMs: number } & Version)
  | (BudgetRefusal & Version)

/** Units spent at a time of Redis's clock (ms since the epoch). */
export interface Spending {
  id: string
  atMs: number
  requests: number
  tokens: number
}

/** What a provider reported about one of its limits. */
export interface Remaining {
  units: number
  /** Until the whole limit is free again. */
  resetMs: number
}

export interface ScriptOptions {
  redis: Redis
  /** Before every key, and the channel, of this budget; ends with a colon. */
  prefix: string
  /** The key whose status tells that no data was lost (redis/keys.ts: state). */
  sentinel: string
  limits: BudgetLimits
  windows: BudgetWindows
  pace: Pace
}

/** A waiter with a longer wait asks again after this time, to keep its place. */
const RENEWAL_MS = 10_000

const file = (name: string) => new URL(`./${name}.lua`, import.meta.url)
const BEFORE_EACH = ['state', 'trees', 'line'].map(file)

/**
 * Long, because it has one short function for each script.
 * @returns the budget's scripts, with typed replies
 */
export function budgetScripts({ redis, prefix, sentinel, limits, windows, pace }: ScriptOptions) {
  const keys = [`${prefix}state`, sentinel]
  const script = (name: string) => {
    const run = loadScript(redis, [...BEFORE_EACH, file(name)], keys.length)
    return async (...args: (string | number)[]) => (await run(keys, [...shared, ...args])) as (string | number)[]
  }
  const shared = [
    limits.requestsPerMinute ?? '',
    limits.tokensPerMinute ?? '',
    limits.requestsPerDay ?? '',
    limits.tokensPerDay ?? '',
    windows.minuteMs + windows.marginMs,
    windows.dayMs + windows.marginMs,
    pace.spacingMs,
    pace.aheadMs,
  ]
  const scripts = {
    reserve: script('reserve'),
    settle: script('settle'),
    leave: script('leave'),
    told: script('told'),
    restore: script('restore'),
    initialise: script('initialise'),
    status: script('status'),
  }

  /**
   * Reserves as many of the requests as fit, from the first on. When the first does not fit, it takes a place in the line, or is
   * refused because its wait is longer than `patienceMs`.
   */
  async function reserve(
    requests: readonly { id: string; tokens: number }[],
    patienceMs: number,
    known: Version | null,
  ): Promise<ReserveReply> {
    const seen = known ?? { generation: '', seq: 0 }
    const pairs = requests.flatMap(({ id, tokens }) => [id, tokens])
    const reply = await scripts.reserve(patienceMs, windows.marginMs, RENEWAL_MS, seen.generation, seen.seq, ...pairs)
    const [kind, generation, seq] = reply
    const version = { generation: String(generation), seq: Number(seq) }
    const at = (index: number) => Number(reply[index])
    if (kind === 'wait') return { kind, ...version, waitMs: at(3), askAgainMs: at(4) }
    if (kind === 'refused') return { kind, ...version, waitMs: at(3) }
    if (kind !== 'granted') return { kind: 'lost' }
    const nowMs = at(3)
    const grants: Granted[] = []
    for (let n = 4; n < reply.length; n += 5) {
      const used = {
        minute: { requests: at(n + 1), tokens: at(n + 2) },
        day: { requests: at(n + 3), tokens: at(n + 4) },
      }
      grants.push({ atMs: at(n), ageMs: nowMs - at(n), used })
    }
    return { kind, ...version, grants }
  }

  /** @param billed null: not known; the reservation stays */
  async function settle(
    grants: readonly { id: string; atMs: number; billed: number | null }[],
  ): Promise<Version | null> {
    return versionOf(await scripts.settle(...grants.flatMap(({ id, atMs, billed }) => [id, atMs, billed ?? ''])))
  }

  /** Grants nothing for `ms`; `closed` also shuts the budget until it is rebuilt. */
  async function hold(ms: number, why: 'hold' | 'closed'): Promise<Version | null> {
    return versionOf(await scripts.told(Math.ceil(ms), why, 0))
  }

  /** Narrows the budget to what the provider reported as left when it answered the call of this grant. */
  async function narrow(
    said: { requests: Remaining | null; tokens: Remaining | null },
    grant: { seq: number; used: Used },
  ): Promise<Version | null> {
    const { minute, day } = grant.used
    const one = (remaining: Remaining | null, axis: 'requests' | 'tokens') => {
      return [remaining?.units ?? '', remaining?.resetMs ?? '', minute[axis], day[axis]]
    }
    const args = [...one(said.requests, 'requests'), ...one(said.tokens, 'tokens')]
    return versionOf(await scripts.told('', '', grant.seq, ...args))
  }

  /** The version of the data that is there now; null when it is lost, or was never created. */
  const version = async () => versionOf(await scripts.told('', '', 0))

  /** @param rebuilding true: the budget is shut and being rebuilt; false: it was rebuilt and is in use */
  async function restore(spendings: Spending[], rebuilding: boolean): Promise<void> {
    const args = spendings.flatMap(({ id, atMs, requests, tokens }) => [id, atMs, requests, tokens])
    await scripts.restore(rebuilding ? '1' : '', ...args)
  }

  /** See initialise.lua; null: the budget cannot be used yet. */
  async function initialise(generation: string, how: 'new' | 'rebuilt'): Promise<Version | null> {
    return versionOf(await scripts.initialise(generation, how))
  }

  /** @returns up to when the lost budget's data is complete (`cutMs`; 0: it has none); null when the budget is in use */
  async function beginRebuild(): Promise<{ seq: number; cutMs: number } | null> {
    const [kind, , seq, cutMs] = await scripts.initialise('', 'rebuild')
    return kind === 'rebuild' ? { seq: Number(seq), cutMs: Number(cutMs) } : null
  }

  return {
    reserve,
    settle,
    leave: async (id: string) => void (await scripts.leave(id)),
    hold,
    narrow,
    version,
    restore,
    initialise,
    beginRebuild,
    status: async () => await scripts.status(),
  }
}

function versionOf([kind, generation, seq]: (string | number)[]): Version | null {
  return kind === 'lost' ? null : { generation: String(generation), seq: Number(seq) }
}
