/** Checks what a run has left behind against the invariants: one outcome per request, no call repeated without a reason. */
import { randomUUID } from 'node:crypto'
import kafkajs from 'kafkajs'
import type { Message } from 'kafkajs'
import type { Arrival } from '../../tools/openai-stub/arrivals.ts'
import type { Seen } from './topic-reader.ts'
import { readTopics } from './topic-reader.ts'
import type { Notification } from './world.ts'
import { idIn, request } from './world.ts'

/** What is expected of a message: an answer, a failure that tells its caller what is wrong, or a dead letter. */
export type Expected = 'answer' | 'failure' | 'dead letter'

/** Something that was done to the fleet or its services; times in epoch ms, Infinity for an open end. */
export interface Happening {
  what: 'killed' | 'frozen' | 'stopped' | 'redis emptied' | 'redis away'
  /** The hash of the worker's key, as it stands in the model server's log; absent for what was done to a service. */
  key?: string
  fromMs: number
  toMs: number
}

export interface Evidence {
  /** The content of the requests topic: a message that a retrying producer sent twice is there twice. */
  requests: readonly Seen[]
  expected: (message: Seen) => Expected
  notifications: readonly Seen[]
  records: readonly Seen[]
  deadLetters: readonly Seen[]
  arrivals: readonly Arrival[]
  happenings: readonly Happening[]
  /** How long a call takes, ms. */
  latencyMs: number
}

export interface Repeat {
  id: string
  /** When each of its calls arrived, and from whom. */
  calls: Pick<Arrival, 'atMs' | 'key' | 'status' | 'aborted'>[]
  /** One for each call but the last: why there was another. */
  reasons: string[]
}

export interface Report {
  requests: number
  messages: number
  /** How often each outcome was published. */
  outcomes: Record<string, number>
  doubles: string[]
  losses: string[]
  /** An outcome of another kind than expected, such as a failure that is ours. */
  wrong: string[]
  calls: number
  repeats: Repeat[]
  unexplained: string[]
}

/** How long after its arrival an answer may still be unstored, ms: when its worker dies later, nothing is repeated. */
const STORED_WITHIN_MS = 3_000
/** A freeze of this length may outlive a lease, ms: a lease ends 10 s after its last renewal, which is up to 3 s old. */
const OUTLIVES_LEASE_MS = 6_500
/** A worker that thaws sooner writes its claims again before a recovery ends, ms. */
const SHORT_FREEZE_MS = 5_000
const DRAIN_MS = 24_000
const CLOCK_SKEW_MS = 100

/** A request whose calls the model server's log names: `ref` is the id. @param wish for the model server, `[[stub:...]]` */
export function traceable(id: number, wish = ''): Message {
  const resume = `Инженер ref:${id}. ${wish} Пять лет пишу на TypeScript. Работал с Kafka и Redis. Знаю PostgreSQL и Docker.`
  return request(id, { resume })
}

/** @returns how often the model was asked for each id of a `traceable` request */
export function callsById(arrivals: readonly Arrival[]): Map<string, number> {
  const calls = new Map<string, number>()
  for (const { ref } of arrivals) if (ref !== null) calls.set(ref, (calls.get(ref) ?? 0) + 1)
  return calls
}

/** Compares what was published, and what was paid for, with what was asked. Pure. */
export function audit(evidence: Evidence): Report {
  const { requests, expected, arrivals } = evidence
  const wanted = new Map<string, Expected>()
  const letters = new Set<string>()
  for (const message of requests) {
    const kind = expected(message)
    if (kind === 'dead letter') letters.add(`${message.partition}/${message.offset}`)
    else wanted.set(idIn(message.value), kind)
  }
  const repeats = findRepeats(evidence)
  const { doubles, losses, wrong, outcomes } = compare(wanted, letters, evidence)
  return {
    requests: wanted.size + letters.size,
    messages: requests.length,
    outcomes,
    doubles,
    losses,
    wrong,
    calls: arrivals.length,
    repeats,
    unexplained: repeats.filter(({ reasons }) => reasons.includes(UNEXPLAINED)).map(describeRepeat),
  }
}

function compare(wanted: Map<string, Expected>, letters: Set<string>, evidence: Evidence) {
  const outcomes: Record<string, number> = { success: 0, failure: 0, 'dead letter': 0 }
  const [doubles, losses, wrong]: [string[], string[], string[]] = [[], [], []]
  const count = (what: string, seen: Map<string, number>, due: Iterable<string>) => {
    for (const [id, times] of seen) if (times > 1) doubles.push(`${what} ${id}: ${times} times`)
    for (const id of due) if (!seen.has(id)) losses.push(`${what} ${id}`)
  }
  const notified = new Map<string, number>()
  for (const { value } of evidence.notifications) {
    const { success, message_error: message } = JSON.parse(value) as Notification
    const id = idIn(value)
    notified.set(id, (notified.get(id) ?? 0) + 1)
    outcomes[success ? 'success' : 'failure']!++
    if (wanted.get(id) !== (success ? 'answer' : 'failure')) wrong.push(`${id}: ${message ?? 'a success'}`)
  }
  count('the notification of', notified, wanted.keys())
  const recorded = tally(evidence.records.map(({ value }) => idIn(value)))
  count(
    'the record of',
    recorded,
    [...wanted].filter(([, kind]) => kind === 'answer').map(([id]) => id),
  )
  const dead = tally(
    evidence.deadLetters.map(
      ({ headers }) => `${headers['dead-letter-source-partition']}/${headers['dead-letter-source-offset']}`,
    ),
  )
  outcomes['dead letter'] = evidence.deadLetters.length
  count('the dead letter of', dead, letters)
  for (const place of dead.keys()) if (!letters.has(place)) wrong.push(`a dead letter of ${place}`)
  return { doubles, losses, wrong, outcomes }
}

function tally(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1)
  return counts
}

const UNEXPLAINED = 'UNEXPLAINED'

function describeRepeat({ id, calls, reasons }: Repeat): string {
  const told = calls.map(
    ({ atMs, key, status, aborted }, index) =>
      `${new Date(atMs).toISOString()} by ${key}: ${aborted ? 'aborted' : status} ${reasons[index] ?? ''}`,
  )
  return `${id}: ${told.join('; ')}`
}

function findRepeats(evidence: Evidence): Repeat[] {
  const byId = Map.groupBy(
    evidence.arrivals.filter(({ ref }) => ref !== null),
    ({ ref }) => ref!,
  )
  return [...byId]
    .filter(([, calls]) => calls.length > 1)
    .map(([id, calls]) => ({
      id,
      calls,
      reasons: calls.slice(0, -1).map((call, index) => reasonOf(call, calls[index + 1]!.atMs, evidence)),
    }))
}

/**
 * @returns why a call was followed by another for its id, as invariant 2 of docs/design.md allows: it failed; its worker died, froze past
 * the lease, or was stopped before the call ended; or Redis lost the answer
 */
function reasonOf(call: Arrival, nextMs: number, { happenings, latencyMs }: Evidence): string {
  const answeredMs = call.atMs + latencyMs
  const away = happenings.filter(({ what, fromMs }) => what === 'redis away' && fromMs < answeredMs + STORED_WITHIN_MS)
  const storedMs = Math.max(answeredMs, ...away.map(({ toMs }) => toMs)) + STORED_WITHIN_MS
  const during = (what: Happening['what'], untilMs: number, leastMs = 0) =>
    happenings.some(
      (each) =>
        each.what === what &&
        (each.key === undefined || each.key === call.key) &&
        each.toMs - each.fromMs >= leastMs &&
        each.toMs >= call.atMs - CLOCK_SKEW_MS &&
        each.fromMs <= Math.min(untilMs, nextMs) + CLOCK_SKEW_MS,
    )
  if (during('killed', storedMs)) return 'its worker died'
  if (during('frozen', storedMs, OUTLIVES_LEASE_MS)) return 'its worker was frozen past its lease'
  if (call.fault !== null || (call.status !== null && call.status !== 200)) {
    return `it failed: ${call.fault ?? call.status}`
  }
  // A worker that stayed alive would have written the answer again.
  const wasAway = during('killed', nextMs) || during('stopped', nextMs) || during('frozen', nextMs, SHORT_FREEZE_MS)
  // Writes that Redis acknowledged in its last seconds may be missing in its file.
  const diedSoon = away.some(({ toMs }) => toMs > answeredMs)
  if ((during('redis emptied', nextMs) || diedSoon) && wasAway) return 'Redis lost the answer'
  if (during('stopped', storedMs, DRAIN_MS)) return 'its worker was stopped and could not finish it in 25 s'
  return UNEXPLAINED
}

/** @returns the report as a person reads it */
export function describeReport(report: Report): string {
  const list = (name: string, items: readonly string[]) =>
    `${name}: ${items.length === 0 ? 'none' : items.length}${items.map((item) => `\n    ${item}`).join('')}`
  const reasons = tally(report.repeats.flatMap((repeat) => repeat.reasons))
  return [
    `requests: ${report.requests}, in ${report.messages} messages`,
    `outcomes: ${Object.entries(report.outcomes)
      .map(([name, times]) => `${times} ${name}`)
      .join(', ')}`,
    list('doubles', report.doubles),
    list('losses', report.losses),
    list('outcomes of the wrong kind', report.wrong),
    `calls: ${report.calls}, of them repeated: ${[...reasons.values()].reduce((a, b) => a + b, 0)}`,
    ...[...reasons].map(([reason, times]) => `    ${times} since ${reason}`),
    list('repeated without a reason', report.unexplained),
  ].join('\n')
}

/** @returns whether nothing was doubled, lost, wrong or paid for again without a reason */
export const isClean = ({ doubles, losses, wrong, unexplained }: Report): boolean =>
  doubles.length + losses.length + wrong.length + unexplained.length === 0

/** @returns what stands in the topics, as a new read-committed consumer sees it */
export async function contentOf(brokers: string[], topics: string[]): Promise<Map<string, readonly Seen[]>> {
  const kafka = new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.NOTHING })
  const admin = kafka.admin()
  await admin.connect()
  const reader = await readTopics(kafka, `audit.${randomUUID()}`, topics)
  await reader.caughtUp(admin)
  await Promise.all([reader.stop(), admin.disconnect()])
  return new Map(topics.map((topic) => [topic, reader.of(topic)]))
}
