/** The options and helpers that the parts of dedupe.ts share. */
import type { Standing } from '../kafka/offsets-view.ts'
import type { Log } from '../logging/log.ts'
import type { RedisKeys } from '../redis/keys.ts'
import type { FleetState, GuardedCall } from './trusted-state.ts'
import type { HeldClaims } from './held.ts'
import type { ClaimOwner } from './judge.ts'
import type { Timings } from '../timings.ts'

export type ScriptName = 'claim' | 'begin' | 'end' | 'answer' | 'refuse' | 'finish' | 'reassert'

export interface Parts {
  keys: RedisKeys
  state: FleetState
  log: Log
  held: HeldClaims
  scripts: Record<ScriptName, GuardedCall>
  timings: Timings['claims']
  processedTtlMs: number
  claimTtlMs: number
  ownerStanding: (owner: ClaimOwner, signal: AbortSignal) => Promise<Standing>
}

/** Items per script: bounds both Redis's pause and Lua's stack. */
const BATCH = 128

/** @returns `items` in pieces that fit into one call of a script */
export function batches<T>(items: T[]): T[][] {
  const pieces: T[][] = []
  for (let first = 0; first < items.length; first += BATCH) pieces.push(items.slice(first, first + BATCH))
  return pieces
}
