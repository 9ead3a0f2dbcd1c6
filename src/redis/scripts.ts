/** Runs Lua scripts by digest, and sends their source when Redis does not know them (restart, SCRIPT FLUSH, failover). */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Redis } from 'ioredis'
import { gatherWrites } from '../lib/gather-writes.ts'

/** A loaded script. Rejects as ioredis does; the caller gives its reply a type. */
export type Script = (keys: string[], args: (string | number)[]) => Promise<unknown>

/**
 * @param source the script's file, or several that are joined into one script (shared functions first)
 * @param numberOfKeys how many KEYS it takes; null when that varies from call to call
 * @returns the script; with a wrong number of keys it rejects with a TypeError and sends nothing
 */
export function loadScript(redis: Redis, source: URL | URL[], numberOfKeys: number | null): Script {
  const lua = [source]
    .flat()
    .map((file) => readFileSync(file, 'utf8'))
    .join('\n')
  const digest = createHash('sha1').update(lua).digest('hex')
  return async (keys, args) => {
    if (numberOfKeys !== null && keys.length !== numberOfKeys) {
      throw new TypeError(`the script takes ${numberOfKeys} keys, not ${keys.length}`)
    }
    if (redis.stream !== undefined) gatherWrites(redis.stream)
    try {
      return await redis.evalsha(digest, keys.length, ...keys, ...args)
    } catch (error) {
      if (!(error as Error).message.startsWith('NOSCRIPT')) throw error
      return await redis.eval(lua, keys.length, ...keys, ...args)
    }
  }
}
