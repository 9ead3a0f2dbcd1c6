/**
 * The claims that this process holds, with all that it needs to renew them, or to write them again when Redis has lost them. Only this
 * file changes a held claim; others get values that never change.
 *
 *   open (with a lease while a call is in flight) ── answered() ──► answered
 *     │ ▲
 *     │ └─────────────────┐ began(), or hold() by another run of the same message
 *     └── refused() ──► refused ── answered() by another run of the same message ──► answered
 *
 * A claim whose paid answer is not published yet lingers after its last run has let it go (its partition moved). Until the next owner
 * has published the answer, this process may be the only one that can restore it when Redis loses its data.
 */
import type { ClaimOwner, Intent } from './judge.ts'
import { ownerText } from './judge.ts'

export interface Item {
  id: bigint
  owner: ClaimOwner
}

/** The token of a model call in flight, and whether it was begun with nothing else in flight. */
export interface HeldLease {
  token: string
  alone: boolean
}

export type HeldState =
  | { kind: 'open'; lease: HeldLease | null }
  /** An outcome is there. Redis may not have it yet. */
  | { kind: 'answered'; outcome: string }
  /** Refused, because budget or rate limit leave no room; `atMs`: when, on Redis's clock, ms. */
  | { kind: 'refused'; atMs: number }

export interface HeldClaim {
  readonly id: bigint
  /** As in Redis, see `ownerText`. */
  readonly owner: string
  readonly payloadHash: string
  readonly state: HeldState
  /** What the last confirmation said would be published, right before a transaction; null before the first one. */
  readonly intent: Intent | null
  readonly starts: number
  readonly startsAlone: number
  /** performance.now() of the last renewal. */
  readonly renewedAtMs: number
  /** How many runs of the message in this process hold it: one more each time its partition is assigned again. 0: it lingers. */
  readonly runs: number
  /** performance.now() of the last run's end. */
  readonly letGoAtMs: number
}

/** What a run knows of a claim that claim.lua has just given it. */
export interface ClaimFacts {
  payloadHash: string
  /** Null: none is stored. */
  outcome: string | null
  starts: number
  startsAlone: number
}

/** The register of held claims. It does not talk to Redis. */
export class HeldClaims {
  readonly #claims = new Map<string, HeldClaim>()

  all(): HeldClaim[] {
    return [...this.#claims.values()]
  }

  /** @returns the held claim; when it is not held, an idle claim of this owner */
  of(item: Item): HeldClaim {
    return this.#claims.get(keyOf(item)) ?? unheld(item)
  }

  /** @returns the claim's newest value; `claim` itself when it is not held any more */
  latest(claim: HeldClaim): HeldClaim {
    return this.#claims.get(keyOfHeld(claim)) ?? claim
  }

  /**
   * Counts one more run that holds the claim.
   * @returns the stored outcome, also one that only this process remembers; null when there is none
   */
  hold(item: Item, { outcome, ...facts }: ClaimFacts): string | null {
    const before = this.of(item)
    const known = outcome ?? outcomeOf(before)
    // An earlier run of the message in this process may still have its call in flight.
    const lease = before.state.kind === 'open' ? before.state.lease : null
    const state: HeldState = known === null ? { kind: 'open', lease } : { kind: 'answered', outcome: known }
    const renewedAtMs = performance.now()
    this.#claims.set(keyOf(item), { ...before, ...facts, state, renewedAtMs, runs: before.runs + 1 })
    return known
  }

  began(item: Item, lease: HeldLease, counts: Pick<HeldClaim, 'starts' | 'startsAlone'>): void {
    // Keep another run's paid answer, which may not have reached Redis yet.
    this.#change(item, (claim) =>
      claim.state.kind === 'answered' ? claim : { ...claim, ...counts, state: { kind: 'open', lease } },
    )
  }

  /** The call ended without an outcome. Another run's lease stays. */
  ended(item: Item, token: string): void {
    this.#change(item, (claim) => (leaseOf(claim)?.token === token ? { ...claim, state: IDLE } : claim))
  }

  answered(item: Item, outcome: string): void {
    this.#change(item, (claim) => ({ ...claim, state: { kind: 'answered', outcome } }))
  }

  refused(item: Item, atMs: number): void {
    this.#change(item, (claim) => ({ ...claim, state: { kind: 'refused', atMs } }))
  }

  /**
   * Records what is about to be published.
   * @returns the claim with that intent, also when it is not held
   */
  confirming(item: Item, intent: Intent): HeldClaim {
    this.#change(item, (claim) => ({ ...claim, intent }))
    return { ...this.of(item), intent }
  }

  renewed(claims: readonly HeldClaim[]): void {
    const renewedAtMs = performance.now()
    for (const each of claims) this.#changeKey(keyOfHeld(each), (claim) => ({ ...claim, renewedAtMs }))
  }

  /**
   * Takes all leases out of the register.
   * @returns them with their claims
   */
  takeLeases(): { claim: HeldClaim; lease: HeldLease }[] {
    return this.all().flatMap((claim) => {
      const lease = leaseOf(claim)
      if (lease === null) return []
      this.#claims.set(keyOfHeld(claim), { ...claim, state: IDLE })
      return [{ claim, lease }]
    })
  }

  /** A run of the message gives up. When it was the last one, the claim is dropped, or lingers with its answer. */
  letGo(item: Item): void {
    this.#change(item, (claim) => {
      const left = { ...claim, runs: claim.runs - 1, letGoAtMs: performance.now() }
      return left.runs === 0 && outcomeOf(left) === null ? null : left
    })
  }

  /** @param beforeMs lingering claims that were let go before this time are dropped, performance.now() ms */
  forget(beforeMs: number): void {
    for (const [key, { runs, letGoAtMs }] of this.#claims) {
      if (runs === 0 && letGoAtMs < beforeMs) this.#claims.delete(key)
    }
  }

  /** Drops a finished claim. */
  drop(item: Item): void {
    this.#claims.delete(keyOf(item))
  }

  /** Drops a claim that another message owns, or that is finished: there is nothing to renew. */
  lose(claim: HeldClaim): void {
    this.#claims.delete(keyOfHeld(claim))
  }

  #change(item: Item, change: (claim: HeldClaim) => HeldClaim | null): void {
    this.#changeKey(keyOf(item), change)
  }

  #changeKey(key: string, change: (claim: HeldClaim) => HeldClaim | null): void {
    const before = this.#claims.get(key)
    if (before === undefined) return
    const after = change(before)
    if (after === null) this.#claims.delete(key)
    else this.#claims.set(key, after)
  }
}

export const leaseOf = ({ state }: HeldClaim): HeldLease | null => (state.kind === 'open' ? state.lease : null)

/** @returns a key that is the same for all values of one claim */
export const keyOfHeld = ({ id, owner }: HeldClaim): string => `${id} ${owner}`

const keyOf = ({ id, owner }: Item) => `${id} ${ownerText(owner)}`
const outcomeOf = ({ state }: HeldClaim) => (state.kind === 'answered' ? state.outcome : null)
const IDLE: HeldState = { kind: 'open', lease: null }

function unheld({ id, owner }: Item): HeldClaim {
  const counts = { starts: 0, startsAlone: 0, runs: 0 }
  const times = { renewedAtMs: 0, letGoAtMs: 0 }
  return { id, owner: ownerText(owner), payloadHash: '', state: IDLE, intent: null, ...counts, ...times }
}
