/** One measurement: a backlog is loaded, workers start, and what they take from first to last committed result is read off. */
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import type { LocalKafka, LocalRedis } from '../../support/services.ts'
import { waitUntil } from '../../support/wait.ts'
import type { World } from '../../support/world.ts'
import { createWorld, idIn } from '../../support/world.ts'
import { COMPILED } from './compile.ts'
import type { Probed } from './probe.ts'
import type { ModelServer } from './processes.ts'
import { cpuMsOf, memoryMbOf } from './processes.ts'
import type { Scenario } from './scenario.ts'
import { resumeOf, VACANCY } from './texts.ts'

export interface Measured {
  /** From the first committed result to the last. */
  perSecond: number
  /** CPU per message, ms, as the next two. */
  workerCpuMs: number
  redisCpuMs: number
  brokerCpuMs: number
  /** The highest peak memory of the workers, MB. */
  rssMb: number
  /** The same when half of the results were there: a worker whose memory stays flat has reached its peak by then. */
  rssAtHalfMb: number
  loopDelayP99Ms: number
  /** From the model's answer until a read-committed consumer has the result, ms. */
  publishedP50Ms: number
  publishedP99Ms: number
  /** Per message, as the next three. */
  redisScripts: number
  redisCommands: number
  kafkaRequests: number
  /** Requests of transactions to Kafka. */
  kafkaWrites: number
}

export interface Stage {
  kafka: LocalKafka
  redis: LocalRedis
}

const FIRST_ID = 1_000_000
const LIMIT_MS = 240_000
const LIMIT_MS_PER_MESSAGE = 10
/** The most that one send holds, because the broker takes a record batch of 1 MB. */
const BATCH_KB = 800

/** Node's options, as the image and `npm start` set them. */
export const NODE_OPTIONS = (() => {
  const file = readFileSync(join(import.meta.dirname, '../../../package.json'), 'utf8')
  const { scripts } = JSON.parse(file) as { scripts: { start: string } }
  const [, command = ''] = scripts.start.split('exec node')
  return [...command.matchAll(/--\S+/g)].map(([flag]) => flag).join(' ')
})()

/** Fills the requests topic. */
export async function load(
  world: World,
  { messages, textKb, partitions }: Pick<Scenario, 'messages' | 'textKb' | 'partitions'>,
): Promise<void> {
  const batch = Math.floor(BATCH_KB / (textKb + 1))
  for (let from = 0; from < messages; from += batch) {
    const ids = Array.from({ length: Math.min(batch, messages - from) }, (_, n) => FIRST_ID + from + n)
    await world.send(
      ids.map((id) => ({
        key: 'new_request',
        partition: id % partitions,
        value: JSON.stringify({
          callback_url: `https://callback.example/${id}`,
          processing_id: id,
          user_id: id % 100,
          resume_id: id,
          requirements_id: 7,
          requirements: VACANCY,
          resume: resumeOf(id, textKb),
        }),
      })),
    )
  }
}

interface Reading {
  atMs: number
  done: number
  workerCpuMs: number
  redisCpuMs: number
  brokerCpuMs: number
  scripts: number
  commands: number
}

async function read(world: World, redis: Redis, stage: Stage, done: number): Promise<Reading> {
  const stats = await redis.info('commandstats')
  const calls = [...stats.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)].map(([, name, count]) => ({
    name: name ?? '',
    count: Number(count),
  }))
  const sum = (wanted: (name: string) => boolean) =>
    calls.filter(({ name }) => wanted(name)).reduce((total, { count }) => total + count, 0)
  return {
    atMs: performance.now(),
    done,
    workerCpuMs: world.workers.reduce((total, { pid }) => total + cpuMsOf(pid), 0),
    redisCpuMs: cpuMsOf(stage.redis.pid),
    brokerCpuMs: cpuMsOf(stage.kafka.pid),
    scripts: sum((name) => /^(evalsha|eval|fcall)/.test(name)),
    commands: sum((name) => name !== 'info'),
  }
}

const percentile = (sorted: readonly number[], share: number) =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN

/**
 * Runs one scenario on running services.
 * @param say told of the progress
 * @throws Error when there is no result within 4 minutes, or then not all within 4 minutes and 10 ms for each message
 */
export async function measure(
  scenario: Scenario,
  stage: Stage,
  model: ModelServer,
  say: (line: string) => void,
): Promise<Measured> {
  const { messages, partitions, workers, inFlight } = scenario
  const world = await createWorld({
    kafkaBrokers: stage.kafka.brokers,
    redisUrl: stage.redis.url,
    baseUrl: model.baseUrl,
    partitions,
    workerMain: COMPILED.main,
    env: {
      MAX_CALLS_IN_FLIGHT: String(inFlight),
      RESULT_CACHE_TTL_SECONDS: '0',
      LOG_LEVEL: 'info',
      // Limits that never bind, so that the budget does all of its work.
      OPENAI_RPM: '10000000',
      OPENAI_RPD: '100000000',
      OPENAI_TPM: '1000000000',
    },
  })
  const redis = new Redis(stage.redis.url)
  const probes = join(mkdtempSync(join(tmpdir(), 'bench-')), 'probe')
  /** By id: when the result was seen first, ms since the epoch. */
  const seenAt = new Map<string, number>()
  const look = () => {
    const seen = world.seenNotifications()
    for (let n = seenAt.size; n < seen.length; n++) {
      seenAt.set(idIn(seen[n]?.value ?? ''), performance.timeOrigin + performance.now())
    }
    return seenAt.size
  }
  const looking = setInterval(look, 2)
  try {
    await load(world, scenario)
    for (let n = 0; n < workers; n++) {
      world.start({
        BENCH_PROBE: `${probes}-${n}`,
        NODE_OPTIONS: `${NODE_OPTIONS} --import ${COMPILED.probe}`,
      })
    }
    await waitUntil(
      () => look() > 0,
      LIMIT_MS,
      () => world.workers.map(({ lines }) => lines.slice(-5).join('\n')).join('\n'),
    )
    const first = await read(world, redis, stage, look())
    let toldMs = first.atMs
    const peakMb = () => Math.max(...world.workers.map(({ pid }) => memoryMbOf(pid, 'VmHWM')))
    let rssAtHalfMb = Number.NaN
    const tell = () => {
      if (Number.isNaN(rssAtHalfMb) && look() >= messages / 2) rssAtHalfMb = peakMb()
      if (performance.now() - toldMs < 2_000) return
      toldMs = performance.now()
      say(`${look()} of ${messages}`)
    }
    const explain = () => `${look()} of ${messages} results`
    await waitUntil(() => (tell(), look() >= messages), LIMIT_MS + messages * LIMIT_MS_PER_MESSAGE, explain)
    const last = await read(world, redis, stage, look())
    const rssMb = peakMb()
    await Promise.all(world.workers.map((worker) => worker.end()))
    const probed = world.workers.map((_, n) => JSON.parse(readFileSync(`${probes}-${n}`, 'utf8')) as Probed)
    const answeredAt = await model.answeredAt()
    return figuresOf({ first, last, rssMb, rssAtHalfMb, probed, seenAt, answeredAt, messages })
  } finally {
    clearInterval(looking)
    redis.disconnect()
    await world.close()
  }
}

/** @returns the memory of a worker that has had nothing to do for `seconds`, MB */
export async function measureIdle(stage: Stage, model: ModelServer, seconds: number): Promise<number> {
  const world = await createWorld({
    kafkaBrokers: stage.kafka.brokers,
    redisUrl: stage.redis.url,
    baseUrl: model.baseUrl,
    workerMain: COMPILED.main,
  })
  try {
    const worker = world.start({ NODE_OPTIONS })
    await worker.saw('working')
    await sleep(seconds * 1_000)
    return memoryMbOf(worker.pid, 'VmRSS')
  } finally {
    await world.close()
  }
}

interface Observed {
  first: Reading
  last: Reading
  rssMb: number
  rssAtHalfMb: number
  probed: readonly Probed[]
  /** By id: when the result was seen first, ms since the epoch. */
  seenAt: ReadonlyMap<string, number>
  /** When the model answered each request, by id, ms since the epoch. */
  answeredAt: Record<string, number>
  messages: number
}

/** @returns the figures of a run: what each message cost between the two readings */
function figuresOf({ first, last, rssMb, rssAtHalfMb, probed, seenAt, answeredAt, messages }: Observed): Measured {
  const waits = [...seenAt]
    .flatMap(([id, atMs]) => (answeredAt[id] === undefined ? [] : [atMs - answeredAt[id]]))
    .toSorted((a, b) => a - b)
  const each = (pick: (reading: Reading) => number) => (pick(last) - pick(first)) / (last.done - first.done)
  return {
    perSecond: 1_000 / each(({ atMs }) => atMs),
    workerCpuMs: each(({ workerCpuMs }) => workerCpuMs),
    redisCpuMs: each(({ redisCpuMs }) => redisCpuMs),
    brokerCpuMs: each(({ brokerCpuMs }) => brokerCpuMs),
    rssMb,
    rssAtHalfMb,
    loopDelayP99Ms: Math.max(...probed.map(({ loopDelayP99Ms }) => loopDelayP99Ms)),
    publishedP50Ms: percentile(waits, 0.5),
    publishedP99Ms: percentile(waits, 0.99),
    redisScripts: each(({ scripts }) => scripts),
    redisCommands: each(({ commands }) => commands),
    kafkaRequests: probed.reduce((sum, { kafkaRequests }) => sum + kafkaRequests, 0) / messages,
    kafkaWrites: probed.reduce((sum, { kafkaWrites }) => sum + kafkaWrites, 0) / messages,
  }
}
