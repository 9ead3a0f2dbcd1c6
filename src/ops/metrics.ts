/** The metrics that Prometheus reads: counters of events, and gauges that are set at each scrape. */
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { DeadLetterReason } from '../contracts.ts'
import type { FailureCode } from '../errors.ts'
import { FAILURES } from '../errors.ts'
import type { ConsumerHooks } from '../kafka/consumer.ts'
import { within } from '../kafka/time-limit.ts'
import type { Log } from '../logging/log.ts'
import { createPicture } from './picture.ts'
import type { Picture } from './picture.ts'
import type { Usage } from '../provider/reply.ts'
import type { Totals } from './waiting-log.ts'

/** Prefix of our metrics; those of Node and the process keep the names that every Node service uses. */
const PREFIX = 'resume_scoring_'
/** Well below the 10 s after which Prometheus gives up a scrape by default. */
const PICTURE_LIMIT_MS = 3_000

const FAILURE_CODES = Object.keys(FAILURES) as FailureCode[]
/** How messages end, besides the codes of failures. All begin at 0: Prometheus sees no increase in a series that begins at 1. */
const OUTCOMES = ['success', 'refused', 'dead_letter', 'duplicate', 'invalid_request', 'too_large_to_publish']
const DEAD_LETTER_REASONS: Record<DeadLetterReason, true> = {
  not_utf8: true,
  not_json_object: true,
  bad_id: true,
  bad_callback_url: true,
  kills_the_worker: true,
  too_large_to_publish: true,
  request_too_large: true,
  headers_too_large: true,
  batch_too_large: true,
  batch_unreadable: true,
}

const REVIEW_REASONS = ['flagged', 'unrelated', 'asked_twice'] as const
type ReviewReason = (typeof REVIEW_REASONS)[number]

const WAIT_BUCKETS = [0.1, 0.5, 1, 5, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600]
const CALL_BUCKETS = [0.25, 0.5, 1, 2, 4, 8, 15, 30, 60, 120]
const TRANSACTION_BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10]

export interface Metrics {
  /** @param outcome success, refused, dead_letter, duplicate, or the code of a failure */
  requestFinished(outcome: string, took: { waitedMs: number; tookMs: number }): void
  /** How many messages ended in which way since the start. */
  totals: () => Totals
  /** One HTTP request to the provider. @param tookMs from its sending to the end of the answer */
  callFinished(status: FailureCode | 'answered', tookMs: number, usage: Usage | null): void
  /** An attempt without a usable answer, whether it is retried or not. */
  attemptFailed(code: FailureCode): void
  cacheLookedUp(hit: boolean): void
  /** Something in the texts looked like an attack. */
  flagged(flag: string): void
  /** A person should look at the result. */
  reviewNeeded(reason: ReviewReason): void
  deadLettered(reason: DeadLetterReason): void
  /** A message whose key is not ours. */
  foreignKeySkipped(key: Buffer | null): void
  /** Hooks for the Kafka consumer. */
  kafka: Required<ConsumerHooks>
  /** Calls `take` at each scrape. A value that the picture leaves out gets no gauge; when `take` fails or needs over 3 s, none does. */
  showPicture(take: () => Promise<Picture>, log: Log): void
  /** @returns everything in Prometheus's text format; never rejects because of a picture */
  render(): Promise<string>
  contentType: string
}

export interface MetricsOptions {
  /** Whether to add memory, CPU and event-loop lag of the process. Their observers stay until the process ends. */
  process?: boolean
  /** Labels of `build_info`, such as version and model. */
  info?: Record<string, string>
}

/** @returns counters at zero on a registry of their own; cheap even when nobody scrapes them */
export function createMetrics({ process = false, info = {} }: MetricsOptions = {}): Metrics {
  const registry = new Registry()
  const registers = [registry]
  if (process) collectDefaultMetrics({ register: registry })
  // promtool objects to these gauges, which are named like counters; each has a twin with labels.
  for (const what of ['handles', 'requests', 'resources']) registry.removeSingleMetric(`nodejs_active_${what}_total`)
  const infoLabels = Object.keys(info)
  const build = new Gauge({ name: `${PREFIX}build_info`, help: 'What runs here.', labelNames: infoLabels, registers })
  build.set(info, 1)
  const work = createWorkMetrics(registry)
  const kafka = createKafkaMetrics(registry)
  const picture = createPicture(registry, PREFIX)
  const failures = counter(registry, 'picture_failures_total', 'Readings whose gauges are missing.')
  let source: { take: () => Promise<Picture>; log: Log } | null = null

  return {
    ...work,
    kafka,
    showPicture: (take, log) => void (source = { take, log }),
    async render() {
      try {
        picture.show(source === null ? {} : await within(PICTURE_LIMIT_MS, 'the picture', source.take()))
      } catch (error) {
        source?.log.warn('metrics are served without gauges', { reason: (error as Error).message })
        picture.show({})
        failures.inc()
      }
      return registry.metrics()
    },
    contentType: registry.contentType,
  }
}

function counter<T extends string>(registry: Registry, name: string, help: string, labelNames: T[] = []) {
  return new Counter({ name: PREFIX + name, help, labelNames, registers: [registry] })
}

function histogram<T extends string>(
  registry: Registry,
  name: string,
  help: string,
  buckets: number[],
  labelNames: T[] = [],
) {
  return new Histogram({ name: PREFIX + name, help, buckets, labelNames, registers: [registry] })
}

function createWorkMetrics(registry: Registry) {
  const requests = counter(registry, 'requests_total', 'Requests that are done with, by outcome.', ['outcome'])
  const waits = histogram(registry, 'request_wait_seconds', 'In queues, all attempts together.', WAIT_BUCKETS)
  const took = histogram(registry, 'request_duration_seconds', 'From fetched to published.', WAIT_BUCKETS)
  const calls = histogram(registry, 'call_duration_seconds', 'HTTP requests to the provider.', CALL_BUCKETS, ['status'])
  const attempts = counter(registry, 'attempt_failures_total', 'Attempts that brought no usable answer.', ['code'])
  const tokens = counter(registry, 'tokens_total', 'Tokens, as the provider told them.', ['kind'])
  const cache = counter(registry, 'cache_lookups_total', 'Looks into the result cache.', ['result'])
  const flags = counter(registry, 'flags_total', 'Texts that looked like an attack, by kind.', ['flag'])
  const reviews = counter(registry, 'reviews_total', 'Results that a person should look at, by reason.', ['reason'])
  const letters = counter(registry, 'dead_letters_total', 'Messages put aside for the operator.', ['reason'])
  const foreign = counter(registry, 'foreign_messages_total', 'Messages skipped because their key is not ours.')
  for (const outcome of [...OUTCOMES, ...FAILURE_CODES]) requests.inc({ outcome }, 0)
  for (const code of FAILURE_CODES) attempts.inc({ code }, 0)
  for (const reason of Object.keys(DEAD_LETTER_REASONS)) letters.inc({ reason }, 0)
  for (const reason of REVIEW_REASONS) reviews.inc({ reason }, 0)
  for (const status of ['answered', ...FAILURE_CODES]) calls.zero({ status })
  for (const kind of ['prompt', 'completion']) tokens.inc({ kind }, 0)
  for (const result of ['hit', 'miss']) cache.inc({ result }, 0)

  const totals: Record<string, number> = {}
  return {
    totals: (): Totals => ({ ...totals }),
    requestFinished(outcome: string, { waitedMs, tookMs }: { waitedMs: number; tookMs: number }): void {
      requests.inc({ outcome })
      totals[outcome] = (totals[outcome] ?? 0) + 1
      waits.observe(waitedMs / 1_000)
      took.observe(tookMs / 1_000)
    },
    callFinished(status: string, tookMs: number, usage: Usage | null): void {
      calls.observe({ status }, tookMs / 1_000)
      tokens.inc({ kind: 'prompt' }, usage?.promptTokens ?? 0)
      tokens.inc({ kind: 'completion' }, usage?.completionTokens ?? 0)
    },
    attemptFailed: (code: FailureCode) => attempts.inc({ code }),
    cacheLookedUp: (hit: boolean) => cache.inc({ result: hit ? 'hit' : 'miss' }),
    flagged: (flag: string) => flags.inc({ flag }),
    reviewNeeded: (reason: ReviewReason) => reviews.inc({ reason }),
    deadLettered: (reason: DeadLetterReason) => letters.inc({ reason }),
    foreignKeySkipped: (_key: Buffer | null) => foreign.inc(),
  }
}

function createKafkaMetrics(registry: Registry): Required<ConsumerHooks> {
  const help = 'Transactions of results and offsets, committed.'
  const durations = histogram(registry, 'transaction_duration_seconds', help, TRANSACTION_BUCKETS)
  const helpAll = 'Transactions by result; failed: refused, aborted, or not known at once to be committed.'
  const transactions = counter(registry, 'transactions_total', helpAll, ['result'])
  const published = counter(registry, 'published_messages_total', 'Messages in committed transactions.')
  const rebalances = counter(registry, 'rebalances_total', 'Assignments of partitions to this worker.')
  const restarts = counter(registry, 'consumer_restarts_total', 'Consumers that were made anew by the watchdog.')
  for (const result of ['committed', 'failed']) transactions.inc({ result }, 0)
  return {
    committed({ messages, durationMs }) {
      durations.observe(durationMs / 1_000)
      transactions.inc({ result: 'committed' })
      published.inc(messages)
    },
    failed: () => transactions.inc({ result: 'failed' }),
    rebalanced: () => rebalances.inc(),
    restarted: () => restarts.inc(),
  }
}
