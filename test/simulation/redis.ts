/** The product's own Lua on a real Redis, with the simulated clock instead of Redis's and each call handed to the scheduler. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Redis } from 'ioredis'
import { simulatedRedis } from '../../tools/plan/simulated-redis.ts'
import type { Lane, VirtualClock } from './clock.ts'
import type { Park } from './operations.ts'

const SOURCES = new URL('../../src/', import.meta.url).pathname

const named = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.lua'))
  .map((file) => ({ name: file.slice(0, -4), text: readFileSync(join(SOURCES, file), 'utf8') }))
  .toSorted((a, b) => b.text.length - a.text.length)

export class ScriptedRedis {
  readonly #redis: Redis
  /** Runs scripts by the simulated clock. */
  readonly #clocked: Redis
  /** Digest → what the script is called. */
  readonly #names = new Map<string, string>()
  /** Scripts that Redis is being taught; not the scheduler's matter. */
  loading = 0

  constructor(redis: Redis, clock: VirtualClock) {
    this.#redis = redis
    this.#clocked = simulatedRedis(redis, () => clock.nowMs)
  }

  async reset(setup: Record<string, Record<string, string | number>>): Promise<void> {
    await this.#redis.flushdb()
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
        const name = this.#names.get(digest)
        if (name === undefined) return Promise.reject(new Error('NOSCRIPT'))
        const keys = rest.slice(0, count).map(String)
        const label = `${name} ${keys.slice(-1).join()}`
        const lost = () => new Error('Connection is closed.')
        return park(lane, { service: 'redis', label, lost }, async () => {
          const reply = await this.#clocked.evalsha(digest, count, ...rest)
          ran(name, keys, reply)
          return reply
        })
      },
      eval: async (lua: string, count: number, ...rest: (string | number)[]) => {
        this.loading++
        const digest = await this.#load(lua).finally(() => this.loading--)
        return connection.evalsha(digest, count, ...rest)
      },
    }
    return connection as unknown as Redis
  }

  async #load(lua: string): Promise<string> {
    const digest = (await this.#clocked.script('LOAD', lua)) as string
    this.#names.set(digest, named.find(({ text }) => lua.endsWith(text))?.name ?? 'script')
    return digest
  }
}
