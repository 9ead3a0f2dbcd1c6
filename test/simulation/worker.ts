/** One simulated worker: the product's pipeline, claims, gate, budget and partitions, put together as src/worker.ts does. */
import { createBudget } from '../../src/budget/budget.ts'
import { CallSlots } from '../../src/budget/call-slots.ts'
import { createDedupe } from '../../src/claims/dedupe.ts'
import type { OwnerStanding } from '../../src/claims/judge.ts'
import { createFleetState } from '../../src/claims/trusted-state.ts'
import type { Completion, Handler } from '../../src/kafka/messages.ts'
import { DEFAULT_BATCH_LIMITS } from '../../src/kafka/outbox.ts'
import { Partition } from '../../src/kafka/partition.ts'
import { createStartOffsets } from '../../src/kafka/start-offset.ts'
import { createWindow } from '../../src/kafka/window.ts'
import type { Log } from '../../src/logging/log.ts'
import { createAsk } from '../../src/pipeline/attempt.ts'
import { Entrance } from '../../src/pipeline/entrance.ts'
import { Pipeline } from '../../src/pipeline/pipeline.ts'
import type { PipelineParts } from '../../src/pipeline/pipeline.ts'
import type { Question, Reply } from '../../src/provider/reply.ts'
import { createGate } from '../../src/provider/gate.ts'
import { Turns } from '../../src/lib/turns.ts'
import { redisKeys } from '../../src/redis/keys.ts'
import { createRetryWhileAway } from '../../src/redis/retry.ts'
import { TIMINGS } from '../../src/timings.ts'
import type { Lane, VirtualClock } from './clock.ts'
import type { MemoryKafka } from './kafka.ts'
import type { Park } from './operations.ts'
import type { ScriptedRedis } from './redis.ts'

export const GROUP = 'g'
export const KEYS = redisKeys('')
export const EPOCH = 'first'
const TTL_MS = 3 * 86_400_000

export interface WorkerParts {
  name: string
  clock: VirtualClock
  kafka: MemoryKafka
  redis: ScriptedRedis
  park: Park
  ran: (lane: Lane, script: string, keys: string[], reply: unknown) => void
  askModel: (lane: Lane, question: Question) => Promise<Reply>
  requestsPerMinute: number | null
  maxWaitMs: number
  callsInFlight: number
  /** Told of what the worker calls a fault of its own. */
  onFault: (text: string) => void
}

/** Where the worker's fetching stands, as it has steered it. */
interface Fetcher {
  at: bigint
  isOn: boolean
}

export class SimulatedWorker {
  readonly lane: Lane
  readonly partitions = new Map<number, Partition>()
  readonly fetchers = new Map<number, Fetcher>()
  /** The generation of the group that it has been told of; -1: none yet. */
  generation = -1
  #answeredAtMs = 0
  readonly #parts: WorkerParts
  readonly #call = new AbortController()
  readonly #dedupe: ReturnType<typeof createDedupe>
  readonly #open: (partition: number) => Partition

  constructor(parts: WorkerParts) {
    this.#parts = parts
    this.lane = { name: parts.name, state: 'running' }
    const { dedupe, open } = parts.clock.inLane(this.lane, () => this.#build())
    this.#dedupe = dedupe
    this.#open = open
  }

  /** The group answered a heartbeat of this worker. */
  heard(): void {
    this.#answeredAtMs = performance.now()
    for (const each of this.partitions.values()) each.proven()
  }

  /** As consumer.ts does on a join. */
  assigned(partitions: number[], generation: number, memberChanged: boolean): void {
    this.generation = generation
    this.#answeredAtMs = performance.now()
    for (const [partition, held] of this.partitions) {
      if (partitions.includes(partition)) continue
      this.partitions.delete(partition)
      this.fetchers.delete(partition)
      held.drop(new Error('the partition was taken away'))
    }
    for (const each of this.partitions.values()) each.rejoined(memberChanged)
    for (const partition of partitions) {
      if (this.partitions.has(partition)) continue
      this.fetchers.set(partition, { at: 0n, isOn: false })
      this.partitions.set(partition, this.#open(partition))
    }
  }

  /** What a fetch brings, at most `most` messages. */
  fetch(partition: number, most: number): void {
    const fetcher = this.fetchers.get(partition)
    if (fetcher === undefined) return
    const from = fetcher.at
    const messages = (this.#parts.kafka.log[partition] ?? []).slice(Number(from), Number(from) + most)
    const to = from + BigInt(messages.length)
    fetcher.at = to
    const taken = this.partitions.get(partition)?.fetched({ from, to, messages, unreadable: null }) ?? false
    if (!taken && fetcher.at === to) fetcher.at = from
  }

  poke(): void {
    for (const each of this.partitions.values()) each.poke()
  }

  /** Starts nothing more and ends its waits; what is answered is still published. */
  drain(): void {
    for (const each of this.partitions.values()) each.drain(new Error('the worker is stopping'))
  }

  /** The drain is over. */
  async leave(): Promise<void> {
    const reason = new Error('the worker is stopping')
    this.#call.abort(reason)
    for (const each of this.partitions.values()) each.drop(reason)
    await this.#dedupe.releaseAll(AbortSignal.timeout(TIMINGS.shutdown.leasesMs)).catch(() => {})
  }

  #build() {
    const { name, kafka, redis: scripted, park, ran, ...parts } = this.#parts
    const { lane } = this
    const log = faultLog((text) => lane.state !== 'dead' && parts.onFault(`${name}: ${text}`))
    const redis = scripted.connectionOf(lane, park, (script, keys, reply) => ran(lane, script, keys, reply))
    const clients = kafka.clientsOf(lane, park)
    const retryWhileAway = createRetryWhileAway({ log, redis })
    const state = createFleetState({ redis, key: KEYS.state, retryWhileAway })
    state.adopt(EPOCH, 0)
    const standing = (partition: number, offset: bigint): OwnerStanding =>
      kafka.isCommitted(partition, offset) ? 'committed' : 'due'
    const dedupe = createDedupe({
      redis,
      keys: KEYS,
      state,
      log,
      processedTtlMs: TTL_MS,
      ownerStanding: ({ partition, offset }) =>
        retryKafka(() => park(lane, kafkaOp(`standing ${partition}/${offset}`), () => standing(partition, offset))),
    })
    const slots = new CallSlots(parts.callsInFlight)
    const { requestsPerMinute, maxWaitMs } = parts
    const budget = createBudget({
      redis,
      slots,
      retryWhileAway,
      prefix: KEYS.budget('b'),
      sentinel: KEYS.state,
      limits: { requestsPerMinute, requestsPerDay: null, tokensPerMinute: null, tokensPerDay: null },
      burst: null,
      maxWaitMs,
      worker: name,
      log,
      subscribe: () => () => {},
      onLost: () => parts.onFault(`${name}: the budget is lost`),
    })
    const identity = () => Promise.resolve({ key: 'k', route: 'r', config: 'c', outage: 'o' })
    const gate = createGate({ redis, keys: KEYS, worker: name, identity, retry: retryWhileAway, log, timings: GATE })
    const metrics = new Proxy({}, { get: () => () => {} }) as PipelineParts['metrics'] & { callFinished: () => void }
    const provider = { address: '', ask: (question: Question) => parts.askModel(lane, question) }
    const trusted = (signal: AbortSignal) => state.isTrusted(signal)
    const ask = createAsk({ dedupe, budget, gate, provider, trusted, metrics, log })
    const pipeline: Handler = new Pipeline({
      config: { kafka: { groupId: GROUP, topics: TOPICS }, maxRequestBytes: 1e6 } as never,
      dedupe,
      budget,
      ask,
      entrance: new Entrance({ most: 16, isFair: true }),
      turns: new Turns(() => slots.isSending),
      capOf: () => 100,
      scoring: SCORING,
      log,
      metrics,
      stopped: new AbortController().signal,
    })
    const never = new AbortController().signal
    void dedupe.run(never)
    void budget.open(never)
    const window = createWindow({ messages: 64, bytes: 1e9 })
    const startOffsets = createStartOffsets(clients, kafka.topic, {
      startFrom: { kind: 'earliest' },
      processedTtlMs: TTL_MS,
    })
    const tell = (completions: Completion[], durationMs: number | null) =>
      void pipeline.committed(completions, durationMs === null ? 'learned' : 'known')
    const open = (partition: number) =>
      new Partition({
        source: { group: GROUP, topic: kafka.topic, partition },
        clients,
        handler: pipeline,
        window,
        flow: {
          pause: () => this.#steer(partition, { isOn: false }),
          resume: () => this.#steer(partition, { isOn: true }),
          seek: (at) => this.#steer(partition, { at }),
        },
        startOffsets,
        call: this.#call.signal,
        batch: DEFAULT_BATCH_LIMITS,
        prefetch: 32,
        log,
        isMember: () => performance.now() - this.#answeredAtMs < TIMINGS.group.sessionMs,
        onCommitted: tell,
        onFailed: () => {},
      })
    return { dedupe, open }
  }

  #steer(partition: number, change: Partial<Fetcher>): void {
    const fetcher = this.fetchers.get(partition)
    if (fetcher !== undefined) Object.assign(fetcher, change)
  }
}

/** Looks of a gate that never closes are rarer here: they are most of what a life would do. */
const GATE = { lookMs: 5_000 }

const TOPICS = { requests: 'in', notifications: 'out', records: 'rec', deadLetters: 'dead', decisions: null }

const kafkaOp = (label: string) => ({ service: 'kafka', label, lost: () => new Error('no connection') }) as const

/** Asks Kafka again until it answers, as offsets-view.ts does. */
async function retryKafka<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask()
    } catch {
      continue
    }
  }
}

/** A stand-in for what judges texts: the answer is the outcome. */
const SCORING = {
  prepare: ({ address }: { address: { processingId: bigint } }) => ({
    id: address.processingId,
    messages: [{ role: 'user', content: String(address.processingId) }],
    schema: null,
  }),
  askOnce: (_prepared: unknown, ask: () => Promise<unknown>) => ask(),
  mostTokens: () => 100,
  read: () => ({}),
  verify: (_prepared: unknown, { model }: { model: string }) => ({ model, isDoubtful: false }),
  conclude: () => ({
    kind: 'success',
    score: { score: 50, matches: [], recommendation: 'x', verdict: 'Подходит' },
    headers: {},
    decision: null,
  }),
  decisionRecords: () => [],
} as unknown as PipelineParts['scoring']

/** Keeps what names itself a fault of the worker. */
function faultLog(onFault: (text: string) => void): Log {
  const ignore = () => {}
  const error = (message: string, fields?: object) => {
    if (message.includes('fault of the worker')) onFault(`${message} ${JSON.stringify(fields)}`)
  }
  return { error, warn: ignore, info: ignore, debug: ignore }
}
