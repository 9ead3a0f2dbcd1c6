/**
 * Keeps results for later requests with the same texts that are asked in the same way. Keys are hashes; values hold the published fields
 * and the reasons of reasons.ts, which quote no resume. Only results of complete answers that nobody needs to review are stored, and what
 * is read back is checked.
 */
import type { Redis } from 'ioredis'
import { z } from 'zod'
import type { Score } from '../contracts.ts'
import { MATCHES_MAX, RECOMMENDATION_MAX_CHARS } from '../contracts.ts'
import { readJson } from '../lib/json.ts'
import type { Log } from '../logging/log.ts'
import type { RedisKeys } from '../redis/keys.ts'
import type { RetryWhileAway } from '../redis/retry.ts'
import { MATCH_MAX_CHARS } from './proofs.ts'
import { REASONS_MAX_BYTES } from './reasons.ts'
import type { Texts } from '../lib/sanitize.ts'
import { digestFields } from './text-key.ts'
import { verdictOf } from './verify.ts'

/** Raise this when the verification changes, so that no result of the old verification is taken over. */
const RULES = 'rules-8'

/** The settings that decide a result besides the texts. */
export interface CacheSettings {
  baseUrl: string
  model: string
  promptVersion: string
  responseFormat: string
  verdictMinScore: number
}

export interface CacheParts {
  redis: Redis
  keys: RedisKeys
  retry: RetryWhileAway
  settings: CacheSettings
  /** How long results are kept; 0 turns the cache off. */
  ttlMs: number
  log: Log
}

const stored = z.strictObject({
  score: z.int().min(0).max(100),
  matches: z.array(z.string().min(1).max(MATCH_MAX_CHARS)).max(MATCHES_MAX),
  recommendation: z.string().min(1).max(RECOMMENDATION_MAX_CHARS),
  verdict: z.enum(['Подходит', 'Не подходит']),
  reasons: z.string().max(REASONS_MAX_BYTES),
})

export interface CachedResult {
  score: Score
  /** As `encodeReasons` made them for the request that the model was asked about. */
  reasons: string
}

export function createResultCache({ redis, keys, retry, settings, ttlMs, log }: CacheParts) {
  const { baseUrl, model, promptVersion, responseFormat, verdictMinScore } = settings
  const asked = [RULES, baseUrl, model, promptVersion, responseFormat, String(verdictMinScore)]

  /** @param texts sanitised. @returns the key of their result; null when the cache is off */
  const keyOf = ({ requirements, resume }: Texts): string | null =>
    ttlMs === 0 ? null : keys.cache(digestFields([...asked, requirements, resume]))

  /**
   * Waits while Redis is away.
   * @param key of `keyOf`
   * @returns the result of the same texts; null when there is none, or it is not as `put` wrote it
   * @throws the signal's reason when it aborts
   */
  async function get(key: string, signal: AbortSignal): Promise<CachedResult | null> {
    const value = await retry('the result cache', () => redis.get(key), signal)
    if (value === null) return null
    const found = readJson(stored, value)
    if (found !== null && found.verdict === verdictOf(found.score, verdictMinScore)) {
      const { reasons, ...score } = found
      return { score, reasons }
    }
    log.warn('a cached result is not as it was written: asked anew')
    return null
  }

  /** Stores a result if Redis is there. While Redis is away it does not wait, because only later requests profit. Never rejects. */
  async function put(key: string, result: CachedResult): Promise<void> {
    const { score, matches, recommendation, verdict } = result.score
    const value = { score, matches, recommendation, verdict, reasons: result.reasons }
    try {
      await redis.set(key, JSON.stringify(value), 'PX', ttlMs)
    } catch (error) {
      log.warn('a result was not cached', { reason: error instanceof Error ? error.message : String(error) })
    }
  }

  return { keyOf, get, put }
}

export type ResultCache = ReturnType<typeof createResultCache>
