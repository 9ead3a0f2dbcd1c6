/**
 * Who owns a `processing_id`: typed Redis operations of the pipeline. Scripts and their states: *.lua in this folder.
 *
 *   (none) ── claim ──► open ── store ──► answered ── finish, after the commit ──► marked, until its TTL
 *                        │ ▲ └─ refuse ──► refused at T ── finish ──► told ── claim by a message sent after T ──► another's
 *                        │ └─── claim again ────┘ by the same message, when its refusal was not committed
 *                        └── finish of a dead letter ──► dead ── claim by any other message ──► another's
 *
 * `told` is a field of a refused claim (finish.lua). Until it is set, `store` still turns the claim into `answered`. A claim that is taken
 * over starts as `answered` when the same payload has a stored answer, else as `open`.
 *
 * Right before a transaction, `confirm` records what the transaction will publish. If the worker dies before it can `finish`, other
 * workers learn from that record what became of a message whose offset is committed (judge.ts).
 *
 * While Redis is away, every operation waits; while its data is not trusted, those wait that decide something: `claim`, `begin`,
 * `refuse` and `confirm`. All waits end with their signal. Each operation names the message that it acts for, so that it does no harm
 * when it runs twice or late.
 */
import type { Redis } from 'ioredis'
import { pause } from '../lib/abortable.ts'
import { createCalls } from './calls.ts'
import { createClaim } from './claim.ts'
import type { HeldClaim, Item } from './held.ts'
import { HeldClaims, keyOfHeld, leaseOf } from './held.ts'
import type { ClaimOwner, Intent } from './judge.ts'
import { intentText, ownerText } from './judge.ts'
import type { Parts, ScriptName } from './parts.ts'
import { batches } from './parts.ts'
import { createReassert } from './reassert.ts'
import type { Certainty } from '../kafka/messages.ts'
import { Gathering } from '../redis/group-commit.ts'
import { loadScript } from '../redis/scripts.ts'
import type { FleetState, GuardedCall } from './trusted-state.ts'
import type { Timings } from '../timings.ts'
import { TIMINGS } from '../timings.ts'

export type { Begun, Lease } from './calls.ts'
export type { Claim } from './claim.ts'
export type { Item } from './held.ts'
export type { ClaimOwner, Intent } from './judge.ts'

/** A message and what its transaction publishes. `reasons`: why it got its score, opaque here; null when it has no score. */
export type Ended = Item & { publishes: Intent; reasons?: string | null }

/** `changed`: the claim was changed meanwhile and the message must not be refused; claim again to see its state. */
export type Refused = { kind: 'refused'; atMs: number } | { kind: 'changed' }
export type Stored = { kind: 'stored'; outcome: string } | { kind: 'duplicate' }

export interface DedupeOptions extends Pick<Parts, 'keys' | 'state' | 'log'> {
  redis: Redis
  /** The marks' life. */
  processedTtlMs: number
  /** Finds out where the message that owns a claim stands. Waits while Kafka is away, and rejects only with the signal's reason. */
  ownerStanding: Parts['ownerStanding']
  timings?: Partial<Timings['claims']>
}

export type Dedupe = ReturnType<typeof createDedupe>

/** @returns the operations. Only `run` renews claims and leases, so keep it running */
export function createDedupe({ redis, ...options }: DedupeOptions) {
  const timings = { ...TIMINGS.claims, ...options.timings }
  const claimTtlMs = Math.max(options.processedTtlMs, timings.claimTtlMinMs)
  const scripts = loadScripts(redis, options.state)
  const held = new HeldClaims()
  const parts: Parts = { ...options, claimTtlMs, timings, scripts, held }
  const reassert = createReassert(parts)

  /**
   * Asks, right before the transaction, whether the messages still own their ids, and records what the transaction publishes for each.
   * @returns the messages that must not be published any more; their offsets may be committed
   */
  async function confirm<T extends Ended>(items: T[], signal: AbortSignal): Promise<Set<T>> {
    if (items.length === 0) return new Set()
    const claims = items.map((item) => held.confirming(item, item.publishes))
    const lost = new Set((await reassert(claims, 'decision', signal)).map(keyOfHeld))
    return new Set(items.filter((_, index) => lost.has(keyOfHeld(claims[index] as HeldClaim))))
  }

  /** Renews claims and leases until the signal aborts; rejects with its reason. */
  async function run(signal: AbortSignal): Promise<never> {
    for (;;) {
      await pause(timings.renewEveryMs, signal)
      held.forget(performance.now() - timings.lingerMs)
      const dueMs = performance.now() - claimTtlMs / 3
      // Renew lingering claims each time: the reply tells when the next owner has finished them.
      const isDue = (claim: HeldClaim) => leaseOf(claim) !== null || claim.runs === 0 || claim.renewedAtMs < dueMs
      const due = held.all().filter(isDue)
      const lost = await reassert(due, 'renewal', signal)
      held.renewed(due)
      if (lost.length > 0)
        options.log.debug('dropped claims that other messages own or that are finished', { count: lost.length })
    }
  }

  return {
    claim: createClaim(parts),
    ...createCalls(parts),
    ...createOutcomes(parts),
    confirm,
    run,

    /** Hands a message back. Its claim stays in Redis; after the last run only a claim with an answer is still renewed, for `lingerMs`. */
    letGo: (id: bigint, owner: ClaimOwner) => held.letGo({ id, owner }),

    /** Writes everything that this process holds to Redis again, in every state of the fleet. For recovery.ts. */
    reassertHeld: async (signal: AbortSignal): Promise<void> => {
      await reassert(held.all(), 'renewal', signal)
    },
  }
}

/** The operations from a message's answer to its mark. */
function createOutcomes({ keys, state, held, scripts, processedTtlMs, claimTtlMs }: Parts) {
  const keysOf = (id: bigint) => [keys.mark(id), keys.claim(id)]

  /**
   * Call it after the commit. Marks the ids with a published success or final failure. Closes the claims of refused and dead-lettered
   * messages: a later message may take a refused id over, any other message a dead-lettered one, each with the answer
   * that is stored for the same payload.
   * @param how when `learned`, another worker may have published something else: then only outcomes are marked, and only where an outcome
   * was confirmed last
   */
  async function finish(items: Ended[], how: Certainty, signal: AbortSignal): Promise<void> {
    for (const batch of batches(items)) {
      const about = batch.flatMap(({ owner, publishes, reasons }) => [
        ownerText(owner),
        intentText(publishes),
        reasons ?? '',
      ])
      const scriptKeys = batch.flatMap(({ id }) => keysOf(id))
      await state.run('the marks', scripts.finish, scriptKeys, [processedTtlMs, claimTtlMs, how, ...about], signal)
      for (const item of batch) held.drop(item)
    }
  }

  /**
   * Stores the outcome until it is published, and ends the lease.
   * @param outcome of a success or a final failure, opaque here, not empty
   * @returns the outcome to publish: the one that was stored first; `duplicate`: nothing is to be published
   */
  async function store(id: bigint, owner: ClaimOwner, outcome: string, signal: AbortSignal): Promise<Stored> {
    const item = { id, owner }
    // Remember the outcome before sending it: if Redis then loses its data, the next renewal writes it again.
    held.answered(item, outcome)
    const { payloadHash } = held.of(item)
    const args = [ownerText(owner), payloadHash, claimTtlMs, outcome]
    const { rest } = await state.run('an answer', scripts.answer, keysOf(id), args, signal)
    if (rest[0] === 'duplicate') {
      held.drop(item)
      return { kind: 'duplicate' }
    }
    const first = rest[1] === '' ? outcome : String(rest[1])
    held.answered(item, first)
    return { kind: 'stored', outcome: first }
  }

  /** Records that the message is refused, because budget or rate limit leave no room, before the refusal is published. Copies sent up to then are duplicates. */
  async function refuse(id: bigint, owner: ClaimOwner, signal: AbortSignal): Promise<Refused> {
    const { payloadHash } = held.of({ id, owner })
    const args = [ownerText(owner), payloadHash, claimTtlMs, owner.timestampMs]
    const { rest } = await state.decide('a refusal', scripts.refuse, keysOf(id), args, signal)
    const [kind, atMs] = rest as ['refused' | 'changed', number]
    if (kind === 'changed') return { kind }
    held.refused({ id, owner }, atMs)
    return { kind, atMs }
  }

  return { store, refuse, finish }
}

/** Loads the scripts. A script that every message needs runs for several messages at once (group-commit.ts). */
function loadScripts(redis: Redis, state: FleetState): Record<ScriptName, GuardedCall> {
  const file = (name: string) => new URL(`./${name}.lua`, import.meta.url)
  const load = (name: ScriptName) => loadScript(redis, [file('guard'), file(name)], null)
  return {
    claim: state.together(load('claim')),
    // No lingering: a granted call must be sent soon.
    begin: state.together(load('begin'), new Gathering(0)),
    answer: state.together(load('answer')),
    refuse: state.together(load('refuse')),
    end: state.alone(load('end')),
    finish: state.alone(load('finish')),
    reassert: state.alone(load('reassert')),
  }
}
