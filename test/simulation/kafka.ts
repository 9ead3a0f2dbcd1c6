/** As much of Kafka as partitions, fencing and transactions need, in memory: readers are read-committed. */
import type { Admin, Producer, TopicMessages, Transaction } from 'kafkajs'
import type { KafkaClients } from '../../src/kafka/clients.ts'
import type { Committed } from '../../src/kafka/committed.ts'
import { decodeDone } from '../../src/kafka/offset-metadata.ts'
import { isDone } from '../../src/kafka/progress.ts'
import type { SourceMessage } from '../../src/kafka/messages.ts'
import type { Lane } from './clock.ts'
import type { Park } from './operations.ts'

export interface Published {
  topic: string
  value: string
}

const failed = (type: string, name: string) => Object.assign(new Error(type), { name, type })
const lost = () => Object.assign(new Error('the connection was lost'), { name: 'KafkaJSConnectionError' })

export class MemoryKafka {
  readonly topic: string
  /** Per partition. */
  readonly log: SourceMessage[][]
  /** In committed transactions. */
  readonly published: Published[] = []
  readonly committed = new Map<number, Committed>()
  readonly #epochs = new Map<string, number>()
  readonly #onCommit: (partition: number) => void

  constructor(topic: string, partitions: number, onCommit: (partition: number) => void) {
    this.topic = topic
    this.log = Array.from({ length: partitions }, () => [])
    this.#onCommit = onCommit
  }

  append(partition: number, value: string, timestampMs: number): void {
    const log = this.log[partition] as SourceMessage[]
    const offset = BigInt(log.length)
    const key = Buffer.from('new_request')
    log.push({ topic: this.topic, partition, offset, timestampMs, key, value: Buffer.from(value), headers: {} })
  }

  isCommitted(partition: number, offset: bigint): boolean {
    const { offset: base, metadata } = this.committed.get(partition) ?? { offset: null, metadata: '' }
    return base !== null && isDone(offset, { offset: base, done: decodeDone(base, metadata) ?? [] })
  }

  /** Whether every message's offset is committed. */
  isDone(): boolean {
    return this.log.every((log, partition) => log.every(({ offset }) => this.isCommitted(partition, offset)))
  }

  clientsOf(lane: Lane, park: Park): KafkaClients {
    const ask = <T>(label: string, execute: () => T) => park(lane, { service: 'kafka', label, lost }, execute)
    const admin = this.#admin()
    return {
      producer: (id: string) => this.#producer(id, ask),
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

  #producer(id: string, ask: <T>(label: string, execute: () => T) => Promise<T>): Producer {
    let epoch = 0
    const check = () => {
      if (this.#epochs.get(id) !== epoch) throw failed('INVALID_PRODUCER_EPOCH', 'KafkaJSProtocolError')
    }
    const transaction = async (): Promise<Transaction> => {
      if (epoch === 0) {
        await ask(`fence ${id}`, () => {
          epoch = (this.#epochs.get(id) ?? 0) + 1
          this.#epochs.set(id, epoch)
        })
      }
      const staged: Published[] = []
      let offset: { partition: number; committed: Committed } | null = null
      return {
        sendBatch: ({ topicMessages }: { topicMessages: TopicMessages[] }) =>
          ask(`send ${id}`, () => {
            check()
            for (const { topic, messages } of topicMessages) {
              for (const { value } of messages) staged.push({ topic, value: String(value) })
            }
            return topicMessages.map(({ topic }) => ({ topicName: topic, partition: undefined }))
          }),
        sendOffsets: ({
          topics,
        }: {
          topics: { partitions: { partition: number; offset: string; metadata: string }[] }[]
        }) =>
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
            this.#onCommit(offset.partition)
          }),
        abort: () => (staged.length === 0 && offset === null ? Promise.resolve() : ask(`abort ${id}`, check)),
      } as unknown as Transaction
    }
    return { connect: () => Promise.resolve(), disconnect: () => Promise.resolve(), transaction } as unknown as Producer
  }
}
