import type { Redis } from 'ioredis'

/** @returns Redis's clock, by which leases and holds of the fleet end: ms since the epoch, with a fraction */
export async function clockMs(redis: Pick<Redis, 'time'>): Promise<number> {
  const [seconds, micros] = await redis.time()
  return Number(seconds) * 1_000 + Number(micros) / 1_000
}
