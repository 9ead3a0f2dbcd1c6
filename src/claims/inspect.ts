/** Reads what Redis knows about one id, and removes its answer: for the commands `inspect` and `forget`, without a worker. */
import type { Redis } from 'ioredis'
import type { RedisKeys } from '../redis/keys.ts'
import type { ClaimOwner, TheirClaim } from './judge.ts'
import { parseOwner } from './judge.ts'

export interface Known {
  /** How long its mark still lives, ms; null when it has none: no final outcome was published, or long ago. */
  markedForMs: number | null
  claim: KnownClaim | null
}

export interface KnownClaim {
  owner: ClaimOwner
  /** `dead`: dead-lettered; free for whoever sends it again, with its answer if it had one that could not be published. */
  state: TheirClaim['state'] | 'dead'
  /** An answer is stored that is not published yet. */
  hasAnswer: boolean
  /** The model is being asked; false a lease after its worker was last heard of. */
  isAsked: boolean
  refusedAtMs: number | null
  /** Calls that were begun and never ended by a living worker, and those of them with nothing else in flight. */
  starts: number
  startsAlone: number
}

/** @throws what ioredis throws */
export async function inspectId(redis: Redis, keys: RedisKeys, id: bigint): Promise<Known> {
  const [lifeMs, claim, [seconds, micros]] = await Promise.all([
    redis.pttl(keys.mark(id)),
    redis.hgetall(keys.claim(id)),
    redis.time(),
  ])
  const nowMs = Number(seconds) * 1_000 + Number(micros) / 1_000
  return { markedForMs: lifeMs < 0 ? null : lifeMs, claim: describe(claim, nowMs) }
}

function describe(fields: Record<string, string>, nowMs: number): KnownClaim | null {
  const { owner, state, outcome, until, starts, alone, refused_at: refusedAt } = fields
  if (owner === undefined) return null
  return {
    owner: parseOwner(owner),
    state: state as KnownClaim['state'],
    hasAnswer: outcome !== undefined,
    isAsked: state === 'open' && Number(until ?? 0) > nowMs,
    refusedAtMs: refusedAt === undefined ? null : Number(refusedAt),
    starts: Number(starts),
    startsAlone: Number(alone),
  }
}

/**
 * What an id keeps of how it was scored, each as the pipeline wrote it: `reasons` of one that is published, `outcome` of one that is
 * about to be.
 * @throws what ioredis throws
 */
export async function readKeptResult(redis: Redis, keys: RedisKeys, id: bigint) {
  const [reasons = null, outcome = null] = await redis.hmget(keys.claim(id), 'reasons', 'outcome')
  return { reasons, outcome }
}

/**
 * Removes the stored answer and why it got its score; mark and claim stay, so nothing is published twice. One that is not published yet is asked for
 * anew, unless a worker has it in memory.
 * @returns which of them there were
 */
export async function forgetResult(redis: Redis, keys: RedisKeys, id: bigint) {
  const [answers, reasons] = await Promise.all([
    redis.hdel(keys.claim(id), 'outcome'),
    redis.hdel(keys.claim(id), 'reasons'),
  ])
  return { hadAnswer: answers > 0, hadReasons: reasons > 0 }
}
