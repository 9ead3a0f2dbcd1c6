/** What Redis tells of a fleet in which nothing is wrong. */
import type { RedisHalf } from '../../src/ops/fleet-status.ts'

/** @returns what it tells: no holds, no skipped messages, claims open, and what is given */
export const quietRedis = (
  given: Pick<RedisHalf, 'settings' | 'budget' | 'workers'> & Partial<RedisHalf>,
): RedisHalf => ({
  differences: [],
  current: [],
  old: [],
  adaptation: null,
  claims: { status: 'open', epoch: 'e' },
  skipped: [],
  redisVersion: null,
  version: '1',
  ...given,
})
