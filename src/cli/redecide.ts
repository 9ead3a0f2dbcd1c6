/** `redecide --threshold N --dry-run`: shows which verdicts another threshold would flip, from the decision records alone. */
import type { Decided } from './verdict-flips.ts'
import { redecide } from './verdict-flips.ts'
import type { Command } from './define.ts'
import { DECISIONS_SINCE, periodOf, readDecisions } from './decisions.ts'
import { defineCommand, readCount, UsageError } from './define.ts'
import { table } from '../lib/text.ts'

/** People see at most this many flips; --json has all. */
const SHOWN = 50

export const run: Command = defineCommand(
  {
    usage: [
      'resume-scoring-worker redecide --threshold N --dry-run [--since TIME]',
      '  Which verdicts would flip if VERDICT_MIN_SCORE were N, by the decision records; the model is not called.',
      `  --since TIME  read the topic back so far: 90s, 30m, 12h, 3d (default ${DECISIONS_SINCE})`,
    ],
    example: 'redecide -- --threshold 60 --dry-run',
    required: { threshold: 'N' },
    options: {
      threshold: { type: 'string' },
      'dry-run': { type: 'boolean', default: false },
      since: { type: 'string', default: DECISIONS_SINCE },
    },
  },
  async ({ values, config, signal, complain }) => {
    if (!values['dry-run']) {
      throw new UsageError('Published outcomes are final, no verdict is changed afterwards: there is only --dry-run')
    }
    const threshold = readThreshold(values.threshold ?? '')
    const period = periodOf(config, values.since)
    if (period === null) {
      throw new Error(
        'KAFKA_TOPIC_FOR_DECISIONS is not set, so there are no decision records: they are published from when it names a topic',
      )
    }
    const records: Decided[] = []
    await readDecisions(config, period, { signal, complain }, ({ processing_id, score, verdict }) => {
      records.push({ processing_id, score, verdict })
    })
    const { decisions, flips, accepted, rejected } = redecide(records, threshold)
    const rows = flips.slice(0, SHOWN).map(({ processingId, score, from, to }) => [processingId, score, from, to])
    const more = flips.length - rows.length
    const lines = [
      `of ${decisions} decisions in ${period.topic} within ${values.since}, a threshold of ${threshold} would flip ${flips.length}:`,
      `  ${accepted} to «Подходит», ${rejected} to «Не подходит»`,
      ...(rows.length === 0 ? [] : table(['request', 'score', 'verdict', 'would be'], rows)),
      ...(more === 0 ? [] : [`and ${more} more: --json prints them all`]),
    ]
    return { document: { topic: period.topic, threshold, decisions, accepted, rejected, flips }, lines }
  },
)

function readThreshold(text: string): number {
  const threshold = readCount('--threshold', text, 0)
  if (threshold > 100) throw new UsageError('--threshold must be a score from 0 to 100')
  return threshold
}
