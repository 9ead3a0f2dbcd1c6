/** Decides what a message does when another message has claimed its id. Pure. */
import type { Standing } from '../kafka/offsets-view.ts'
import { NO_TIME } from '../kafka/timestamps.ts'

/** An input message, as it stands in a claim. */
export interface ClaimOwner {
  group: string
  topic: string
  partition: number
  offset: bigint
  /** The message's own timestamp, ms since the epoch; NO_TIME when it has none. */
  timestampMs: number
}

/** What a transaction publishes for a message: a success or a final failure, a refusal (`atMs` on Redis's clock), or a dead letter. */
export type Intent = { kind: 'outcome' } | { kind: 'refusal'; atMs: number } | { kind: 'letter' }

/** Another message's claim. A dead claim is free for any message, so claim.lua never reports one. */
export type TheirClaim = {
  owner: ClaimOwner
  /** What was confirmed last, right before a transaction; null: nothing was ever about to be published. */
  intent: Intent | null
} & (
  | { state: 'open' | 'answered' }
  /** `refusedAtMs`: on Redis's clock, ms. */
  | { state: 'refused'; refusedAtMs: number }
)

/** `wait`: their refusal is about to be published. Once it is, this message counts as a new request. */
export type Judgement = 'duplicate' | 'take' | 'mark' | 'wait'

/**
 * @param standing of their message
 * @returns `take`: the id passes to `mine`, with the stored answer if the payloads are the same; `mark`: their success or final
 * failure was published, but the worker died before it could set the mark
 */
export function judge(theirs: TheirClaim, mine: ClaimOwner, standing: Standing): Judgement {
  // The topic was created anew and its offsets began again, so the message that stood there will never be read.
  const actual = samePlace(theirs.owner, mine) ? 'gone' : standing
  // Without a timestamp a resend looks like a copy. A second refusal does no harm; dropping a resend would.
  const isLaterThan = (refusedAtMs: number) => mine.timestampMs === NO_TIME || mine.timestampMs > refusedAtMs
  if (actual === 'gone') return 'take'
  if (actual === 'due') return theirs.state === 'refused' && isLaterThan(theirs.refusedAtMs) ? 'wait' : 'duplicate'
  // Their offset is committed, so what was confirmed last was published.
  if (theirs.intent?.kind === 'outcome') return 'mark'
  if (theirs.intent?.kind === 'refusal') return isLaterThan(theirs.intent.atMs) ? 'take' : 'duplicate'
  // Dead-lettered, skipped by an operator, or skipped as a duplicate of a message whose claim has been lost since.
  return 'take'
}

function samePlace(a: ClaimOwner, b: ClaimOwner): boolean {
  return a.group === b.group && a.topic === b.topic && a.partition === b.partition && a.offset === b.offset
}

/** @returns the owner as a text for Redis; two owners with equal texts are the same message */
export function ownerText({ group, topic, partition, offset, timestampMs }: ClaimOwner): string {
  return JSON.stringify([group, topic, partition, offset.toString(), timestampMs])
}

/** @returns the intent as a text for Redis */
export const intentText = (intent: Intent): string =>
  intent.kind === 'refusal' ? `refusal ${intent.atMs}` : intent.kind

/** The reverse of `intentText`; null for an empty text. */
export function parseIntent(text: string): Intent | null {
  const [kind, atMs] = text.split(' ')
  if (kind === 'refusal') return { kind, atMs: Number(atMs) }
  return kind === 'outcome' || kind === 'letter' ? { kind } : null
}

/** The reverse of `ownerText`. */
export function parseOwner(text: string): ClaimOwner {
  const [group, topic, partition, offset, timestampMs] = JSON.parse(text) as [string, string, number, string, number]
  return { group, topic, partition, offset: BigInt(offset), timestampMs }
}
