/** The demo's audit: compares what was sent with what Kafka holds. Pure. */
import { FAILURES } from '../../src/errors.ts'
import type { Answer } from './answers.ts'
import type { Expected, Sample } from './samples.ts'

/** What a read-committed consumer sees after the run, and what the stand-in counted. */
export interface Evidence {
  notifications: readonly Answer[]
  /** Ids of the processing records. */
  records: readonly bigint[]
  /** Values of the dead letters, and the reason of each. */
  deadLetters: readonly { value: string; reason: string }[]
  /** Quotes from the resumes, by id, taken from the decision records; null where nothing is proved. */
  proofs: ReadonlyMap<bigint, string | null>
  /** Requests that arrived at the stand-in. */
  calls: number
  /** Most calls that may have no outcome, because they died with a worker: they were repeated, or their answers were in the cache. */
  lostCalls: number
}

/** A sample's row of the table. */
export interface Row {
  sample: Sample
  answer: Answer | null
  outcome: string
  /** The quote that proves the score; null when there is none. */
  proof: string | null
}

export interface Audit {
  rows: Row[]
  ids: number
  answeredOnce: number
  lost: number
  doubled: number
  /** Of each dead letter. */
  deadLetterReasons: string[]
  calls: number
  /** HTTP attempts that the budget paid, by the answers' headers. */
  paid: number
  /** What is wrong, as sentences; empty when the run is clean. */
  problems: string[]
}

/** @returns the figures, a row for each sample in the order of sending, and what is wrong */
export function audit(samples: readonly Sample[], evidence: Evidence): Audit {
  const answersById = Map.groupBy(evidence.notifications, ({ id }) => id)
  const recordsById = Map.groupBy(evidence.records, (id) => id)
  const rows = samples.map((sample) => rowOf(sample, answersById, evidence))
  const ids = [...new Set(samples.flatMap(({ processingId }) => processingId ?? []))]
  const isDoubled = (id: bigint) => times(answersById, id) > 1 || times(recordsById, id) > 1
  const lostIds = ids.filter((id) => times(answersById, id) === 0)
  const doubledIds = ids.filter(isDoubled)
  const wrongRecords = ids.filter((id) => {
    const scored = answersById.get(id)?.some(({ result }) => result.kind === 'score') ?? false
    return !isDoubled(id) && times(recordsById, id) !== (scored ? 1 : 0)
  })
  const unanswerable = samples.filter(({ processingId }) => processingId === null)
  const lostLetters = unanswerable.filter(({ value }) => !evidence.deadLetters.some((letter) => letter.value === value))
  const strangers = [...answersById.keys(), ...recordsById.keys()].filter((id) => !ids.includes(id))
  const paid = evidence.notifications.reduce((sum, { attempts }) => sum + attempts, 0)
  const deadLetterReasons = evidence.deadLetters.map(({ reason }) => reason)
  return {
    rows,
    ids: ids.length,
    deadLetterReasons,
    calls: evidence.calls,
    paid,
    answeredOnce: ids.filter((id) => times(answersById, id) === 1 && !isDoubled(id)).length,
    lost: lostIds.length + lostLetters.length,
    doubled: doubledIds.length,
    problems: [
      ...told('not answered', lostIds),
      ...told('answered or recorded more than once', doubledIds),
      ...told('without the processing record that belongs to its result, or with one too many', wrongRecords),
      ...told('answered although never sent', strangers),
      ...lostLetters.map(({ title }) => `not among the dead letters: ${title}`),
      ...rows.flatMap(unexpected),
      ...(evidence.deadLetters.length > unanswerable.length ? ['more dead letters than broken messages'] : []),
      ...callProblems(evidence, paid),
    ],
  }
}

/** A call that died with its worker was paid, but no outcome tells of it. */
function callProblems({ calls, lostCalls }: Evidence, paid: number): string[] {
  if (paid <= calls && calls - paid <= lostCalls) return []
  const died = lostCalls === 0 ? '' : `, and at most ${lostCalls} died with a worker`
  return [`${calls} model calls, but ${paid} paid for outcomes${died}`]
}

const times = (byId: ReadonlyMap<bigint, readonly unknown[]>, id: bigint) => byId.get(id)?.length ?? 0

const told = (what: string, ids: readonly bigint[]) => (ids.length === 0 ? [] : [`${what}: ${ids.join(', ')}`])

function rowOf(sample: Sample, answers: ReadonlyMap<bigint, Answer[]>, { deadLetters, proofs }: Evidence): Row {
  if (sample.processingId === null) {
    const letter = deadLetters.find(({ value }) => value === sample.value)
    return { sample, answer: null, outcome: letter === undefined ? 'lost' : 'dead letter', proof: null }
  }
  const [answer, again] = answers.get(sample.processingId) ?? []
  if (answer === undefined) return { sample, answer: null, outcome: 'lost', proof: null }
  // The only answer belongs to the duplicate's original.
  if (sample.expected === 'duplicate' && again === undefined)
    return { sample, answer: null, outcome: 'duplicate, skipped', proof: null }
  return { sample, answer, outcome: outcomeOf(answer), proof: proofs.get(sample.processingId) ?? null }
}

/** @returns the outcome in a few words */
export function outcomeOf({ result, cached, flags }: Answer): string {
  if (result.kind === 'failure') return `failed: ${FAILED_AS[failureKind(result.message)]}`
  return `scored${cached ? ' from cache' : ''}${flags === '' ? '' : ', flagged'}`
}

const FAILED_AS = { invalid: 'invalid', too_long: 'too long', other: 'see below' }

function failureKind(message: string): keyof typeof FAILED_AS {
  if (message === FAILURES.too_long.message) return 'too_long'
  return message.startsWith('Запрос составлен неверно') ? 'invalid' : 'other'
}

/** @returns a sentence when the answer is not the expected one; samples without an answer are named elsewhere */
function unexpected({ sample, answer }: Row): string[] {
  if (answer === null) return []
  const { result } = answer
  const actual: Expected | 'other' = result.kind === 'score' ? 'scored' : failureKind(result.message)
  if (actual === sample.expected) return []
  const what = result.kind === 'score' ? 'was scored' : `failed: ${result.message}`
  return [`${answer.id} (${sample.title}) ${what}`]
}
