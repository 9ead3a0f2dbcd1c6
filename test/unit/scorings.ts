/** The scoring of one request, with a cache, metrics and reviews that remember what they are given. */
import { beforeEach } from 'vitest'
import { loadConfig } from '../../src/config.ts'
import { startJourney } from '../../src/outcomes/effort.ts'
import type { Log } from '../../src/logging/log.ts'
import type { Outcome } from '../../src/outcomes/outcome.ts'
import type { ModelAnswer } from '../../src/scoring/answer.ts'
import type { CachedResult } from '../../src/scoring/cache.ts'
import type { Scoring } from '../../src/scoring/scoring.ts'
import { createScoring } from '../../src/scoring/scoring.ts'
import { createTokenEstimator } from '../../src/provider/tokens.ts'

export const { signal } = new AbortController()
export const address = { callbackUrl: 'https://x', processingId: 7n, userId: 1n, resumeId: 2n, requirementsId: 3n }
export const request = {
  address,
  requirements: 'Python, Kafka, Docker',
  resume: 'Аврора: Python, Kafka и Docker пять лет',
}

export const answerWith = (changes: object = {}) =>
  JSON.stringify({
    requirements: ['Python', 'Kafka', 'Docker'].map((requirement) => ({
      requirement,
      quote: requirement,
      evidence: 'stated',
    })),
    score: 95,
    recommendation: 'Кандидат подходит.',
    ...changes,
  })

/** What the cache, the metrics, the reviews and the log were given by the running test. */
export let kept: Map<string, CachedResult>
export let flags: string[]
export let reviewed: (bigint | string)[]
export let logged: string[]
beforeEach(() => {
  kept = new Map()
  flags = []
  reviewed = []
  logged = []
})

/** @param ttl false: without a cache */
export function create(env: Record<string, string> = {}, ttl = true) {
  const say = (message: string, fields?: object) =>
    void logged.push(`${message} ${JSON.stringify(fields, (_key, v: unknown) => (typeof v === 'bigint' ? `${v}` : v))}`)
  const log: Log = { error: say, warn: say, info: say, debug: say }
  return createScoring({
    config: loadConfig({ OPENAI_KEY: 'k', KAFKA_TOPIC_FOR_DECISIONS: 'decisions', ...env }),
    cache: {
      keyOf: ({ requirements, resume }) => (ttl ? `${requirements}|${resume}` : null),
      get: async (key) => kept.get(key) ?? null,
      put: async (key, result) => void kept.set(key, result),
    },
    estimator: createTokenEstimator('gpt-4.1'),
    metrics: {
      cacheLookedUp: () => undefined,
      flagged: (flag) => void flags.push(flag),
      reviewNeeded: (reason) => void reviewed.push(reason),
    },
    reviews: { add: async (id) => void reviewed.push(id) },
    log,
    now: () => 0,
  })
}

export const paid = { ...startJourney(), attempts: 1, billedTokens: 700, promptTokens: 600, completionTokens: 100 }

export function readBy(scoring: Scoring, content: string): ModelAnswer {
  const answer = scoring.read(content)
  if (answer === null) throw new Error('the answer cannot be used')
  return answer
}

/** Scores one request with this answer of the model, to its outcome. */
export async function answered(
  content: string,
  changes: Partial<typeof request> = {},
  env = {},
  billed: number | null = null,
  isSecond = false,
) {
  const scoring = create(env)
  const prepared = scoring.prepare({ ...request, ...changes })
  const promptTokens = billed ?? Math.round(prepared.estimate.raw * 0.8)
  const answer = readBy(scoring, content)
  const checked = await scoring.verify(prepared, { answer, model: 'gpt-4.1-mini-2025-04-14', promptTokens })
  const outcome = await scoring.conclude(prepared, checked, paid, isSecond)
  return { scoring, prepared, outcome: outcome as Outcome & { kind: 'success' } }
}
