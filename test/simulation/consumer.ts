/** A kafkajs consumer of a simulated worker, for the product's Membership: the group has it join, and the scheduler has it fetch. */
import { EventEmitter } from 'node:events'
import type { Batch, Consumer, EachBatchPayload } from 'kafkajs'
import type { SourceMessage } from '../../src/kafka/messages.ts'
import type { MemoryKafka } from './kafka.ts'

/** Where the fetching of an assigned partition stands, as the product has steered it. */
interface Fetcher {
  at: bigint
  isOn: boolean
  /** How many seeks there were: one during a batch outweighs what the batch resolves. */
  seeks: number
}

type EachBatch = (payload: EachBatchPayload) => Promise<void>

export interface ConsumerParts {
  kafka: MemoryKafka
  /** Resolves when the brokers answer. */
  connect: () => Promise<void>
  /** Called when the consumer asks to join the group. */
  onJoining: (consumer: SimulatedConsumer) => void
  /** Called when the consumer has left the group. */
  onLeft: (consumer: SimulatedConsumer) => void
  /** Called when the product's code for a batch throws. */
  onError: (error: unknown) => void
}

export class SimulatedConsumer {
  /** The name by which the group knows the consumer. A member that was removed gets a new one. */
  memberId: string
  /** The latest generation of the group that the consumer has joined; -1: none yet. */
  generation = -1
  readonly fetchers = new Map<number, Fetcher>()
  readonly #parts: ConsumerParts
  readonly #events = new EventEmitter()
  #eachBatch: EachBatch | null = null
  #isOver = false

  constructor(memberId: string, parts: ConsumerParts) {
    this.memberId = memberId
    this.#parts = parts
  }

  get isMember(): boolean {
    return this.generation !== -1 && !this.#isOver
  }

  /** @returns this consumer as the product sees it */
  asKafkajs(): Consumer {
    const each = ([of]: [{ partitions: number[] }], change: (fetcher: Fetcher) => void) => {
      if (this.#eachBatch === null || this.#isOver) throw new Error('the consumer is not running')
      for (const [partition, fetcher] of this.fetchers) if (of.partitions.includes(partition)) change(fetcher)
    }
    return {
      on: (event: string, listener: (told: object) => void) => this.#events.on(event, listener),
      connect: this.#parts.connect,
      subscribe: () => Promise.resolve(),
      run: ({ eachBatch }: { eachBatch: EachBatch }) => {
        this.#eachBatch = eachBatch
        if (!this.#isOver) this.#parts.onJoining(this)
        return Promise.resolve()
      },
      disconnect: () => {
        this.#isOver = true
        this.#parts.onLeft(this)
        return Promise.resolve()
      },
      pause: (of: [{ partitions: number[] }]) => each(of, (fetcher) => void (fetcher.isOn = false)),
      resume: (of: [{ partitions: number[] }]) => each(of, (fetcher) => void (fetcher.isOn = true)),
      seek: ({ partition, offset }: { partition: number; offset: string }) =>
        each([{ partitions: [partition] }], (fetcher) => {
          fetcher.at = BigInt(offset)
          fetcher.seeks++
        }),
    } as unknown as Consumer
  }

  /** Called when the group has assigned partitions. */
  joined(partitions: number[], generation: number): void {
    if (this.#isOver) return
    this.generation = generation
    for (const partition of this.fetchers.keys()) if (!partitions.includes(partition)) this.fetchers.delete(partition)
    for (const partition of partitions) {
      if (!this.fetchers.has(partition)) this.fetchers.set(partition, { at: 0n, isOn: true, seeks: 0 })
    }
    const memberAssignment = { [this.#parts.kafka.topic]: partitions }
    this.#tell('consumer.group_join', { memberId: this.memberId, memberAssignment })
  }

  /** Called when the group has answered a heartbeat. */
  heard(): void {
    this.#tell('consumer.network.request', { apiName: 'Heartbeat', duration: 0 })
    this.#tell('consumer.heartbeat', {})
  }

  /** Ends the consumer by an error after which kafkajs does not continue. */
  crash(): void {
    this.#tell('consumer.crash', { error: new Error('a simulated end of the consumer') })
  }

  /** Hands over the messages of one fetch, at most `most`. */
  fetch(partition: number, most: number): void {
    const fetcher = this.fetchers.get(partition)
    if (fetcher === undefined || this.#eachBatch === null || this.#isOver) return
    const { at, seeks } = fetcher
    const messages = (this.#parts.kafka.log[partition] ?? []).slice(Number(at), Number(at) + most)
    let next = at
    const payload = {
      batch: batchOf(this.#parts.kafka.topic, partition, at, messages),
      isStale: () => fetcher.seeks !== seeks,
      resolveOffset: (offset: string) => void (next = BigInt(offset) + 1n),
    } as unknown as EachBatchPayload
    // The batch is handled at once: nothing in it waits.
    this.#eachBatch(payload).catch(this.#parts.onError)
    if (fetcher.seeks === seeks) fetcher.at = next
  }

  #tell(event: string, payload: object): void {
    if (!this.#isOver) this.#events.emit(event, { payload })
  }
}

function batchOf(topic: string, partition: number, fetchedOffset: bigint, messages: SourceMessage[]): Batch {
  return {
    topic,
    partition,
    fetchedOffset: String(fetchedOffset),
    messages: messages.map(({ key, value, headers, offset, timestampMs }) => ({
      key,
      value,
      headers,
      offset: String(offset),
      timestamp: String(timestampMs),
    })),
    lastOffset: () => String(messages.at(-1)?.offset),
  } as unknown as Batch
}
