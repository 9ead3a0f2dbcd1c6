/** The product's own Lua on a real Redis, with the simulated clock instead of Redis's and each call handed to the scheduler. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createHash } from 'node:crypto'
import type { Redis } from 'ioredis'
import type { Lane, VirtualClock } from './clock.ts'
import type { Park } from './operations.ts'

const CLOCK_KEY = 'simulated-clock'
const SOURCES = new URL('../../src/', import.meta.url).pathname

/** A script's text, as it is sent → what it is called and how it runs here. */
interface Known {
  name: string
  digest: string
}

const named = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.lua'))
  .map((file) => ({ name: file.slice(0, -4), text: readFileSync(join(SOURCES, file), 'utf8') }))
  .toSorted((a, b) => b.text.length - a.text.length)

export class ScriptedRedis {
  readonly #redis: Redis
  readonly #clock: VirtualClock
  readonly #known = new Map<string, Known>()
  #toldMs = -1
  /** Scripts that Redis is being taught; not the scheduler's matter. */
  loading = 0

  constructor(redis: Redis, clock: VirtualClock) {
    this.#redis = redis
    this.#clock = clock
  }

  async reset(setup: Record<string, Record<string, string | number>>): Promise<void> {
    await this.#redis.flushdb()
    this.#toldMs = -1
    for (const [key, fields] of Object.entries(setup)) await this.#redis.hset(key, fields)
  }

  exists(key: string): Promise<number> {
    return this.#redis.exists(key)
  }

  hash(key: string): Promise<Record<string, string>> {
    return this.#redis.hgetall(key)
  }

  /** @param ran told of each call of a script that was carried out */
  connectionOf(lane: Lane, park: Park, ran: (script: string, keys: string[], reply: unknown) => void): Redis {
    const connection = {
      status: 'ready',
      on: () => connection,
      info: () => Promise.resolve('run_id:5e1f'),
      evalsha: (digest: string, count: number, ...rest: (string | number)[]) => {
        const known = this.#known.get(digest)
        if (known === undefined) return Promise.reject(new Error('NOSCRIPT'))
        const keys = rest.slice(0, count).map(String)
        const label = `${known.name} ${keys.slice(-1).join()}`
        const lost = () => new Error('Connection is closed.')
        return park(lane, { service: 'redis', label, lost }, async () => {
          await this.#tellTime()
          const reply = await this.#redis.evalsha(known.digest, count, ...rest)
          ran(known.name, keys, reply)
          return reply
        })
      },
      eval: async (lua: string, count: number, ...rest: (string | number)[]) => {
        const digest = createHash('sha1').update(lua).digest('hex')
        this.loading++
        await this.#load(lua, digest).finally(() => this.loading--)
        return connection.evalsha(digest, count, ...rest)
      },
    }
    return connection as unknown as Redis
  }

  async #load(lua: string, digest: string): Promise<void> {
    const name = named.find(({ text }) => lua.endsWith(text))?.name ?? 'script'
    const run = lua.replaceAll("redis.call('TIME')", `redis.call('HMGET', '${CLOCK_KEY}', 's', 'us')`)
    this.#known.set(digest, { name, digest: (await this.#redis.script('LOAD', run)) as string })
  }

  async #tellTime(): Promise<void> {
    const { nowMs } = this.#clock
    if (nowMs === this.#toldMs) return
    this.#toldMs = nowMs
    await this.#redis.hset(CLOCK_KEY, { s: Math.floor(nowMs / 1_000), us: Math.round((nowMs % 1_000) * 1_000) })
  }
}
