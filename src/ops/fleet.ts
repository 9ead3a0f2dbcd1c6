/** Reads the fleet's live workers from their heartbeats (see heartbeat.ts). */
import type { Redis } from 'ioredis'
import { z } from 'zod'
import { readJson } from '../lib/json.ts'
import type { Hold, Identity } from '../provider/holds.ts'
import { holdsOf } from '../provider/holds.ts'
import type { RedisKeys } from '../redis/keys.ts'

/** What decides how a worker works, equal in all workers of a fleet unless a rollout is in progress. */
export interface FleetSettings {
  model: string
  /** The prompt's version. */
  prompt: string
  /** The provider's address, without query and credentials. */
  address: string
  group: string
  topic: string
  budget: string
  requestsPerMinute: number | null
  requestsPerDay: number | null
  tokensPerMinute: number | null
  tokensPerDay: number | null
  verdictMinScore: number
}

export interface LiveWorker {
  worker: string
  host: string
  pid: string
  version: string
  partitions: number[]
  /** Messages in handlers. */
  inFlight: number
  /** Messages in handlers, or answered and not yet published. */
  window: number
  /** Why its partitions are stuck; empty when none is. */
  held: string
  /** The scopes of its calls; null from a worker of an older version. */
  scopes: Identity | null
  /** null from a worker of an older version */
  settings: FleetSettings | null
  /** Messages that it has skipped since its start, by their foreign key. */
  skipped: Record<string, number>
}

const scopes = z.object({ outage: z.string(), route: z.string(), key: z.string(), config: z.string() })
const limit = z.number().nullable()
const settings = z.object({
  model: z.string(),
  prompt: z.string(),
  address: z.string(),
  group: z.string(),
  topic: z.string(),
  budget: z.string(),
  requestsPerMinute: limit,
  requestsPerDay: limit,
  tokensPerMinute: limit,
  tokensPerDay: limit,
  verdictMinScore: z.number(),
})
const skipped = z.record(z.string(), z.number())

const SCAN_COUNT = 1_000

/**
 * Scans all keys of the database, so the cost grows with everything stored there; Redis serves others meanwhile.
 * @returns the living workers, in the order of their names
 * @throws as ioredis does
 */
export async function readWorkers(redis: Redis, keys: RedisKeys): Promise<LiveWorker[]> {
  const start = keys.worker('')
  const found = new Set<string>()
  let cursor = '0'
  do {
    const [next, page] = await redis.scan(cursor, 'MATCH', keys.workersPattern, 'COUNT', SCAN_COUNT)
    for (const key of page) found.add(key)
    cursor = next
  } while (cursor !== '0')
  const names = [...found].toSorted()
  const facts = await Promise.all(names.map((name) => redis.hgetall(name)))
  return (
    names
      .map((name, index) => readBeat(name.slice(start.length), facts[index] ?? {}))
      // A heartbeat that expired between the two commands is empty.
      .filter((each) => each !== null)
  )
}

/** @returns null for a beat without facts */
export function readBeat(worker: string, facts: Record<string, string>): LiveWorker | null {
  if (facts['host'] === undefined) return null
  const { host, pid = '', version = '', partitions = '', inFlight, window, held = '' } = facts
  return {
    worker,
    host,
    pid,
    version,
    partitions: partitions === '' ? [] : partitions.split(',').map(Number),
    inFlight: Number(inFlight ?? 0),
    window: Number(window ?? 0),
    held,
    scopes: parsed(scopes, facts['scopes']),
    settings: parsed(settings, facts['settings']),
    skipped: parsed(skipped, facts['skipped']) ?? {},
  }
}

/** Workers of other versions may have written something else. */
const parsed = <T>(schema: z.ZodType<T>, text: string | undefined): T | null => readJson(schema, text ?? '')

/** @returns how many messages all workers skipped, by key, the most frequent first */
export function skippedByFleet(workers: readonly LiveWorker[]): [key: string, count: number][] {
  const sums = new Map<string, number>()
  for (const worker of workers) {
    for (const [key, count] of Object.entries(worker.skipped)) sums.set(key, (sums.get(key) ?? 0) + count)
  }
  return [...sums].toSorted(([, a], [, b]) => b - a)
}

/**
 * @param holds the operator's pause and those of one failing request included
 * @returns `current`: holds that delay calls of a live worker; `old`: no live worker has their scopes, or no request waits for them
 */
export function partHolds(workers: readonly LiveWorker[], holds: readonly Hold[]): { current: Hold[]; old: Hold[] } {
  const living = new Set(['operator', ...workers.flatMap(({ scopes: own }) => Object.values(own ?? {}))])
  // A worker of an older version does not report its scopes, so any hold may concern it.
  const isKnown = workers.every(({ scopes: own }) => own !== null)
  const isCurrent = ({ scope, abandoned }: Hold) =>
    !abandoned && (living.has(scope) || (!isKnown && workers.length > 0))
  return { current: holds.filter(isCurrent), old: holds.filter((hold) => !isCurrent(hold)) }
}

/** @returns the holds that delay calls for a partition's requests; null when no known live worker has the partition */
export function holdsOfPartition(
  workers: readonly LiveWorker[],
  holds: readonly Hold[],
  group: string,
  partition: number,
): Hold[] | null {
  const identity = scopesOfPartition(workers, group, partition)
  return identity === null ? null : holdsOf(identity, holds)
}

/** @returns the scopes that calls for a partition's requests pass; null when no known live worker has the partition */
export const scopesOfPartition = (workers: readonly LiveWorker[], group: string, partition: number) =>
  workers.find((each) => each.settings?.group === group && each.partitions.includes(partition))?.scopes ?? null

/** Settings that are compared between live workers and this machine, with their names for people. */
const COMPARED: Record<keyof FleetSettings, string> = {
  model: 'OPENAI_MODEL',
  prompt: 'prompt version',
  address: 'OPENAI_BASE_URL',
  group: 'KAFKA_GROUP_ID',
  topic: 'KAFKA_TOPIC_FOR_AI_HANDLER',
  budget: 'BUDGET_NAME',
  requestsPerMinute: 'OPENAI_RPM',
  requestsPerDay: 'OPENAI_RPD',
  tokensPerMinute: 'OPENAI_TPM',
  tokensPerDay: 'OPENAI_TPD',
  verdictMinScore: 'VERDICT_MIN_SCORE',
}

export interface Difference {
  setting: string
  here: string
  /** The live workers' values, each once. */
  fleet: string[]
}

/** @returns the settings in which this machine differs from a live worker */
export function differences(here: FleetSettings, workers: readonly LiveWorker[]): Difference[] {
  const living = workers.flatMap(({ settings: own }) => (own === null ? [] : [own]))
  return (Object.keys(COMPARED) as (keyof FleetSettings)[]).flatMap((name) => {
    const fleet = [...new Set(living.map((own) => shown(own[name])))]
    const mine = shown(here[name])
    return fleet.some((value) => value !== mine) ? [{ setting: COMPARED[name], here: mine, fleet }] : []
  })
}

const LIMITS = new Set(['OPENAI_RPM', 'OPENAI_RPD', 'OPENAI_TPM', 'OPENAI_TPD'])

/** @returns the limits in which this machine differs from a live worker that shares its budget */
export const limitDifferences = (here: FleetSettings, workers: readonly LiveWorker[]): Difference[] =>
  differences(
    here,
    workers.filter((each) => each.settings?.budget === here.budget),
  ).filter(({ setting }) => LIMITS.has(setting))

const shown = (value: string | number | null) => (value === null ? 'no limit' : String(value))
