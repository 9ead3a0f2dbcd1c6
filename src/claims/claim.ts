/** Claims an id: reads the claim, judges it, and changes it by compare-and-set, until the result is certain. */
import { pause } from '../lib/abortable.ts'
import type { GuardedReply } from './trusted-state.ts'
import type { ClaimOwner, TheirClaim } from './judge.ts'
import { judge, ownerText, parseIntent, parseOwner } from './judge.ts'
import type { Parts } from './parts.ts'

export type Claim =
  /**
   * Go on. `starts`: calls begun for the message, less those that a living worker ended without an outcome (end.lua); `startsAlone` of
   * them were begun with nothing else in flight in their worker.
   */
  | { kind: 'mine'; starts: number; startsAlone: number; stored: string | null }
  /** Skip. `conflict`: the payload differs from that of the message that owns the id. */
  | { kind: 'duplicate'; of: 'mark' | 'claim'; conflict: boolean }

/** What claim.lua is to do with another message's claim, and the claim's owner and version when that was decided. */
interface Takeover {
  mode: '' | 'take' | 'mark'
  owner: string
  version: string
}

const LOOK: Takeover = { mode: '', owner: '', version: '' }

/** @returns `claim` of dedupe.ts */
export function createClaim({ keys, state, log, held, scripts, timings, ...parts }: Parts) {
  const { processedTtlMs, claimTtlMs, ownerStanding } = parts

  async function ask(id: bigint, owner: ClaimOwner, hash: string, decision: Takeover, signal: AbortSignal) {
    const about = [ownerText(owner), hash, claimTtlMs, timings.leaseMs]
    const args = [...about, decision.mode, decision.owner, decision.version, processedTtlMs]
    return readClaim(await state.decide('a claim', scripts.claim, [keys.mark(id), keys.claim(id)], args, signal))
  }

  /**
   * Claims the id for a message. Waits while another run of the message, or the message whose claim it takes over, asks the model; and
   * up to `refusalMs` while the owner's refusal is about to be published, or the workers of the owner's group may have been killed.
   * @param payloadHash hash of the message's value, which tells a repeated request from a different one under the same id
   * @returns whether to go on. After `mine` the caller must call `letGo` or `finish` once
   * @throws the signal's reason
   */
  return async (id: bigint, owner: ClaimOwner, payloadHash: string, signal: AbortSignal): Promise<Claim> => {
    const startedMs = performance.now()
    for (let decision = LOOK; ;) {
      const seen = await ask(id, owner, payloadHash, decision, signal)
      decision = LOOK
      if (seen.kind === 'marked') return { kind: 'duplicate', of: 'mark', conflict: seen.conflict }
      if (seen.kind === 'mine') {
        const { starts, startsAlone, outcome } = seen
        const stored = held.hold({ id, owner }, { payloadHash, outcome, starts, startsAlone })
        return { kind: 'mine', starts, startsAlone, stored }
      }
      if (seen.kind === 'leased') {
        await pause(Math.min(seen.leftMs + 1, timings.pollMs), signal)
        continue
      }
      const judged = judge(seen.claim, owner, await ownerStanding(seen.claim.owner, signal))
      const isPatient = performance.now() - startedMs < timings.refusalMs
      // Workers of another group or topic that were killed count as members until their sessions expire.
      const { group, topic } = seen.claim.owner
      const mayBeDying = judged === 'duplicate' && (group !== owner.group || topic !== owner.topic)
      if (isPatient && (judged === 'wait' || mayBeDying)) {
        await pause(timings.pollMs, signal)
        continue
      }
      if (judged === 'duplicate') return { kind: 'duplicate', of: 'claim', conflict: seen.conflict }
      decision = { mode: judged === 'mark' ? 'mark' : 'take', owner: seen.ownerText, version: seen.version }
      log.debug('the id is claimed by a message that is not due', { id, judged, state: seen.claim.state })
    }
  }
}

type SeenClaim =
  | { kind: 'marked'; conflict: boolean }
  | { kind: 'mine'; starts: number; startsAlone: number; outcome: string | null }
  | { kind: 'leased'; leftMs: number }
  | { kind: 'other'; claim: TheirClaim; ownerText: string; version: string; conflict: boolean }

/** The reply of claim.lua. */
function readClaim({ rest }: GuardedReply): SeenClaim {
  const [kind, a, b, c, d, e, g] = rest
  if (kind === 'marked') return { kind, conflict: a === 1 }
  if (kind === 'mine') return { kind, starts: Number(a), startsAlone: Number(b), outcome: c === '' ? null : String(c) }
  if (kind === 'leased') return { kind, leftMs: Number(a) }
  if (kind !== 'other') throw new TypeError(`claim.lua returned ${String(kind)}`)
  const about = { owner: parseOwner(String(a)), intent: parseIntent(String(g)) }
  const claim: TheirClaim =
    b === 'refused' ? { ...about, state: b, refusedAtMs: Number(d) } : { ...about, state: b as 'open' | 'answered' }
  return { kind, claim, ownerText: String(a), version: String(c), conflict: e === 1 }
}
