/** Reads the topics of a test as another team's read-committed consumer does. */
import type { Admin, Kafka as KafkaClient } from 'kafkajs'
// Without it kafkajs shows messages of aborted transactions to a read-committed consumer, and sets timers in the past.
import '../../src/kafka/mended.ts'
import { waitUntil } from './wait.ts'

/** A message as a read-committed consumer saw it. */
export interface Seen {
  key: string | null
  value: string
  headers: Record<string, string>
  partition: number
  offset: string
}

export type TopicReader = Awaited<ReturnType<typeof readTopics>>

/** Starts to read the topics from their beginning, in a consumer group of this name. */
export async function readTopics(kafka: KafkaClient, groupId: string, topics: readonly string[]) {
  const messages = new Map<string, Seen[]>(topics.map((topic) => [topic, []]))
  /** What was read, by topic, partition and offset: a consumer that lost its group with a broker reads everything again. */
  const places = new Set<string>()
  /** The next offset to read, by topic and partition. */
  const positions = new Map<string, bigint>()
  const consumer = kafka.consumer({ groupId, sessionTimeout: 10_000, maxWaitTimeInMs: 100 })
  // Markers and aborted messages take offsets too: only batches tell how far they reach.
  consumer.on('consumer.end_batch_process', ({ payload: { topic, partition, lastOffset } }) => {
    positions.set(`${topic}/${partition}`, BigInt(lastOffset) + 1n)
  })
  await consumer.connect()
  await consumer.subscribe({ topics: [...topics], fromBeginning: true })
  await consumer.run({
    autoCommit: false,
    eachMessage: async ({ topic, partition, message: { key, value, headers = {}, offset } }) => {
      const place = `${topic}/${partition}/${offset}`
      if (places.has(place)) return
      places.add(place)
      messages.get(topic)?.push({
        key: key?.toString() ?? null,
        value: value?.toString() ?? '',
        headers: Object.fromEntries(Object.entries(headers).map(([name, each]) => [name, String(each)])),
        partition,
        offset,
      })
    },
  })

  return {
    of: (topic: string): readonly Seen[] => messages.get(topic) ?? [],
    /**
     * Resolves when all that stands in the topics now has been read. One transaction writes to several topics, and each topic shows it in
     * its own time: when the notification of an outcome has been read, its record may not have been.
     */
    async caughtUp(admin: Admin, limitMs = 60_000): Promise<void> {
      const ends = await endsOf(admin, topics, limitMs)
      const behind = () =>
        [...ends].filter(([place, end]) => (positions.get(place) ?? 0n) < end).map(([place]) => place)
      await waitUntil(
        () => behind().length === 0,
        limitMs,
        () => `not read to the end: ${behind().join(', ')}`,
      )
    },
    stop: () => consumer.disconnect(),
  }
}

/** Where the topics end, by topic and partition; empty partitions are left out. Asks again while a broker is away. */
async function endsOf(admin: Admin, topics: readonly string[], limitMs: number): Promise<Map<string, bigint>> {
  const ends = new Map<string, bigint>()
  let reason = ''
  const asked = async () => {
    try {
      for (const topic of topics) {
        for (const { partition, high, low } of await admin.fetchTopicOffsets(topic)) {
          if (BigInt(high) > BigInt(low)) ends.set(`${topic}/${partition}`, BigInt(high))
        }
      }
      return true
    } catch (error) {
      reason = (error as Error).message
      return false
    }
  }
  await waitUntil(asked, limitMs, () => `Kafka does not tell where the topics end: ${reason}`)
  return ends
}
