/** Runs the product's own scripts by a clock that the caller provides. */
import { createHash } from 'node:crypto'
import type { Redis } from 'ioredis'

/**
 * Precedes each script: takes the last argument, ms since the epoch, off the script's arguments and has TIME answer it.
 */
const SHIM = `
local NOW = tonumber(ARGV[#ARGV])
local everything, ARGV = ARGV, {}
for i = 1, #everything - 1 do
  ARGV[i] = everything[i]
end
local server = redis
local redis = { call = function(command, ...)
  if command == 'TIME' then
    return { math.floor(NOW / 1000), math.floor(NOW % 1000 * 1000 + 0.5) }
  end
  return server.call(command, ...)
end }
`

/**
 * @param now ms since the epoch
 * @returns what src/redis/scripts.ts needs of a Redis: `evalsha` and `eval`; and `script`, which only loads
 */
export function simulatedRedis(redis: Redis, now: () => number): Redis {
  const shimmed = new Map<string, string>()

  async function evalsha(digest: string, numberOfKeys: number, ...rest: (string | number)[]): Promise<unknown> {
    const own = shimmed.get(digest)
    // As a Redis that does not know the script: the caller sends its text then.
    if (own === undefined) throw new Error('NOSCRIPT')
    return await redis.evalsha(own, numberOfKeys, ...rest, now())
  }

  async function script(_load: 'LOAD', lua: string): Promise<string> {
    const digest = createHash('sha1').update(lua).digest('hex')
    shimmed.set(digest, String(await redis.script('LOAD', SHIM + lua)))
    return digest
  }

  async function evaluate(lua: string, numberOfKeys: number, ...rest: (string | number)[]): Promise<unknown> {
    return await evalsha(await script('LOAD', lua), numberOfKeys, ...rest)
  }

  return { evalsha, eval: evaluate, script } as unknown as Redis
}
