/** The live workers of the fleet, by their heartbeats. */
import type { Redis } from 'ioredis'
import type { RedisKeys } from '../redis/keys.ts'

/** As the worker wrote them; see heartbeat.ts. */
export interface WorkerFacts extends Record<string, unknown> {
  worker: string
}

const SCAN_COUNT = 1_000

/**
 * Walks over the keys of the database, so its cost grows with what else is stored; Redis goes on serving meanwhile.
 * @throws as ioredis does
 */
export async function readWorkers(redis: Redis, keys: RedisKeys): Promise<WorkerFacts[]> {
  const start = keys.worker('')
  const found: string[] = []
  let cursor = '0'
  do {
    const [next, page] = await redis.scan(cursor, 'MATCH', keys.workersPattern, 'COUNT', SCAN_COUNT)
    found.push(...page)
    cursor = next
  } while (cursor !== '0')
  const names = [...new Set(found)].toSorted()
  const facts = await Promise.all(names.map((name) => redis.hgetall(name)))
  return (
    names
      .map((name, index) => ({ worker: name.slice(start.length), ...facts[index] }))
      // One that ended between the two commands has no facts.
      .filter((each) => Object.keys(each).length > 1)
  )
}
