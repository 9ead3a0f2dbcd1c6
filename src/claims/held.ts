/**
 * What this process holds claims for: enough to renew them, and to write them again when Redis has lost them.
 *
 * A claim with a paid answer that is let go (its partition moved) lingers: until its next owner has published the answer, this
 * process may be the only one that can put it back into a Redis that loses its data.
 */
import type { ClaimOwner } from './judge.ts'
import { ownerText } from './judge.ts'

export interface Item {
  id: bigint
  owner: ClaimOwner
}

export interface Held {
  id: bigint
  /** As in Redis, see `ownerText`. */
  owner: string
  payloadHash: string
  state: 'open' | 'answered' | 'refused'
  outcome: string
  refusedAtMs: number
  /** What is about to be published for it, as in Redis, see `intentText`; empty until that is confirmed. */
  intent: string
  /** The token of the lease that is held, empty when none. */
  lease: string
  leasedAlone: boolean
  starts: number
  startsAlone: number
  /** performance.now() of the last renewal. */
  renewedAtMs: number
  /** How many runs of the message in this process hold it: a partition that comes back starts a second one. 0: it lingers. */
  runs: number
  /** performance.now() of the last run's end. */
  letGoAtMs: number
}

export type HeldClaims = ReturnType<typeof createHeldClaims>

/** @returns the register of held claims; it knows nothing of Redis */
export function createHeldClaims() {
  const claims = new Map<string, Held>()
  const keyOf = (item: Item) => `${item.id} ${ownerText(item.owner)}`

  return {
    /**
     * Notes a run that holds the claim now; `facts` are as Redis has just told.
     * @returns the stored outcome, also one that only this process remembers; empty when none
     */
    hold(item: Item, facts: Pick<Held, 'payloadHash' | 'outcome' | 'starts' | 'startsAlone'>): string {
      // Changed in place: calls in flight keep hold of it.
      const held = claims.get(keyOf(item)) ?? unknownOf(item)
      const outcome = facts.outcome === '' ? held.outcome : facts.outcome
      const state = outcome === '' ? 'open' : 'answered'
      Object.assign(held, facts, { outcome, state, renewedAtMs: performance.now(), runs: held.runs + 1 })
      claims.set(keyOf(item), held)
      return outcome
    },

    /** A run of the message gives up. When it was the last one, the claim is dropped, or lingers. */
    letGo(item: Item): void {
      const held = claims.get(keyOf(item))
      if (held === undefined) return
      held.runs--
      held.letGoAtMs = performance.now()
      if (held.runs === 0 && held.outcome === '') claims.delete(keyOf(item))
    },

    /** Lingering claims that were let go before then, performance.now() ms, have been waited for long enough. */
    forget(beforeMs: number): void {
      for (const [key, { runs, letGoAtMs }] of claims) if (runs === 0 && letGoAtMs < beforeMs) claims.delete(key)
    },

    drop: (item: Item) => claims.delete(keyOf(item)),

    /** It is another message's, or finished: there is nothing left to renew. */
    lose: ({ id, owner }: Held) => claims.delete(`${id} ${owner}`),

    /** @returns what is held, or a stand-in that knows the owner only, whose changes are not kept */
    of: (item: Item): Held => claims.get(keyOf(item)) ?? unknownOf(item),

    all: (): Held[] => [...claims.values()],
  }
}

function unknownOf({ id, owner }: Item): Held {
  return {
    id,
    owner: ownerText(owner),
    payloadHash: '',
    state: 'open',
    outcome: '',
    refusedAtMs: 0,
    intent: '',
    lease: '',
    leasedAlone: false,
    starts: 0,
    startsAlone: 0,
    renewedAtMs: 0,
    runs: 0,
    letGoAtMs: 0,
  }
}
