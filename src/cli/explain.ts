/** `explain ID`: why a request got its score, from the decision topic. */
import type { Config } from '../config.ts'
import type { DecisionRecord } from '../scoring/decision-record.ts'
import { explain } from '../scoring/decision-record.ts'
import type { Command } from './define.ts'
import type { Period } from './decisions.ts'
import { DECISIONS_SINCE, periodOf, readDecisions } from './decisions.ts'
import { defineCommand, readId } from './define.ts'
import { EXIT } from './exit-codes.ts'

export const run: Command = defineCommand(
  {
    usage: [
      'resume-scoring-worker explain ID [--since TIME]',
      '  The decision record of a request: each requirement, met or not, with the quote that proves it; scores, corrections.',
      '  It quotes the resume. Exit code 3: there is no record.',
      `  --since TIME  read the topic back so far: 90s, 30m, 12h, 3d (default ${DECISIONS_SINCE})`,
    ],
    example: 'explain -- 42',
    options: { since: { type: 'string', default: DECISIONS_SINCE } },
    names: ['ID'],
  },
  async ({ values, positionals, config, signal }) => {
    const id = readId('ID', positionals[0] ?? '')
    const period = periodOf(config, values.since)
    const records = await recordsOf(config, period, id, signal)
    const origin = await originOf(config, period, records.at(-1), signal)
    const document = { processingId: id, topic: period.topic, records, origin }
    const lines = [
      ...records.flatMap((record, index) => [...(index === 0 ? [] : ['']), ...explain(record)]),
      ...(origin === null ? [] : ['', 'The earlier request with the same texts:', ...explain(origin)]),
    ]
    if (records.length > 0) return { document, lines }
    const none = [
      `no decision record of ${id} in ${period.topic} within ${values.since}: there are none of failures, nor of requests`,
      `from before KAFKA_TOPIC_FOR_DECISIONS was set; where it stands: npm run inspect -- ${id}`,
    ]
    return { document, lines: none, exitCode: EXIT.nothing }
  },
)

/** @returns the records of an id, the oldest first */
async function recordsOf(config: Config, period: Period, id: bigint, signal: AbortSignal): Promise<DecisionRecord[]> {
  const found: DecisionRecord[] = []
  const digits = id.toString()
  const take = (record: DecisionRecord) => {
    if (record.processing_id === id) found.push(record)
  }
  await readDecisions(config, period, signal, take, (value) => value.includes(digits))
  return found
}

/** @returns the record that holds the proofs of a result that was taken over from another request; null for none */
async function originOf(
  config: Config,
  period: Period,
  taken: DecisionRecord | undefined,
  signal: AbortSignal,
): Promise<DecisionRecord | null> {
  if (taken?.cached !== true) return null
  let origin: DecisionRecord | null = null as DecisionRecord | null
  const take = (record: DecisionRecord) => {
    if (isOrigin(record, taken) && (origin === null || record.decided_at > origin.decided_at)) origin = record
  }
  await readDecisions(config, period, signal, take, (value) => value.includes(taken.resume_hash))
  return origin
}

const isOrigin = (record: DecisionRecord, taken: DecisionRecord) =>
  !record.cached &&
  record.resume_hash === taken.resume_hash &&
  record.requirements_hash === taken.requirements_hash &&
  record.prompt_version === taken.prompt_version &&
  record.verdict_min_score === taken.verdict_min_score &&
  record.decided_at <= taken.decided_at
