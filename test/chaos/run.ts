/** Runs several hundred requests through several workers under random disturbances from a seed, and audits the result. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Message } from 'kafkajs'
import { startStub } from '../../tools/openai-stub/server.ts'
import type { Happening, Report } from '../support/audit.ts'
import { audit, contentOf } from '../support/audit.ts'
import type { LocalCluster } from '../support/services.ts'
import { startLocalCluster, startLocalKafka, startLocalRedis } from '../support/services.ts'
import { patiently, waitUntil } from '../support/wait.ts'
import type { World } from '../support/world.ts'
import { createWorld } from '../support/world.ts'
import { act } from './actions.ts'
import type { Scene } from './scene.ts'
import { createDice } from './dice.ts'
import { createFleet } from './fleet.ts'
import type { Load } from './load.ts'
import { createLoad } from './load.ts'

const PARTITIONS = 4
const LATENCY_MS = 300
const SENT_EVERY_MS = 500
const REQUESTS_PER_SECOND = 6
/** Time after the last disturbance for leases and sessions to expire, a recovery, and a budget that is closed for a minute. */
const DRAIN_LIMIT_MS = 240_000

export interface ChaosOptions {
  seed: number
  /** How long disturbances go on. Starting, draining and the audit take more time. */
  minutes: number
  /** 1 or 3. */
  brokers?: number
  say: (line: string) => void
}

export interface ChaosResult {
  report: Report
  /** What workers did unexpectedly. */
  faults: string[]
  /** What each worker has said. */
  logs: { name: string; lines: string[] }[]
}

/**
 * Runs on services of its own, which are gone afterwards.
 * @throws Error when requests have no outcome within some minutes after the last trouble
 */
export async function runChaos({ seed, minutes, brokers = 1, say }: ChaosOptions): Promise<ChaosResult> {
  const startedMs = performance.now()
  const tell = (line: string) => say(`${((performance.now() - startedMs) / 1_000).toFixed(1).padStart(7)} s  ${line}`)
  const [kafka, redis] = await Promise.all([startBrokers(brokers), startLocalRedis()])
  const stub = await startStub({ latencyMs: LATENCY_MS })
  try {
    const world = await createWorld({
      kafkaBrokers: kafka.brokers,
      redisUrl: redis.url,
      baseUrl: stub.baseUrl,
      partitions: PARTITIONS,
      env: { OPENAI_TIMEOUT_SECONDS: '5', MAX_CALLS_IN_FLIGHT: '8' },
    })
    const happenings: Happening[] = []
    const fleet = createFleet(world, happenings, tell)
    try {
      const scene: Scene = { kafka, redis, stub, world, fleet, happenings }
      return await play(scene, seed, minutes * 60_000, tell)
    } finally {
      await world.close()
    }
  } finally {
    await Promise.all([kafka.stop(), redis.stop(), stub.stop()])
  }
}

async function startBrokers(count: number): Promise<LocalCluster> {
  if (count > 1) return await startLocalCluster()
  const node = await startLocalKafka()
  return { brokers: node.brokers, nodes: [node], stop: () => node.stop() }
}

async function play(scene: Scene, seed: number, forMs: number, say: (line: string) => void): Promise<ChaosResult> {
  const { world, fleet, stub, happenings } = scene
  const load = createLoad(createDice(seed), PARTITIONS)
  for (let i = 0; i < 3; i++) fleet.join()
  const endAt = performance.now() + forMs
  await Promise.all([sendUntil(endAt, world, load), trouble(endAt, scene, seed, say)])

  say('no more trouble: everything has to come to its end')
  for (const member of fleet.here()) fleet.thaw(member)
  while (fleet.here().length < 2) fleet.join()
  await world.answered(load.ids().map(Number), DRAIN_LIMIT_MS)
  await patiently(() => world.send(load.again(50)))
  await handled(world)
  say('every message is handled')
  await Promise.all(fleet.here().map((member) => fleet.leave(member)))

  const { requests, notifications, records, deadLetters } = world.topics
  const read = await contentOf(scene.kafka.brokers, [requests, notifications, records, deadLetters])
  const of = (topic: string) => read.get(topic) ?? []
  const report = audit({
    requests: of(requests),
    expected: load.expected,
    notifications: of(notifications),
    records: of(records),
    deadLetters: of(deadLetters),
    arrivals: stub.arrivals(),
    happenings,
    latencyMs: LATENCY_MS,
  })
  const logs = fleet.members.map(({ name, worker }) => ({ name, lines: worker.lines }))
  return { report, faults: fleet.faults, logs }
}

async function sendUntil(endAt: number, world: World, load: Load): Promise<void> {
  while (performance.now() < endAt) {
    const messages = load.next((REQUESTS_PER_SECOND * SENT_EVERY_MS) / 1_000)
    await patiently(() => send(world, messages))
    await sleep(SENT_EVERY_MS)
  }
}

const send = (world: World, messages: Message[]) => world.send(messages)

async function trouble(endAt: number, scene: Scene, seed: number, say: (line: string) => void): Promise<void> {
  // Separate dice, so that the load does not depend on the timing of the disturbances.
  const dice = createDice(seed + 1)
  await sleep(5_000)
  while (performance.now() < endAt) {
    await act(scene, dice, say)
    await sleep(dice.between(500, 4_000))
  }
}

/** Resolves when the group has committed past the last message of every partition. */
async function handled({ admin, groupId, topics }: World): Promise<void> {
  let behind = 'not looked at yet'
  const done = async () => {
    try {
      const ends = await admin.fetchTopicOffsets(topics.requests)
      const [committed] = await admin.fetchOffsets({ groupId, topics: [topics.requests] })
      const unread = ends.filter(
        ({ partition, high }) =>
          high !== '0' && committed?.partitions.find((each) => each.partition === partition)?.offset !== high,
      )
      behind = unread.map(({ partition, high }) => `partition ${partition} up to ${high}`).join(', ')
      return unread.length === 0
    } catch (error) {
      behind = (error as Error).message
      return false
    }
  }
  await waitUntil(done, DRAIN_LIMIT_MS, () => `not handled: ${behind}`)
}
