/** Reads what Redis knows about one id, and removes its answer, for the commands `inspect` and `forget`. */
import type { Redis } from 'ioredis'
import { clockMs } from '../redis/clock.ts'
import type { RedisKeys } from '../redis/keys.ts'
import type { ClaimOwner, TheirClaim } from './judge.ts'
import { parseOwner } from './judge.ts'

export interface Known {
  /** How long its mark still lives, ms; null without a mark: no final outcome was published, or it was long ago. */
  markedForMs: number | null
  claim: KnownClaim | null
}

export interface KnownClaim {
  owner: ClaimOwner
  /** `dead`: dead-lettered. A message with this id takes the claim over, with its answer if one could not be published. */
  state: TheirClaim['state'] | 'dead'
  /** An answer is stored that is not published yet. */
  hasAnswer: boolean
  /** The model is being asked. False once the lease has expired, when its worker no longer renews it. */
  isAsked: boolean
  refusedAtMs: number | null
  /** Calls that began and that no live worker ended; `startsAlone` of them ran with nothing else in flight. */
  starts: number
  startsAlone: number
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
  const { owner, state, outcome, until, starts, alone, refused_at: refusedAt } = fields
  if (owner === undefined) return null
  return {
    owner: parseOwner(owner),
    state: state as KnownClaim['state'],
    hasAnswer: outcome !== undefined,
    isAsked: isAsked(state, until, nowMs),
    refusedAtMs: refusedAt === undefined ? null : Number(refusedAt),
    starts: Number(starts),
    startsAlone: Number(alone),
  }
}

/**
 * How far a message is whose outcome has not been read yet. `unclaimed`: no worker has taken it; `taken`: one has, and no call for its id
 * is in flight; `dead`: dead-lettered; `duplicate`: an earlier message with its id has its outcome. The last two get no outcome.
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
    // Any message may take over another's claim that is refused or dead.
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
