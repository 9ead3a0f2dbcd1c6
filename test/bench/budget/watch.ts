/** Watches whole workers over minutes for what no short test can show: use of the budget, fairness, and memory while requests are held. */
import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Arrival } from '../../../tools/openai-stub/arrivals.ts'
import { hashKey } from '../../../tools/openai-stub/decide.ts'
import type { Stub, StubOptions } from '../../../tools/openai-stub/server.ts'
import { startStub } from '../../../tools/openai-stub/server.ts'
import { lostGrants, range, resumeOf } from '../../support/fleet.ts'
import { startLocalKafka, startLocalRedis } from '../../support/services.ts'
import type { World } from '../../support/world.ts'
import { createWorld, request } from '../../support/world.ts'

type Say = (line: string) => void

interface Scene {
  stub: Stub
  world: World
  send: (ids: readonly number[], resume?: (id: number) => string) => Promise<void>
}

interface SceneOptions {
  stub?: StubOptions
  env: Record<string, string>
  workers: number
}

const SENT_AT_ONCE = 50

const keyOf = (worker: number) => `sk-worker-${worker}`

async function onScene({ stub: stubOptions, env, workers }: SceneOptions, watch: (scene: Scene) => Promise<void>) {
  const [kafka, redis] = await Promise.all([startLocalKafka(), startLocalRedis()])
  const stub = await startStub({ latencyMs: 300, ...stubOptions })
  try {
    const { brokers: kafkaBrokers } = kafka
    const world = await createWorld({
      kafkaBrokers,
      redisUrl: redis.url,
      baseUrl: stub.baseUrl,
      partitions: workers,
      env,
    })
    try {
      for (let i = 0; i < workers; i++) world.start({ OPENAI_KEY: keyOf(i) })
      await Promise.all(world.workers.map((worker) => worker.saw('assigned ')))
      const send: Scene['send'] = async (ids, resume = resumeOf) => {
        const message = (id: number) => ({ ...request(id, { resume: resume(id) }), partition: id % workers })
        // The broker takes a megabyte at a time.
        for (let i = 0; i < ids.length; i += SENT_AT_ONCE) await world.send(ids.slice(i, i + SENT_AT_ONCE).map(message))
      }
      await watch({ stub, world, send })
    } finally {
      await world.close()
    }
  } finally {
    await Promise.all([kafka.stop(), redis.stop(), stub.stop()])
  }
}

/** `BUDGET_BURST=1` at RPM 60, against a server that admits one request a second. */
export async function evenSpacing(say: Say, minutes = 3): Promise<void> {
  const env = { OPENAI_RPM: '60', BUDGET_BURST: '1' }
  await onScene({ stub: { limits: { rps: 1 } }, env, workers: 2 }, async ({ stub, world, send }) => {
    await send(range(60 * minutes + 60))
    await firstArrival(stub)
    await sleep(minutes * 60_000)
    const arrivals = stub.arrivals()
    const turnedDown = arrivals.filter(({ status }) => status === 429).length
    const used = arrivals.length / (60 * minutes)
    say(`${arrivals.length} arrivals in ${minutes} min: ${percent(used)} used, ${turnedDown} turned down`)
    say(`closest two: ${closest(arrivals).toFixed(0)} ms; granted and not sent in time: ${lostGrants(world)}`)
  })
}

/** Three workers with a backlog each, and requests of very different sizes, on one budget of requests and tokens. */
export async function fairness(say: Say, minutes = 10): Promise<void> {
  const env = { OPENAI_RPM: '60', OPENAI_TPM: '150000' }
  await onScene({ env, workers: 3 }, async ({ stub, world, send }) => {
    // Every tenth resume is nearly a hundred times as long as the others.
    const resume = (id: number) => (id % 10 === 0 ? `${resumeOf(id)} ${'Писал сервисы. '.repeat(600)}` : resumeOf(id))
    await send(range(60 * minutes + 300), resume)
    await firstArrival(stub)
    await sleep(minutes * 60_000)
    const arrivals = stub.arrivals()
    for (const [i] of world.workers.entries()) {
      const own = arrivals.filter(({ key }) => key === hashKey(keyOf(i)))
      const large = own.filter(({ ref }) => Number(ref) % 10 === 0).length
      const pause = Math.max(...gapsOf(own)) / 1_000
      say(
        `worker ${i + 1}: ${own.length} calls (${percent(own.length / arrivals.length)}), ${large} of them large; longest pause ${pause.toFixed(1)} s`,
      )
    }
    const { perMinute, tokensPerMinute } = stub.summary().windows
    say(
      `most in a rolling minute: ${perMinute.most} of 60 requests, ${tokensPerMinute.most} of 150000 tokens; in all ${arrivals.length}`,
    )
  })
}

/** A worker that may make no more calls today, with two hundred requests waiting: its memory, its place in the group, its cache. */
export async function held(say: Say, minutes = 60): Promise<void> {
  const env = { OPENAI_RPM: '60', OPENAI_RPD: '5', BUDGET_MAX_WAIT_SECONDS: '90000' }
  await onScene({ env, workers: 1 }, async ({ world, send }) => {
    await send(range(5))
    await world.answered(range(5))
    // Fewer than the window has room for: a worker does not look at what stands behind a full window.
    await send(range(200, 101))
    for (let minute = 0; minute <= minutes; minute++) {
      const id = 10_001 + minute
      const askedMs = performance.now()
      // The text of the first request: its answer is in the cache.
      await send([id], () => resumeOf(1))
      const answered = await world.answered([id], 30_000).then(
        () => `${Math.round(performance.now() - askedMs)} ms`,
        () => 'NOT within 30 s',
      )
      if (minute % 10 === 0) {
        const { groups } = await world.admin.describeGroups([world.groupId])
        const assigned = world.workers[0]!.lines.filter((line) => line.includes(' assigned ')).length
        say(
          `${minute} min: ${residentMb(world.workers[0]!.pid)} MB; a cached answer took ${answered}; group ${groups[0]?.state}, assigned ${assigned} times`,
        )
      }
      if (minute < minutes) await sleep(60_000)
    }
  })
}

async function firstArrival(stub: Stub): Promise<void> {
  while (stub.summary().arrivals === 0) await sleep(20)
}

const gapsOf = (arrivals: readonly Arrival[]) => arrivals.slice(1).map(({ atMs }, i) => atMs - arrivals[i]!.atMs)
const closest = (arrivals: readonly Arrival[]) => Math.min(...gapsOf(arrivals))
const percent = (part: number) => `${(100 * part).toFixed(1)} %`

function residentMb(pid: number): number {
  const kb = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Math.round(Number(kb) / 1_024)
}
