/** One simulated worker: its place in the group, and a product's partition for each that it is assigned. */
import type { Completion } from '../../src/kafka/messages.ts'
import { DEFAULT_BATCH_LIMITS } from '../../src/kafka/outbox.ts'
import { Partition } from '../../src/kafka/partition.ts'
import { createStartOffsets } from '../../src/kafka/start-offset.ts'
import { createWindow } from '../../src/kafka/window.ts'
import { TIMINGS } from '../../src/timings.ts'
import type { Lane } from './clock.ts'
import { GROUP, PROCESSED_TTL_MS } from './settings.ts'
import type { WorkerParts } from './product.ts'
import { buildProduct } from './product.ts'

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
  /** The step of the life at which it came back to the group as another member; -1: it never did. */
  returnedAtStep = -1
  #answeredAtMs = 0
  readonly #parts: WorkerParts
  readonly #call = new AbortController()
  readonly #product: ReturnType<typeof buildProduct>
  readonly #open: (partition: number) => Partition

  constructor(parts: WorkerParts) {
    this.#parts = parts
    this.lane = { name: parts.name, state: 'running' }
    this.#product = parts.clock.inLane(this.lane, () => buildProduct(parts, this))
    this.#open = parts.clock.inLane(this.lane, () => this.#opener())
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
    await this.#product.dedupe.releaseAll(AbortSignal.timeout(TIMINGS.shutdown.leasesMs)).catch(() => {})
  }

  /** @returns what makes a partition of this worker */
  #opener() {
    const { clients, handler, log } = this.#product
    const { topic } = this.#parts.kafka
    const window = createWindow({ messages: 64, bytes: 1e9 })
    const startFrom = { kind: 'earliest' } as const
    const startOffsets = createStartOffsets(clients, topic, { startFrom, processedTtlMs: PROCESSED_TTL_MS })
    const tell = (completions: Completion[], durationMs: number | null) =>
      void handler.committed(completions, durationMs === null ? 'learned' : 'known')
    return (partition: number) =>
      new Partition({
        source: { group: GROUP, topic, partition },
        clients,
        handler,
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
  }

  #steer(partition: number, change: Partial<Fetcher>): void {
    const fetcher = this.fetchers.get(partition)
    if (fetcher !== undefined) Object.assign(fetcher, change)
  }
}
