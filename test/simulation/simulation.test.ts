/** Ten seconds of simulated lives: some whose seeds are fixed, then others from a seed of this run, which a failure prints. */
import { randomInt } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { cacheDir } from '../../tools/services/download.ts'
import type { LocalRedis } from '../../tools/services/local-redis.ts'
import { startLocalRedis } from '../../tools/services/local-redis.ts'
import { simulate } from './run.ts'

const LIMIT_MS = 120_000
const FIXED_LIVES = 20
const FRESH_MS = 8_000

let redis: LocalRedis

beforeAll(async () => {
  const say = (line: string) => void process.stdout.write(`${line}\n`)
  const signal = AbortSignal.timeout(LIMIT_MS)
  redis = await startLocalRedis({ persist: false }, { cacheDir: cacheDir(process.env), say, signal })
}, LIMIT_MS)

afterAll(() => redis.stop())

test('fixed seeds: whatever happens meanwhile, every request is answered once', { timeout: LIMIT_MS }, async () => {
  const { failure, lives, deviations } = await simulate(redis.socket, 1, FIXED_LIVES)
  expect(failure).toBeNull()
  expect(lives).toBe(FIXED_LIVES)
  expect(deviations).toBeGreaterThan(FIXED_LIVES)
})

test('fresh seeds: whatever happens meanwhile, every request is answered once', { timeout: LIMIT_MS }, async () => {
  const seed = randomInt(1_000_000_000)
  process.stdout.write(`simulated lives from seed ${seed} on\n`)
  const { failure, lives } = await simulate(redis.socket, seed, Infinity, FRESH_MS)
  expect(failure).toBeNull()
  expect(lives).toBeGreaterThan(0)
})
