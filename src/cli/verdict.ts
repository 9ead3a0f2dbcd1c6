/** Where a request stands, concluded from what Redis and Kafka hold of it. Pure. */
import { REQUEST_KEY } from '../contracts.ts'
import type { Known } from '../claims/inspect.ts'
import type { Standing } from '../kafka/offsets-view.ts'

/** A message of the requests topic that carries the id. */
export interface RequestCopy {
  partition: number
  offset: bigint
  timestampMs: number
  standing: Standing
  /** The message's key as shown to people; null when it is the key of a request. */
  foreignKey: string | null
  /** The message that owns the id; null when this one does, or when it is no request (see `foreignKey`). */
  duplicateOf: { partition: number; offset: bigint } | null
  /** Its value differs from that of the message that owns the id. */
  conflict: boolean
}

/** A notification. */
export interface OutcomeCopy {
  partition: number
  offset: bigint
  timestampMs: number
  success: boolean
  score: bigint | null
  verdict: string | null
  messageError: string | null
  waitSeconds: bigint | null
  headers: Record<string, string>
}

export interface LetterCopy {
  partition: number
  offset: bigint
  timestampMs: number
  reason: string
  detail: string
}

export interface Facts extends Known {
  /** Where the message of the claim's owner stands; null without a claim. */
  ownerStanding: Standing | null
  requests: RequestCopy[]
  outcomes: OutcomeCopy[]
  letters: LetterCopy[]
}

export type State =
  | 'unknown'
  | 'skipped'
  | 'in_backlog'
  | 'waiting'
  | 'being_asked'
  | 'answered'
  | 'published'
  | 'failed'
  | 'refused'
  | 'dead_lettered'

/** @returns the request's state, and the facts that prove it, as a phrase */
export function conclude(facts: Facts): { state: State; because: string } {
  const { claim, ownerStanding, outcomes, letters, markedForMs } = facts
  const requests = facts.requests.filter(({ foreignKey }) => foreignKey === null)
  const final = outcomes.find(({ waitSeconds }) => waitSeconds === null)
  if (final?.success === true) return { state: 'published', because: `success, score ${final.score ?? '?'}` }
  if (final !== undefined) return { state: 'failed', because: final.messageError ?? 'no message' }
  const isDue = claim !== null && ownerStanding === 'due'
  if (claim?.isAsked === true) return { state: 'being_asked', because: 'a worker holds the lease of a model call' }
  if (isDue && claim.state === 'answered')
    return { state: 'answered', because: 'the answer is stored, not published yet' }
  if (isDue && claim.state === 'open') return { state: 'waiting', because: 'claimed; no call for it is in flight' }
  if (markedForMs !== null) return { state: 'published', because: MARKED_ONLY }
  if (isDue && claim.state === 'refused')
    return { state: 'refused', because: 'refused for lack of budget, not published yet' }
  const due = requests.find(({ standing }) => standing === 'due')
  if (due !== undefined) return { state: 'in_backlog', because: 'no worker has claimed it yet' }
  const letter = letters.at(-1)
  if (letter !== undefined) return { state: 'dead_lettered', because: `${letter.reason}: ${letter.detail}` }
  const refusal = outcomes.at(-1)
  if (refusal !== undefined) {
    return { state: 'refused', because: `for lack of budget, to be sent again after ${refusal.waitSeconds ?? '?'} s` }
  }
  if (claim?.state === 'dead')
    return { state: 'dead_lettered', because: 'its claim says so; the letter was not found: older than --since' }
  if (claim?.state === 'answered')
    return { state: 'published', because: 'its claim says so; the outcome was not found' }
  if (requests.length > 0) return { state: 'unknown', because: NO_TRACE }
  const foreign = facts.requests.at(-1)?.foreignKey ?? null
  if (foreign !== null) return { state: 'skipped', because: foreignText(foreign) }
  return { state: 'unknown', because: 'nothing of it was found in Redis or in Kafka' }
}

/** @returns the same as `conclude` where the half of the service `away`, which does not answer, cannot change it; else `unknown` */
export function concludeHalf(facts: Facts, away: 'Redis' | 'Kafka'): { state: State; because: string } {
  const isFinal = facts.outcomes.some(({ waitSeconds }) => waitSeconds === null)
  if (isFinal || facts.claim?.isAsked === true) return conclude(facts)
  return { state: 'unknown', because: `${away} does not answer, and half of it is not enough to tell` }
}

/** @param key as shown to people */
export const foreignText = (key: string) =>
  `${key === 'none' ? 'it has no key' : `its key is ${key}`}, not ${REQUEST_KEY}: its producer has to set it`

const MARKED_ONLY =
  'it is marked as finished, but its outcome was not found: older than --since, or marked without being published'
const NO_TRACE = 'its message was consumed and left neither an outcome nor a claim: older than those live, or lost'
