/** What a message does that finds its id claimed by another one. Pure. */

/** An input message, as it stands in a claim. */
export interface ClaimOwner {
  group: string
  topic: string
  partition: number
  offset: bigint
  /** The message's own timestamp, ms since the epoch. */
  timestampMs: number
}

/**
 * Where a message stands for its group: `due` (not committed, still in the log: somebody will handle it), `committed`,
 * `gone` (not committed and never to be read again: deleted by retention, or its topic was made anew).
 */
export type OwnerStanding = 'due' | 'committed' | 'gone'

export interface TheirClaim {
  owner: ClaimOwner
  state: 'open' | 'answered' | 'refused'
  /** Redis's time of the refusal, ms; in state answered, of one that a worker which was taken for dead has overwritten. */
  refusedAtMs: number | null
}

/** `wait`: their refusal is about to be published; only then this message is a new acceptance. */
export type Judgement = 'duplicate' | 'take' | 'mark' | 'wait'

/**
 * @param standing of their message
 * @returns `take`: the id passes to `mine` with the stored answer, if there is one; `mark`: theirs was published and its
 * worker died before it could set the mark
 */
export function judge(theirs: TheirClaim, mine: ClaimOwner, standing: OwnerStanding): Judgement {
  // The topic was made anew and its offsets began again: what stood there then will never be read.
  const actual = samePlace(theirs.owner, mine) ? 'gone' : standing
  if (theirs.state === 'refused') {
    const later = mine.timestampMs > (theirs.refusedAtMs ?? 0)
    if (later) return actual === 'due' ? 'wait' : 'take'
    return actual === 'gone' ? 'take' : 'duplicate'
  }
  if (actual === 'due') return 'duplicate'
  if (theirs.state === 'answered' && actual === 'committed' && theirs.refusedAtMs !== null) {
    return mine.timestampMs > theirs.refusedAtMs ? 'take' : 'duplicate'
  }
  // An open claim of a committed message: dead-lettered, skipped by an operator, or its answer was lost.
  return theirs.state === 'answered' && actual === 'committed' ? 'mark' : 'take'
}

function samePlace(a: ClaimOwner, b: ClaimOwner): boolean {
  return a.group === b.group && a.topic === b.topic && a.partition === b.partition && a.offset === b.offset
}

/** @returns the owner as it stands in Redis; equal texts are the same message */
export function ownerText({ group, topic, partition, offset, timestampMs }: ClaimOwner): string {
  return JSON.stringify([group, topic, partition, offset.toString(), timestampMs])
}

/** The reverse of `ownerText`. */
export function parseOwner(text: string): ClaimOwner {
  const [group, topic, partition, offset, timestampMs] = JSON.parse(text) as [string, string, number, string, number]
  return { group, topic, partition, offset: BigInt(offset), timestampMs }
}
