/** Reads what Redis knows about ids, and removes what it stores of a result, for the commands. */
import type { Redis } from 'ioredis'
import { clockMs } from '../redis/clock.ts'
import type { RedisKeys } from '../redis/keys.ts'
import type { ClaimOwner, TheirClaim } from './judge.ts'
import { parseOwner } from './judge.ts'

export interface Known {
  /** How long the id's mark still lives, ms; null without a mark: no success or final failure was published, or it was long ago. */
  markedForMs: number | null
  claim: KnownClaim | null
}

export interface KnownClaim {
  owner: ClaimOwner
  /** `dead`: dead-lettered. The next message with this id takes the claim over, with a stored answer if the payload is the same. */
  state: TheirClaim['state'] | 'dead'
  /** An answer is stored that is not published yet. */
  hasAnswer: boolean
  /** A call is in flight. False once the lease has expired: the worker that asked renews it no more. */
  isAsked: boolean
  refusedAtMs: number | null
  /**
   * Calls begun for the owner's message, less those that a living worker ended without an outcome: the call in flight and the call that
   * brought the answer count. `startsAlone` of them were begun with nothing else in flight in their worker.
   */
  starts: number
  startsAlone: number
  /** Calls that a living worker ended without an outcome, which `starts` leaves out. Too few once Redis has lost the claim. */
  fruitless: number
}

/** @throws what ioredis throws */
export async function inspectId(redis: Redis, keys: RedisKeys, id: bigint): Promise<Known> {
  const [lifeMs, claim, nowMs] = await Promise.all([
    redis.pttl(keys.mark(id)),
    redis.hgetall(keys.claim(id)),
    clockMs(redis),
  ])
  return { markedForMs: lifeMs < 0 ? null : lifeMs, claim: describe(claim, nowMs) }
}

/** @param until when the claim's lease ends, ms. @returns whether a call is in flight */
const isAsked = (state: string | undefined, until: string | null | undefined, nowMs: number): boolean =>
  state === 'open' && Number(until ?? 0) > nowMs

function describe(fields: Record<string, string>, nowMs: number): KnownClaim | null {
  const { owner, state, outcome, until, starts, alone, fruitless, refused_at: refusedAt } = fields
  if (owner === undefined) return null
  return {
    owner: parseOwner(owner),
    state: state as KnownClaim['state'],
    hasAnswer: outcome !== undefined,
    isAsked: isAsked(state, until, nowMs),
    refusedAtMs: refusedAt === undefined ? null : Number(refusedAt),
    starts: Number(starts),
    startsAlone: Number(alone),
    fruitless: Number(fruitless ?? 0),
  }
}

/**
 * How far a message is whose notification has not been read yet. `unclaimed`: no worker has taken it; `taken`: a worker has, and no call
 * for its id is in flight; `dead`: dead-lettered; `duplicate`: another message with its id was answered. The last two get no notification.
 */
export type Stage = 'unclaimed' | 'taken' | 'asked' | 'answered' | 'refused' | 'dead' | 'duplicate'

/** @returns the stage of each message, in their order @throws what ioredis throws */
export async function readStages(
  redis: Redis,
  keys: RedisKeys,
  messages: readonly (Pick<ClaimOwner, 'topic' | 'partition' | 'offset'> & { id: bigint })[],
): Promise<Stage[]> {
  const [found, nowMs] = await Promise.all([
    Promise.all(
      messages.map(({ id }) =>
        Promise.all([redis.hmget(keys.claim(id), 'owner', 'state', 'until'), redis.exists(keys.mark(id))]),
      ),
    ),
    clockMs(redis),
  ])
  return found.map(([[owner, state, until], marked], index): Stage => {
    const message = messages[index]
    const its = owner == null || message === undefined ? null : parseOwner(owner)
    const isOurs =
      its?.topic === message?.topic && its?.partition === message?.partition && its?.offset === message?.offset
    if (marked === 1 && !isOurs) return 'duplicate'
    if (state === 'open') return isAsked(state, until, nowMs) ? 'asked' : 'taken'
    // Another message's claim that is dead, or was refused before this message was sent, may be taken over.
    const isFree = state == null || (!isOurs && state !== 'answered')
    return isFree ? 'unclaimed' : (state as Stage)
  })
}

/**
 * @returns what is stored about how an id was scored, as the pipeline wrote it: `reasons` when it is published, `outcome` before that
 * @throws what ioredis throws
 */
export async function readKeptResult(redis: Redis, keys: RedisKeys, id: bigint) {
  const [reasons = null, outcome = null] = await redis.hmget(keys.claim(id), 'reasons', 'outcome')
  return { reasons, outcome }
}

/**
 * Removes the stored answer and the reasons for its score. Mark and claim stay, so nothing is published twice. For an answer that is
 * not published yet the model is asked again, unless a worker has it in memory.
 * @returns which of the two there were
 */
export async function forgetResult(redis: Redis, keys: RedisKeys, id: bigint) {
  const [answers, reasons] = await Promise.all([
    redis.hdel(keys.claim(id), 'outcome'),
    redis.hdel(keys.claim(id), 'reasons'),
  ])
  return { hadAnswer: answers > 0, hadReasons: reasons > 0 }
}
