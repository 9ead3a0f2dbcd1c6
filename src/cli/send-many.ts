/** Sends several requests, prints each result as it comes, and sums up. */
import type { Config } from '../config.ts'
import { NOTIFICATION_KEY } from '../contracts.ts'
import type { KafkaClients } from '../kafka/clients.ts'
import { waitForMessage } from '../kafka/follower.ts'
import type { ReadBack } from '../kafka/outcomes-reader.ts'
import { counted, duration } from '../lib/text.ts'
import { lastReason } from './connections.ts'
import { outcomeOf, processingIdIn, readFields } from './copies.ts'
import type { Report } from './define.ts'
import { EXIT } from './exit-codes.ts'
import type { Sent } from './send-progress.ts'
import { tellStanding, wordsOfMany } from './send-progress.ts'
import type { BadEntry, Entries, Entry } from './send-entries.ts'

export interface SendingMany extends Entries {
  /** Longest wait for the next result, counted from the previous one (at first from before the sending), ms. */
  timeoutMs: number
  signal: AbortSignal
  progress: (line: string) => void
  /** The end of the notifications topic before anything is sent, by partition. */
  from: ReadonlyMap<number, bigint>
  publish: (requests: Entry['request'][]) => Promise<Sent[]>
}

export type OutcomeOfOne = 'success' | 'failure' | 'refused' | 'none'

export interface Told {
  from: string
  processingId: bigint
  outcome: OutcomeOfOne
  score: unknown
  verdict: unknown
  error: unknown
}

/** @throws the signal's reason; what kafkajs throws when it gives up */
export async function sendMany(clients: KafkaClients, config: Config, sending: SendingMany): Promise<Report> {
  const { entries, bad, timeoutMs, signal, progress, from, publish } = sending
  // The summary names the bad entries.
  if (entries.length === 0) return summary([], bad)
  for (const each of bad) progress(`not sent: ${each.from}: ${each.why}`)
  const awaited = new Map(entries.map((entry) => [entry.request.processing_id, entry]))
  const told: Told[] = []
  const answered = new AbortController()
  const silence = new AbortController()
  const lapse = () => silence.abort(new Error('no result came'))
  let timer = setTimeout(lapse, timeoutMs)
  const onStop = () => leftAlone([...awaited.values()]).forEach(progress)
  const pick = (message: ReadBack): true | null => {
    const id = message.key?.toString() === NOTIFICATION_KEY ? processingIdIn(message.value) : null
    const entry = id === null ? undefined : awaited.get(id)
    if (id === null || entry === undefined) return null
    awaited.delete(id)
    const result = resultOf(entry, message)
    told.push(result)
    progress(`[${told.length}/${entries.length}] ${lineOf(result)}`)
    clearTimeout(timer)
    timer = setTimeout(lapse, timeoutMs)
    return awaited.size === 0 ? true : null
  }
  signal.addEventListener('abort', onStop, { once: true })
  try {
    const sent = await publish(entries.map(({ request }) => request))
    progress(`sent ${counted(entries.length, 'request')}; waiting for the results`)
    const ended = AbortSignal.any([signal, silence.signal, answered.signal])
    const words = wordsOfMany(entries.length, () => told.length)
    void tellStanding({
      clients,
      config,
      awaited: () => sent.filter(({ id }) => awaited.has(id)),
      words,
      signal: ended,
      progress,
    })
    await waitForMessage({
      clients,
      topic: config.kafka.topics.notifications,
      groupPrefix: config.kafka.groupId,
      from,
      pick,
      signal: AbortSignal.any([signal, silence.signal]),
      log: lastReason(),
    })
  } catch (error) {
    if (signal.aborted || !silence.signal.aborted) throw error
    progress(`no result came for ${duration(timeoutMs)}`)
  } finally {
    answered.abort(new Error('the waiting is over'))
    clearTimeout(timer)
    signal.removeEventListener('abort', onStop)
  }
  return summary([...told, ...[...awaited.values()].map(unanswered)], bad)
}

/** At most this many requests are named when `send` is stopped. */
const NAMED = 5

/** @returns what is said of requests whose results have not come when the user stops `send` */
export function leftAlone(entries: readonly Entry[]): string[] {
  const named = entries.slice(0, NAMED)
  const more = entries.length - named.length
  return [
    `${entries.length} ${entries.length === 1 ? 'request goes' : 'requests go'} on without this command; all in all: npm run status; one by one:`,
    ...named.map(({ from, request }) => `  ${from}: npm run inspect -- ${request.processing_id}`),
    ...(more > 0 ? [`  and ${more} more`] : []),
  ]
}

/** @returns how a request ended, from its notification */
export function resultOf({ from, request }: Entry, { value }: ReadBack): Told {
  const fields = readFields(value) ?? {}
  const { response, message_error: error } = fields
  const { score = null, verdict = null } = (response ?? {}) as Record<string, unknown>
  const outcome = outcomeOf(fields)
  return { from, processingId: request.processing_id, outcome, score, verdict, error: error ?? null }
}

const unanswered = ({ from, request }: Entry): Told => ({
  from,
  processingId: request.processing_id,
  outcome: 'none',
  score: null,
  verdict: null,
  error: null,
})

function lineOf({ from, outcome, score, verdict, error }: Told): string {
  return outcome === 'success'
    ? `${from}: ${String(score)} of 100: ${String(verdict)}`
    : `${from}: ${outcome}: ${String(error)}`
}

/** @returns a line for each request without a result and for each entry that was not sent, one for all, and the exit code of the worst */
export function summary(told: readonly Told[], bad: readonly BadEntry[]): Report {
  const count = (outcome: OutcomeOfOne) => told.filter((each) => each.outcome === outcome).length
  const [scored, failed, refused, none] = [count('success'), count('failure'), count('refused'), count('none')]
  const parts = [`${scored} scored`, `${failed} failed`, `${refused} refused`, `${none} without a result`]
  const missing = told.filter(({ outcome }) => outcome === 'none')
  return {
    document: { results: told, notSent: bad },
    lines: [
      ...missing.map(
        ({ from, processingId }) => `no result: ${from}; where it stands: npm run inspect -- ${processingId}`,
      ),
      ...bad.map(({ from, why }) => `not sent: ${from}: ${why}`),
      `${told.length} requests: ${parts.join(', ')}; ${bad.length} not sent`,
    ],
    exitCode: exitCodeOf({ none, unscored: failed + refused, bad: bad.length }),
  }
}

function exitCodeOf({ none, unscored, bad }: { none: number; unscored: number; bad: number }): number {
  if (none > 0) return EXIT.nothing
  if (unscored > 0) return EXIT.answeredWithFailure
  return bad > 0 ? EXIT.failed : EXIT.ok
}
