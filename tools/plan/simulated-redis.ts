/** Runs the product's own scripts by a clock that the caller provides. */
import { createHash } from 'node:crypto'
import type { Redis } from 'ioredis'

/**
 * Precedes each script: takes the last argument, ms since the epoch, off the script's arguments and has TIME answer with it.
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
 * Has keys expire by that time too. Redis's own expiry follows real time, so the times of expiry stand in a sorted set, and each
 * script first deletes the keys that are due.
 */
const EXPIRY_SHIM = `
local EXPIRY, plain = 'simulated:expiry', redis
for _, key in ipairs(plain.call('ZRANGEBYSCORE', EXPIRY, '-inf', NOW)) do
  plain.call('DEL', key)
  plain.call('ZREM', EXPIRY, key)
end
local instead = {
  PEXPIRE = function(key, ms)
    if plain.call('EXISTS', key) == 0 then return 0 end
    plain.call('ZADD', EXPIRY, NOW + ms, key)
    return 1
  end,
  SET = function(key, ...)
    local options, life = {...}, nil
    for i = #options - 1, 2, -1 do
      if options[i] == 'PX' then
        life = table.remove(options, i + 1)
        table.remove(options, i)
      end
    end
    local done = plain.call('SET', key, unpack(options))
    if done then plain.call('ZREM', EXPIRY, key) end
    if done and life then plain.call('ZADD', EXPIRY, NOW + life, key) end
    return done
  end,
  DEL = function(...)
    plain.call('ZREM', EXPIRY, ...)
    return plain.call('DEL', ...)
  end,
}
local redis = { call = function(command, ...) return (instead[command] or function(...) return plain.call(command, ...) end)(...) end }
`

/**
 * @param now ms since the epoch
 * @param expires whether keys expire by this time, which costs each script a little; by default they expire by real time
 * @returns what src/redis/scripts.ts needs of a Redis: `evalsha` and `eval`; and `script`, which only loads
 */
export function simulatedRedis(redis: Redis, now: () => number, { expires = false } = {}): Redis {
  const shimmed = new Map<string, string>()

  async function evalsha(digest: string, numberOfKeys: number, ...rest: (string | number)[]): Promise<unknown> {
    const own = shimmed.get(digest)
    // As a Redis that does not know the script: the caller sends its text then.
    if (own === undefined) throw new Error('NOSCRIPT')
    return await redis.evalsha(own, numberOfKeys, ...rest, now())
  }

  async function script(_load: 'LOAD', lua: string): Promise<string> {
    const digest = createHash('sha1').update(lua).digest('hex')
    shimmed.set(digest, String(await redis.script('LOAD', SHIM + (expires ? EXPIRY_SHIM : '') + lua)))
    return digest
  }

  async function evaluate(lua: string, numberOfKeys: number, ...rest: (string | number)[]): Promise<unknown> {
    return await evalsha(await script('LOAD', lua), numberOfKeys, ...rest)
  }

  return { evalsha, eval: evaluate, script } as unknown as Redis
}
