/** Reads the facts about Redis that a worker relies on. Changes nothing, and needs no right beyond the worker's own. */
import type { Redis } from 'ioredis'
import { clockMs } from '../redis/clock.ts'
import type { RedisKeys } from '../redis/keys.ts'

/** A fact is null when it is hidden, by an ACL or by a managed service. */
export interface RedisFacts {
  /** Such as `noeviction`. */
  maxmemoryPolicy: string | null
  appendOnly: boolean | null
  /** The setting `save` for snapshots; empty when there are none. */
  save: string | null
  /** How far Redis's clock is ahead of this machine's, and the possible error of that, ms. */
  clockAheadMs: number
  clockErrorMs: number
  /** Findings in a sample of the marks under our prefix; null when they cannot be listed. */
  marks: Marks | null
}

export interface Marks {
  seen: number
  /** Redis shows no trace of our workers under this prefix, so somebody else set these marks. */
  noneOurs: boolean
  /** Marks that cannot be ours: see `isForeign`. */
  notOurs: number
}

const CLOCK_READINGS = 3
/** Limits for the sample of marks and for the pages of keys searched, since a Redis may hold millions of other keys. */
const MARKS_SAMPLED = 200
const PAGES = 50
const PAGE_KEYS = 1_000
/** Tolerance for a mark's life: the clocks of worker and Redis round it. */
const TTL_SLACK_MS = 60_000
const OUR_VALUE = '_'

/**
 * Reads the facts. Must run before recovery.ts begins, because recovery creates the state by which our own marks are recognised.
 * @param processedTtlMs the life of our marks
 * @throws as ioredis does when the connection is lost
 */
export async function readRedisFacts(redis: Redis, keys: RedisKeys, processedTtlMs: number): Promise<RedisFacts> {
  const memory = await orForbidden(redis.info('memory'))
  const persistence = await orForbidden(redis.info('persistence'))
  const save = await orForbidden(redis.config('GET', 'save'))
  const appendOnly = field(persistence, 'aof_enabled')
  return {
    maxmemoryPolicy: field(memory, 'maxmemory_policy'),
    appendOnly: appendOnly === null ? null : appendOnly === '1',
    save: save?.[1] ?? null,
    ...(await readClock(redis)),
    marks: await orForbidden(readMarks(redis, keys, processedTtlMs)),
  }
}

const field = (info: string | null, name: string) => new RegExp(`^${name}:(\\S*)`, 'm').exec(info ?? '')?.[1] ?? null

/** Reads the clock several times and keeps the reading with the shortest round trip, which is the most exact. */
async function readClock(redis: Redis): Promise<{ clockAheadMs: number; clockErrorMs: number }> {
  let best = { clockAheadMs: 0, clockErrorMs: Infinity }
  for (let reading = 0; reading < CLOCK_READINGS; reading++) {
    const beforeMs = Date.now()
    const redisMs = await clockMs(redis)
    const afterMs = Date.now()
    const clockErrorMs = (afterMs - beforeMs) / 2
    if (clockErrorMs >= best.clockErrorMs) continue
    best = { clockAheadMs: redisMs - beforeMs - clockErrorMs, clockErrorMs }
  }
  return best
}

async function readMarks(redis: Redis, keys: RedisKeys, processedTtlMs: number): Promise<Marks> {
  const known = (await redis.exists(keys.state)) === 1
  const sample = new Set<string>()
  let cursor = '0'
  let pages = 0
  do {
    const [next, found] = await redis.scan(cursor, 'MATCH', keys.marksPattern, 'COUNT', PAGE_KEYS)
    for (const key of found) if (sample.size < MARKS_SAMPLED) sample.add(key)
    cursor = next
    pages++
  } while (cursor !== '0' && sample.size < MARKS_SAMPLED && pages < PAGES)
  const foreign = await Promise.all([...sample].map((mark) => isForeign(redis, keys, mark, processedTtlMs)))
  return { seen: sample.size, noneOurs: !known, notOurs: foreign.filter(Boolean).length }
}

/**
 * Whether a mark is not ours. Our marks name an integer, hold `_`, and live no longer than PROCESSED_TTL_SECONDS. A mark beside the
 * claim of a published refusal is not ours either: the notification service marks refusals too, we do not. (Or recovery rebuilt it
 * beside a claim from an older copy of the data.)
 */
async function isForeign(redis: Redis, keys: RedisKeys, mark: string, processedTtlMs: number): Promise<boolean> {
  const id = /processed_messages:(-?\d+)$/.exec(mark)?.[1]
  if (id === undefined) return true
  const [life, value, [state, told]] = await Promise.all([
    redis.pttl(mark),
    redis.get(mark).catch(noString),
    redis.hmget(keys.claim(BigInt(id)), 'state', 'told'),
  ])
  // The mark has expired meanwhile.
  if (value === null) return false
  if (value !== OUR_VALUE || life === -1 || life > processedTtlMs + TTL_SLACK_MS) return true
  return state === 'refused' && told !== null
}

function noString(error: unknown): string {
  if (error instanceof Error && error.message.startsWith('WRONGTYPE')) return ''
  throw error
}

/** @returns null when Redis refuses the command (NOPERM, or renamed) @throws when the connection is lost */
async function orForbidden<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked
  } catch (error) {
    if (error instanceof Error && error.name === 'ReplyError') return null
    throw error
  }
}
