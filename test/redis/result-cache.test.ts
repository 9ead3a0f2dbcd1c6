import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { afterAll, describe, expect, inject, test } from 'vitest'
import type { Log } from '../../src/logging/log.ts'
import { redisKeys } from '../../src/redis/keys.ts'
import { createRetryWhileAway } from '../../src/redis/retry.ts'
import type { CacheSettings } from '../../src/scoring/cache.ts'
import { createResultCache } from '../../src/scoring/cache.ts'
import { createTokenRatios } from '../../src/provider/token-ratios.ts'
import { createTokenEstimator } from '../../src/provider/tokens.ts'

const prefix = `cache-${randomUUID()}:`
const keys = redisKeys(prefix)
const redis = new Redis(inject('redisUrl'))
const { signal } = new AbortController()
const said: string[] = []
const say = (message: string) => void said.push(message)
const log: Log = { error: say, warn: say, info: say, debug: () => undefined }

afterAll(async () => {
  const left = await redis.keys(`${prefix}*`)
  if (left.length > 0) await redis.del(left)
  redis.disconnect()
})

const settings: CacheSettings = {
  baseUrl: 'https://api.example.com/v1',
  model: 'gpt-x',
  promptVersion: 'prompt-1-abc',
  responseFormat: 'json_schema',
  verdictMinScore: 50,
}
const create = (changes: Partial<CacheSettings> = {}, ttlMs = 60_000, connection = redis) => {
  const retry = createRetryWhileAway({ log, redis: connection, backoffMs: { min: 5, max: 20 } })
  return createResultCache({ redis: connection, keys, retry, settings: { ...settings, ...changes }, ttlMs, log })
}
const texts = (resume = 'Аврора Лунина, Python') => ({ requirements: 'Нужен Python', resume })
const score = {
  score: 57,
  matches: ['Знание Python'],
  recommendation: 'Кандидат подходит.',
  verdict: 'Подходит' as const,
}

function keyFor(cache: ReturnType<typeof create>, of: ReturnType<typeof texts>): string {
  const key = cache.keyOf(of)
  if (key === null) throw new Error('the cache is off')
  return key
}

describe('the result cache', () => {
  test('gives what was put in for the same texts, as long as it lives', async () => {
    const cache = create()
    const key = keyFor(cache, texts())
    expect(await cache.get(key, signal)).toBeNull()
    const result = { score, reasons: '{}' }
    await cache.put(key, result)
    expect(await create().get(key, signal)).toEqual(result)
    const ttl = await redis.pttl(key)
    expect(ttl).toBeGreaterThan(0)
    expect(ttl).toBeLessThanOrEqual(60_000)
  })

  test('holds the published fields and the reasons, and nothing else of the texts', async () => {
    const cache = create()
    const key = keyFor(cache, texts('Ещё одна Аврора Лунина'))
    await cache.put(key, { score: { ...score, secret: 'resume' } as typeof score, reasons: '{}' })
    expect(JSON.parse((await redis.get(key)) ?? '')).toEqual({ ...score, reasons: '{}' })
    expect(key).toMatch(new RegExp(`^${prefix}cache:[0-9a-f]{64}$`))
  })

  test('has another key for another text, model, prompt, server, format or threshold, and wherever one text ends', () => {
    const all = [
      keyFor(create(), texts()),
      keyFor(create(), texts('Аврора Лунина, Python ')),
      keyFor(create(), { requirements: 'Нужен PythonА', resume: 'врора Лунина, Python' }),
      keyFor(create({ model: 'gpt-y' }), texts()),
      keyFor(create({ promptVersion: 'prompt-2-abc' }), texts()),
      keyFor(create({ baseUrl: 'https://other.example.com/v1' }), texts()),
      keyFor(create({ responseFormat: 'json_object' }), texts()),
      keyFor(create({ verdictMinScore: 51 }), texts()),
    ]
    expect(new Set(all).size).toBe(all.length)
    expect(keyFor(create(), texts())).toBe(all[0])
  })

  test.each([
    ['no JSON', '{'],
    ['another shape', '{"score":57}'],
    ['a score out of range', JSON.stringify({ ...score, reasons: '{}', score: 101 })],
    ['a fraction', JSON.stringify({ ...score, reasons: '{}', score: 57.5 })],
    ['another field', JSON.stringify({ ...score, reasons: '{}', resume: 'x' })],
    ['too many matches', JSON.stringify({ ...score, reasons: '{}', matches: Array(8).fill('a') })],
    [
      'a recommendation that no column holds',
      JSON.stringify({ ...score, reasons: '{}', recommendation: 'а'.repeat(701) }),
    ],
    ['a verdict against its score', JSON.stringify({ ...score, reasons: '{}', verdict: 'Не подходит' })],
  ])('takes nothing over that is not as it was written: %s', async (_what, value) => {
    const cache = create()
    const key = keyFor(cache, texts(value))
    await redis.set(key, value)
    expect(await cache.get(key, signal)).toBeNull()
    expect(said.at(-1)).toContain('not as it was written')
  })

  test('is off with a time to live of 0', () => {
    expect(create({}, 0).keyOf(texts())).toBeNull()
  })

  test('waits for Redis when asked, until the signal; and does not wait to put', async () => {
    const away = new Redis({ port: 1, lazyConnect: true, enableOfflineQueue: false, maxRetriesPerRequest: 0 })
    const cache = create({}, 60_000, away)
    const stop = new AbortController()
    const waiting = cache.get('key', stop.signal)
    await cache.put('key', { score, reasons: '{}' })
    expect(said.at(-1)).toBe('a result was not cached')
    stop.abort(new Error('stopping'))
    await expect(waiting).rejects.toThrow('stopping')
    away.disconnect()
  })
})

describe('the learned token ratios', () => {
  const ratios = createTokenRatios(redis, keys, 'gpt-x', log)
  const prompt = { messages: [{ role: 'user' as const, content: 'Опыт работы с базами данных' }], schema: null }

  test('outlives the worker', async () => {
    expect(await ratios.load()).toEqual({})
    const estimator = createTokenEstimator('gpt-x')
    estimator.learn(estimator.estimate(prompt), 40)
    await ratios.save(estimator.learned())
    expect(await ratios.load()).toEqual(estimator.learned())
    expect(await redis.pttl(keys.tokenRatio('gpt-x'))).toBeGreaterThan(0)
  })

  test('is forgotten when it cannot be read', async () => {
    await redis.hset(keys.tokenRatio('gpt-x'), 'latin', '{"mean":-1}')
    expect(await ratios.load()).toEqual({})
    expect(said.at(-1)).toContain('could not read')
  })

  test('of nothing is not saved', async () => {
    await createTokenRatios(redis, keys, 'gpt-new', log).save({})
    expect(await redis.exists(keys.tokenRatio('gpt-new'))).toBe(0)
  })
})
