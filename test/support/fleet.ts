/** A world with a model server of its own, for tests that run side by side and judge by what arrived at that server. */
import { inject } from 'vitest'
import type { Stub, StubOptions } from '../../tools/openai-stub/server.ts'
import { startStub } from '../../tools/openai-stub/server.ts'
import { waitUntil } from './wait.ts'
import type { Worker } from './worker.ts'
import type { World } from './world.ts'
import { createWorld, request } from './world.ts'

export interface Fleet {
  stub: Stub
  world: World
  /** Those that `start` asked for. */
  workers: Worker[]
  /** Sends requests with these ids, spread evenly over the partitions; each text names its id as `ref:ID`. */
  send: (ids: readonly number[], fields?: (id: number) => Record<string, unknown>) => Promise<void>
  /** Resolves once this many calls have arrived at the model's server. */
  arrived: (count: number, limitMs: number) => Promise<void>
  /** Resolves when no call has arrived for three seconds: nothing of the minute's budget is left. */
  spent: () => Promise<void>
}

export interface FleetOptions {
  stub?: StubOptions
  /** The workers' settings. */
  env?: Record<string, string>
  partitions?: number
  /** What each worker is started with beside `env`; one worker without anything by default. */
  start?: Record<string, string>[]
  /** A Redis instead of the shared one, for tests that flush it. */
  redisUrl?: string
}

/** Tests that run side by side start their fleets one after the other: a start takes a core for a second. */
let turn: Promise<unknown> = Promise.resolve()

/**
 * Starts a fleet. When this resolves, every worker is in the group, with a partition each if there are enough.
 * @param atEnd registers what is to be done when the test is over, last in first out
 */
export async function startFleet(
  atEnd: (cleanup: () => Promise<void>) => void,
  options: FleetOptions = {},
): Promise<Fleet> {
  const fleet = turn.then(() => startAll(atEnd, options))
  turn = fleet.catch(() => {})
  return await fleet
}

async function startAll(
  atEnd: (cleanup: () => Promise<void>) => void,
  { stub: stubOptions = {}, env = {}, start = [{}], partitions = start.length, ...options }: FleetOptions,
): Promise<Fleet> {
  const { redisUrl = inject('redisUrl') } = options
  const stub = await startStub({ latencyMs: 20, ...stubOptions })
  atEnd(() => stub.stop())
  const kafkaBrokers = inject('kafkaBrokers')
  const world = await createWorld({ kafkaBrokers, redisUrl, baseUrl: stub.baseUrl, partitions, env })
  atEnd(() => world.close())
  const workers = start.map((extra) => world.start(extra))
  const working = async (worker: Worker) => {
    const ended = worker.exited.then((code) => {
      throw new Error(`the worker ended with ${code}:\n${worker.lines.slice(-15).join('\n')}`)
    })
    await Promise.race([worker.saw('assigned ', 60_000), ended])
  }
  await Promise.all(workers.map(working))
  return {
    stub,
    world,
    workers,
    send: async (ids, fields = () => ({})) => {
      const messages = ids.map((id, index) => ({
        ...request(id, { resume: resumeOf(id), ...fields(id) }),
        partition: index % partitions,
      }))
      await world.send(messages)
    },
    arrived: (count, limitMs) =>
      waitUntil(
        () => stub.summary().arrivals >= count,
        limitMs,
        () =>
          `${stub.summary().arrivals} of ${count} calls arrived\n` +
          world.workers.map(({ lines }) => lines.slice(-15).join('\n')).join('\n---\n'),
      ),
    spent: () =>
      waitUntil(
        () => Date.now() - (stub.arrivals(stub.summary().arrivals - 1)[0]?.atMs ?? Date.now()) > 3_000,
        55_000,
        () => `calls arrive all the time, or none does: ${stub.summary().arrivals}`,
      ),
  }
}

/** @returns a resume in which the stub finds all that `request` requires. @param wish such as `[[stub:reset]]` */
export const resumeOf = (id: number, wish = '') =>
  `Инженер ref:${id} ${wish}. Пять лет пишу на TypeScript. Работал с Kafka и Redis. Знаю PostgreSQL и Docker.`

export const range = (count: number, from = 1) => Array.from({ length: count }, (_, index) => from + index)

/** @returns how many calls arrived for the request with this id */
export const callsFor = (stub: Stub, id: number) => stub.arrivals().filter(({ ref }) => ref === String(id)).length

/** @returns how many calls got a grant and were not sent in time, as on a busy machine: their grants are spent all the same */
export const lostGrants = ({ workers }: World) =>
  workers.flatMap(({ lines }) => lines).filter((line) => line.includes('came too late to be sent')).length

/** @returns how many calls the server turned down for their rate */
export const turnedDown = (stub: Stub) => stub.summary().byStatus['429'] ?? 0
