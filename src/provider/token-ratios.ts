/** Shares the learned token ratios among the fleet, and keeps them over restarts. */
import type { Redis } from 'ioredis'
import { z } from 'zod'
import type { Log } from '../logging/log.ts'
import { reasonOf } from '../redis/explain.ts'
import type { RedisKeys } from '../redis/keys.ts'
import type { Learned } from './tokens.ts'

/** How long a ratio is kept without new answers, ms: tokenizers and prompts change. */
const KEPT_MS = 30 * 86_400_000

const ratio = z.object({ mean: z.number().positive(), deviation: z.number().min(0), count: z.int().positive() })
const hash = z.object({ latin: ratio, cyrillic: ratio, other: ratio }).partial()

/** @param model as configured: each has its own ratios */
export function createTokenRatios(redis: Redis, keys: RedisKeys, model: string, log: Log) {
  const key = keys.tokenRatio(model)
  const warn = (what: string) => (error: unknown) =>
    log.warn(what, { reason: error instanceof Error ? reasonOf(error) : String(error) })

  /** @returns the saved ratios, or none when they cannot be read: the first estimates are then too high. Never rejects. */
  async function load(): Promise<Learned> {
    try {
      const fields = Object.entries(await redis.hgetall(key)).map(
        ([writing, json]) => [writing, JSON.parse(json)] as const,
      )
      return hash.parse(Object.fromEntries(fields)) as Learned
    } catch (error) {
      warn('could not read the learned token ratios: the first estimates may be too high')(error)
      return {}
    }
  }

  /** The last worker to save overwrites the others: all learn from the same traffic. Never rejects. */
  async function save(learned: Learned): Promise<void> {
    const fields = Object.entries(learned).map(([writing, value]) => [writing, JSON.stringify(value)] as const)
    if (fields.length === 0) return
    const written = redis.multi().hset(key, Object.fromEntries(fields)).pexpire(key, KEPT_MS).exec()
    await written.catch(warn('could not save the learned token ratios'))
  }

  return { load, save }
}
