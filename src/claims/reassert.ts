/** Renews held claims in batches, and writes again in full those that Redis lacks. */
import type { GuardedReply } from './trusted-state.ts'
import type { HeldClaim } from './held.ts'
import { leaseOf } from './held.ts'
import { intentText } from './judge.ts'
import { batches } from './parts.ts'
import type { Parts } from './parts.ts'

/** As reassert.lua returns them. */
const NOT_OURS = 0
const LACKING = 2

/**
 * Renews the claims. `decision`: waits until the fleet's data is trusted (confirm); `renewal`: in any state.
 * @returns the claims that another message owns now, or that are finished; they are no longer held
 */
export type Reassert = (held: HeldClaim[], purpose: 'decision' | 'renewal', signal: AbortSignal) => Promise<HeldClaim[]>

export function createReassert({ keys, state, scripts, held: register, claimTtlMs, timings }: Parts): Reassert {
  type Ask = (held: HeldClaim[], full: boolean) => Promise<GuardedReply>

  async function renew(batch: HeldClaim[], ask: Ask): Promise<HeldClaim[]> {
    const { rest } = await ask(batch, false)
    const lost = batch.filter((_, index) => rest[index + 1] === NOT_OURS)
    const lacking = batch.filter((_, index) => rest[index + 1] === LACKING)
    if (lacking.length === 0) return lost
    const again = await ask(lacking, true)
    return [...lost, ...lacking.filter((_, index) => again.rest[index + 1] === NOT_OURS)]
  }

  return async (held, purpose, signal) => {
    const ask: Ask = (batch, full) => {
      const scriptKeys = batch.flatMap(({ id }) => [keys.mark(id), keys.claim(id)])
      const flags = [purpose === 'decision' ? 1 : 0, full ? 1 : 0]
      const args = [
        claimTtlMs,
        timings.leaseMs,
        ...flags,
        ...batch.flatMap((claim) => describe(register.latest(claim), full)),
      ]
      return purpose === 'decision'
        ? state.decide('the confirmation of claims', scripts.reassert, scriptKeys, args, signal)
        : state.run('the renewal of claims', scripts.reassert, scriptKeys, args, signal)
    }
    const lost: HeldClaim[] = []
    // Ask also when nothing is held, so that an idle worker notices when Redis has lost its data.
    const all = held.length === 0 ? [[]] : batches(held)
    for (const batch of all) lost.push(...(await renew(batch, ask)))
    for (const claim of lost) register.lose(claim)
    return lost
  }
}

/** @returns a claim's arguments for reassert.lua. An outcome has kilobytes, so it is sent only when Redis lacks it (`full`) */
function describe(claim: HeldClaim, full: boolean): (string | number)[] {
  const { owner, payloadHash, state, starts, startsAlone, intent } = claim
  const outcome = full && state.kind === 'answered' ? state.outcome : ''
  const refusedAtMs = state.kind === 'refused' ? state.atMs : 0
  const lease = leaseOf(claim)?.token ?? ''
  const about = intent === null ? '' : intentText(intent)
  return [owner, payloadHash, state.kind, outcome, refusedAtMs, lease, starts, startsAlone, about]
}
