/** The product's own Lua on a real Redis, with the simulated clock instead of Redis's and each call handed to the scheduler. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Redis } from 'ioredis'
import { simulatedRedis } from '../../tools/plan/simulated-redis.ts'
import type { Lane, VirtualClock } from './clock.ts'
import { BUDGET_WINDOWS, paceOf } from '../../src/budget/limits.ts'
import { budgetScripts } from '../../src/budget/scripts.ts'
import { readStatus } from '../../src/budget/status.ts'
import type { Park } from './scheduler.ts'
import { BUDGET, EPOCH, KEYS, SERVER } from './settings.ts'

const SOURCES = new URL('../../src/', import.meta.url).pathname

const named = readdirSync(SOURCES, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.lua'))
  .map((file) => ({ name: file.slice(0, -4), text: readFileSync(join(SOURCES, file), 'utf8') }))
  .toSorted((a, b) => b.text.length - a.text.length)

export class ScriptedRedis {
  readonly #redis: Redis
  /** Runs scripts by the simulated clock. */
  readonly #clocked: Redis
  /** Each script's name by its digest. */
  readonly #names = new Map<string, string>()
  /** How many scripts are being loaded into Redis, which is no operation of the scheduler. */
  loading = 0

  constructor(redis: Redis, clock: VirtualClock) {
    this.#redis = redis
    this.#clocked = simulatedRedis(redis, () => clock.nowMs, { expires: true })
  }

  /** Begins a life: Redis is trusted and empty. */
  async begin(): Promise<void> {
    const trusted = { epoch: EPOCH, seq: 0, status: 'open', server: SERVER, at: 0 }
    await this.#redis.pipeline().flushdb().hset(KEYS.state, trusted).exec()
  }

  /** Loses all data. */
  async flush(): Promise<void> {
    await this.#redis.flushdb()
  }

  /** @returns the tokens that the budget holds as spent within a day */
  async tokensSpent(): Promise<number> {
    const scripts = budgetScripts({
      redis: this.#clocked,
      ...BUDGET,
      limits: UNLIMITED,
      windows: BUDGET_WINDOWS,
      pace: paceOf(UNLIMITED, null),
    })
    const { axes } = readStatus(await scripts.status(), UNLIMITED)
    return axes.find(({ axis }) => axis === 'tokensPerDay')?.used ?? Number.NaN
  }

  /** @param ran called after each call of a script that was carried out */
  connectionOf(lane: Lane, park: Park, ran: (script: string, keys: string[], reply: unknown) => void): Redis {
    const connection = {
      status: 'ready',
      on: () => connection,
      info: () => Promise.resolve(`run_id:${SERVER}`),
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

const UNLIMITED = { requestsPerMinute: null, requestsPerDay: null, tokensPerMinute: null, tokensPerDay: null }
