/** Settings that all workers of a simulated fleet share, and stand-ins for parts that a life does not examine. */
import { stringifyExact } from '../../src/lib/json.ts'
import type { Log } from '../../src/logging/log.ts'
import { effortHeaders } from '../../src/outcomes/effort.ts'
import type { Journey } from '../../src/outcomes/effort.ts'
import type { PipelineParts } from '../../src/pipeline/pipeline.ts'
import { redisKeys } from '../../src/redis/keys.ts'
import { RESERVED_TOKENS } from './workload.ts'

export const GROUP = 'g'
export const KEYS = redisKeys('')
/** The epoch of a Redis that has never lost data. */
export const EPOCH = 'first'
/** The run id of the Redis, which lives through all lives. */
export const SERVER = '5e1f'
export const PROCESSED_TTL_MS = 3 * 86_400_000
export const BUDGET = { prefix: KEYS.budget('b'), sentinel: KEYS.state }
export const TOPICS = { requests: 'in', notifications: 'out', records: 'rec', deadLetters: 'dead', decisions: null }

/** The gate stays closed here, so it looks into Redis less often: otherwise most steps of a life would be such looks. */
export const GATE_TIMINGS = { checkMs: 5_000 }

/** A stand-in for what judges texts: the answer is the outcome. */
export const SCORING = {
  prepare: ({ address }: { address: { processingId: bigint } }) => ({
    id: address.processingId,
    messages: [{ role: 'user', content: String(address.processingId) }],
    schema: null,
  }),
  askOnce: (_prepared: unknown, ask: () => Promise<unknown>) => ask(),
  mostTokens: () => RESERVED_TOKENS,
  read: () => ({}),
  verify: (_prepared: unknown, { model }: { model: string }) => ({ model, isDoubtful: false }),
  conclude: (_prepared: unknown, _checked: unknown, journey: Journey) => ({
    kind: 'success',
    score: { score: 50, matches: [], recommendation: 'x', verdict: 'Подходит' },
    headers: effortHeaders(journey),
    decision: null,
  }),
  decisionRecords: () => [],
} as unknown as PipelineParts['scoring']

/** Metrics that drop what they are given. */
export const METRICS = new Proxy({}, { get: () => () => {} }) as PipelineParts['metrics'] & { callFinished: () => void }

/** Keeps only what names itself a fault of the worker. */
export function faultLog(onFault: (text: string) => void): Log {
  const ignore = () => {}
  const error = (message: string, fields?: object) => {
    if (message.includes('fault of the worker')) onFault(`${message} ${stringifyExact(fields)}`)
  }
  return { error, warn: ignore, info: ignore, debug: ignore }
}
