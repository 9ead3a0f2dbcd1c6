/** As much of Kafka as partitions, fencing and transactions need, in memory: readers are read-committed. */
import type { Admin, Message, Producer, TopicMessages, Transaction } from 'kafkajs'
import type { KafkaClients } from '../../src/kafka/clients.ts'
import type { Committed } from '../../src/kafka/committed.ts'
import { decodeDone } from '../../src/kafka/offset-metadata.ts'
import { isDone } from '../../src/kafka/progress.ts'
import type { Headers, SourceMessage } from '../../src/kafka/messages.ts'
import type { OutcomeRecord } from '../../src/outcomes/read-back.ts'
import type { Lane } from './clock.ts'
import type { Park } from './scheduler.ts'

/** A message of a committed transaction. */
export interface Published {
  topic: string
  value: string
  id: string
  /** Which of the sent messages it is about; taken from its header. */
  copy: string
  /** Set for a refusal only. */
  waitSeconds: number | null
  record: OutcomeRecord
}

/** A worker used a publisher that was fenced by another one with its transactional id. */
export interface FencedUse {
  worker: string
  /** When the worker came back to the group as another member; -1: never. */
  returnedAtStep: number
  begunAtStep: number
  fencedAtStep: number
  /** false: it only commits an offset, as an acquisition that was begun before may still do. */
  publishes: boolean
}

export interface KafkaHooks {
  now: () => { step: number; ms: number }
  /** A transaction was committed. */
  onCommit: () => void
  onFenced: (use: FencedUse) => void
}

/** Who asks; `returnedAtStep` as in FencedUse. */
export interface Client {
  lane: Lane
  readonly returnedAtStep: number
}

/** @throws what Kafka answers to a fenced publisher */
type Check = (publishes?: boolean) => void

type Ask = <T>(label: string, execute: () => T) => Promise<T>

const failed = (type: string, name: string) => Object.assign(new Error(type), { name, type })
const lost = () => Object.assign(new Error('the connection was lost'), { name: 'KafkaJSConnectionError' })

export class MemoryKafka {
  readonly topic: string
  /** The input messages of each partition. */
  readonly log: SourceMessage[][]
  /** The messages of committed transactions. */
  readonly published: Published[] = []
  readonly committed = new Map<number, Committed>()
  /** By transactional id: how often it was fenced, and when the last time. */
  readonly #fences = new Map<string, { epoch: number; atStep: number }>()
  readonly #hooks: KafkaHooks
  #sent = 0

  constructor(topic: string, partitions: number, hooks: KafkaHooks = UNWATCHED) {
    this.topic = topic
    this.log = Array.from({ length: partitions }, () => [])
    this.#hooks = hooks
  }

  append(partition: number, value: string, headers: Headers = {}): void {
    const log = this.log[partition] as SourceMessage[]
    const { topic } = this
    const offset = BigInt(log.length)
    const timestampMs = this.#hooks.now().ms
    log.push({ topic, partition, offset, timestampMs, key: KEY, value: Buffer.from(value), headers })
  }

  /** Appends a request; its header tells it from other copies. */
  send(partition: number, id: string): void {
    this.append(partition, JSON.stringify({ processing_id: Number(id), ...TEXTS }), { copy: String(++this.#sent) })
  }

  copiesOf(id: string): SourceMessage[] {
    return this.log.flat().filter(({ value }) => idOf(value) === id)
  }

  /** In the order in which they were committed. */
  outcomesOf(id: string): Published[] {
    return this.published.filter((each) => each.topic === 'out' && each.id === id)
  }

  /** What readers of the notifications find from that time on. */
  outcomesSince(ms: number): OutcomeRecord[] {
    const records = this.published.filter(({ topic }) => topic === 'out').map(({ record }) => record)
    return records.filter(({ timestampMs }) => timestampMs >= ms)
  }

  isCommitted(partition: number, offset: bigint): boolean {
    const { offset: base, metadata } = this.committed.get(partition) ?? { offset: null, metadata: '' }
    return base !== null && isDone(offset, { offset: base, done: decodeDone(base, metadata) ?? [] })
  }

  /** Whether every message's offset is committed. */
  isDone(): boolean {
    return this.log.every((log, partition) => log.every(({ offset }) => this.isCommitted(partition, offset)))
  }

  clientsOf(client: Client, park: Park): KafkaClients {
    const ask: Ask = (label, execute) => park(client.lane, { service: 'kafka', label, lost }, execute)
    const admin = this.#admin()
    return {
      producer: (id: string) => this.#producer(id, client, ask),
      withAdmin: <T>(work: (of: Admin) => Promise<T>) => ask('admin', () => work(admin)),
      discard: () => {},
      consumer: () => {
        throw new Error('nothing reads topics back here')
      },
      close: () => Promise.resolve(),
    } as unknown as KafkaClients
  }

  #admin(): Admin {
    const { topic } = this
    return {
      fetchOffsets: async () => {
        const of = (partition: number) => {
          const { offset, metadata } = this.committed.get(partition) ?? { offset: null, metadata: '' }
          return { partition, offset: String(offset ?? -1), metadata }
        }
        return [{ topic, partitions: this.log.map((_, partition) => of(partition)) }]
      },
      fetchTopicOffsets: async () =>
        this.log.map(({ length }, partition) => ({
          partition,
          low: '0',
          high: String(length),
          offset: String(length),
        })),
      fetchTopicMetadata: async () => ({
        topics: [{ name: topic, partitions: this.log.map((_, partitionId) => ({ partitionId, leader: 1 })) }],
      }),
    } as unknown as Admin
  }

  #producer(id: string, client: Client, ask: Ask): Producer {
    let epoch = 0
    const transaction = async (): Promise<Transaction> => {
      if (epoch === 0) epoch = await ask(`fence ${id}`, () => this.#fence(id))
      const begunAtStep = this.#hooks.now().step
      const check: Check = (publishes = false) => {
        const { epoch: latest, atStep } = this.#fences.get(id) ?? { epoch: 0, atStep: 0 }
        if (latest === epoch) return
        const { returnedAtStep, lane } = client
        this.#hooks.onFenced({ worker: lane.name, returnedAtStep, begunAtStep, fencedAtStep: atStep, publishes })
        throw failed('INVALID_PRODUCER_EPOCH', 'KafkaJSProtocolError')
      }
      return this.#transaction(id, check, ask)
    }
    return { connect: () => Promise.resolve(), disconnect: () => Promise.resolve(), transaction } as unknown as Producer
  }

  #fence(id: string): number {
    const { step: atStep } = this.#hooks.now()
    const epoch = (this.#fences.get(id)?.epoch ?? 0) + 1
    this.#fences.set(id, { epoch, atStep })
    return epoch
  }

  #transaction(id: string, check: Check, ask: Ask): Transaction {
    const staged: Published[] = []
    let offset: { partition: number; committed: Committed } | null = null
    return {
      sendBatch: ({ topicMessages }: { topicMessages: TopicMessages[] }) =>
        ask(`send ${id}`, () => {
          check(true)
          for (const { topic, messages } of topicMessages) {
            for (const message of messages) staged.push(publishedOf(topic, message, this.#hooks.now().ms))
          }
          return topicMessages.map(({ topic }) => ({ topicName: topic, partition: undefined }))
        }),
      sendOffsets: ({ topics }: { topics: OffsetsOfTopic[] }) =>
        ask(`offset ${id} ${topics[0]?.partitions[0]?.offset}`, () => {
          check()
          const [to] = topics.flatMap(({ partitions }) => partitions)
          if (to === undefined) return
          offset = { partition: to.partition, committed: { offset: BigInt(to.offset), metadata: to.metadata } }
        }),
      commit: () =>
        ask(`commit ${id}`, () => {
          check()
          this.published.push(...staged)
          if (offset === null) return
          this.committed.set(offset.partition, offset.committed)
          this.#hooks.onCommit()
        }),
      abort: () => (staged.length === 0 && offset === null ? Promise.resolve() : ask(`abort ${id}`, () => check())),
    } as unknown as Transaction
  }
}

interface OffsetsOfTopic {
  partitions: { partition: number; offset: string; metadata: string }[]
}

const UNWATCHED: KafkaHooks = { now: () => ({ step: 0, ms: 1 }), onCommit: () => {}, onFenced: () => {} }

const KEY = Buffer.from('new_request')
const TEXTS = {
  user_id: 1,
  resume_id: 1,
  requirements_id: 1,
  callback_url: 'http://a',
  requirements: 'a',
  resume: 'b',
}

function publishedOf(topic: string, { key, value, headers = {} }: Message, timestampMs: number): Published {
  const text = String(value)
  const waitSeconds = Number(/"wait_seconds":(\d+)/.exec(text)?.[1] ?? Number.NaN)
  return {
    topic,
    value: text,
    id: idOf(text),
    copy: String(headers['copy']),
    waitSeconds: Number.isNaN(waitSeconds) ? null : waitSeconds,
    record: { key: Buffer.from(String(key)), value: Buffer.from(text), headers, timestampMs },
  }
}

const idOf = (value: Buffer | string | null) => /"processing_id":(\d+)/.exec(String(value))?.[1] ?? ''
