/** `explain ID`: why a request got its score, from the decision topic, or without quotes from Redis. */
import { readKeptResult } from '../claims/inspect.ts'
import type { Config } from '../config.ts'
import type { DecisionRecord } from '../scoring/decision-record.ts'
import { readReasons } from '../scoring/reasons.ts'
import { duration } from '../lib/text.ts'
import { decodeOutcome } from '../outcomes/outcome.ts'
import { orAway, withRedis } from './connections.ts'
import type { Command, Report } from './define.ts'
import type { Asker, Period } from './decisions.ts'
import { DECISIONS_SINCE, periodOf, readDecisions } from './decisions.ts'
import { explain, explainReasons } from './decision-lines.ts'
import { defineCommand, readId } from './define.ts'
import { EXIT } from './exit-codes.ts'

export const run: Command = defineCommand(
  {
    usage: [
      'resume-scoring-worker explain ID [--since TIME]',
      '  Why a request got its score: each requirement, met or not, what the model said of it, and why it did not count.',
      '  With KAFKA_TOPIC_FOR_DECISIONS it adds the quotes, which are words of the resume. Exit code 3: nothing is known.',
      `  --since TIME  read the decision topic back so far: 90s, 30m, 12h, 3d (default ${DECISIONS_SINCE})`,
    ],
    example: 'explain -- 42',
    options: { since: { type: 'string', default: DECISIONS_SINCE } },
    names: ['ID'],
  },
  async ({ values, positionals, config, signal, complain }) => {
    const id = readId('ID', positionals[0] ?? '')
    const period = periodOf(config, values.since)
    if (period === null) return await withoutQuotes(config, id, null, NO_TOPIC, signal)
    const found = await readRecords(config, period, id, { signal, complain }).catch(orAway(signal))
    if (found instanceof Error) {
      const why = `the quotes are missing. ${found.message}`
      const report = await withoutQuotes(config, id, period.topic, why, signal).catch(orAway(signal))
      if (report instanceof Error) throw new Error(`${found.message}; and ${report.message}`)
      return { ...report, exitCode: EXIT.failed }
    }
    const { records, origin } = found
    if (records.length === 0) {
      const missing = `no decision record of ${id} in ${period.topic} within ${values.since}: the quotes are missing`
      return await withoutQuotes(config, id, period.topic, missing, signal)
    }
    const document = { processingId: id, topic: period.topic, records, origin, reasons: null }
    const lines = [
      ...records.flatMap((record, index) => [...(index === 0 ? [] : ['']), ...explain(record)]),
      ...(origin === null ? [] : ['', 'The earlier request with the same texts:', ...explain(origin)]),
    ]
    return { document, lines }
  },
)

const NO_TOPIC = 'Without quotes: they are published once KAFKA_TOPIC_FOR_DECISIONS names a topic'

/** Reports what Redis keeps of the result, for PROCESSED_TTL_SECONDS. @param why says why the quotes are missing */
async function withoutQuotes(
  config: Config,
  id: bigint,
  topic: string | null,
  why: string,
  signal: AbortSignal,
): Promise<Report> {
  const kept = await withRedis(config.redis, signal, (redis, keys) => readKeptResult(redis, keys, id))
  const json = kept.reasons ?? reasonsOf(kept.outcome)
  const reasons = json === null ? null : readReasons(json)
  const document = { processingId: id, topic, records: [], origin: null, reasons }
  if (reasons !== null) return { document, lines: [...explainReasons(id, reasons), why] }
  const none = [
    why,
    `nothing is kept of ${id}: of a failure there are no reasons, and of a score for ${duration(config.processedTtlMs)}, unless it`,
    `was forgotten; where it stands: npm run inspect -- ${id}`,
  ]
  return { document, lines: none, exitCode: EXIT.nothing }
}

/** @param outcome as stored: not yet published, or published by a worker that died before it set the mark */
function reasonsOf(outcome: string | null): string | null {
  const decoded = outcome === null ? null : decodeOutcome(outcome)
  return decoded?.kind === 'success' ? (decoded.reasons ?? null) : null
}

async function readRecords(config: Config, period: Period, id: bigint, asker: Asker) {
  const records = await recordsOf(config, period, id, asker)
  return { records, origin: await originOf(config, period, records.at(-1), asker) }
}

/** @returns the records of an id, the oldest first */
async function recordsOf(config: Config, period: Period, id: bigint, asker: Asker): Promise<DecisionRecord[]> {
  const found: DecisionRecord[] = []
  const digits = id.toString()
  const take = (record: DecisionRecord) => {
    if (record.processing_id === id) found.push(record)
  }
  await readDecisions(config, period, asker, take, (value) => value.includes(digits))
  return found
}

/** @returns for a result from the cache, the record of the request that it was taken from; null when there is none */
async function originOf(
  config: Config,
  period: Period,
  taken: DecisionRecord | undefined,
  asker: Asker,
): Promise<DecisionRecord | null> {
  if (taken?.cached !== true) return null
  let origin: DecisionRecord | null = null as DecisionRecord | null
  const take = (record: DecisionRecord) => {
    if (isOrigin(record, taken) && (origin === null || record.decided_at > origin.decided_at)) origin = record
  }
  await readDecisions(config, period, asker, take, (value) => value.includes(taken.resume_hash))
  return origin
}

const isOrigin = (record: DecisionRecord, taken: DecisionRecord) =>
  !record.cached &&
  record.resume_hash === taken.resume_hash &&
  record.requirements_hash === taken.requirements_hash &&
  record.prompt_version === taken.prompt_version &&
  record.verdict_min_score === taken.verdict_min_score &&
  record.decided_at <= taken.decided_at
