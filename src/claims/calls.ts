/** Leases. A claim's lease tells which run of the message is asking the model; its count of starts, whether the message kills workers. */
import { randomUUID } from 'node:crypto'
import type { GuardedReply } from './trusted-state.ts'
import type { ClaimOwner } from './judge.ts'
import { ownerText } from './judge.ts'
import { batches } from './parts.ts'
import type { Parts } from './parts.ts'

/** One model call that is in flight. */
export interface Lease {
  id: bigint
  owner: ClaimOwner
  token: string
  alone: boolean
}

/** `changed`: the claim was changed meanwhile and the call must not begin; claim again to see its state. */
export type Begun = { kind: 'begun'; lease: Lease; starts: number; startsAlone: number } | { kind: 'changed' }

/** @returns the operations around a model call, all part of dedupe.ts */
export function createCalls({ keys, state, log, held, scripts, timings, claimTtlMs }: Parts) {
  /**
   * Takes the lease right before a model call, and counts the start.
   * @param alone whether nothing else is in flight in this worker
   * @throws the signal's reason
   */
  async function begin(id: bigint, owner: ClaimOwner, alone: boolean, signal: AbortSignal): Promise<Begun> {
    const mine = held.of({ id, owner })
    const lease: Lease = { id, owner, token: randomUUID(), alone }
    const args = [mine.owner, mine.payloadHash, claimTtlMs, timings.leaseMs, lease.token, alone ? 1 : 0]
    let reply: GuardedReply
    try {
      const scriptKeys = [keys.mark(id), keys.claim(id)]
      reply = await state.decide('the start of a call', scripts.begin, scriptKeys, args, signal)
    } catch (error) {
      // The lease is given back because the script may have run although its reply was lost.
      void end(lease, AbortSignal.timeout(timings.leaseMs)).catch((reason: Error) =>
        log.debug('could not release a lease: it will expire', { id, reason: reason.message }),
      )
      throw error
    }
    const [kind, starts, startsAlone] = reply.rest as ['begun' | 'changed', number, number]
    if (kind === 'changed') return { kind }
    held.began({ id, owner }, { token: lease.token, alone }, { starts, startsAlone })
    return { kind, lease, starts, startsAlone }
  }

  /**
   * Gives a lease back after a call without outcome, and uncounts its start, because the message did not kill its worker.
   * @throws the signal's reason; the lease then expires, and its start stays counted
   */
  async function end(lease: Lease, signal: AbortSignal): Promise<void> {
    held.ended(lease, lease.token)
    const args = [ownerText(lease.owner), lease.token, lease.alone ? 1 : 0]
    await state.run('the end of a call', scripts.end, [keys.claim(lease.id)], args, signal)
  }

  /** Gives every lease back when the worker stops with unfinished calls. */
  async function releaseAll(signal: AbortSignal): Promise<void> {
    for (const batch of batches(held.takeLeases())) {
      const args = batch.flatMap(({ claim, lease }) => [claim.owner, lease.token, lease.alone ? 1 : 0])
      const scriptKeys = batch.map(({ claim }) => keys.claim(claim.id))
      await state.run('the end of all calls', scripts.end, scriptKeys, args, signal)
    }
  }

  return { begin, end, releaseAll }
}
