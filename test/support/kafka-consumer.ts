/** A consumer of the Kafka layer in the test's own process, with a handler of plain functions. */
import type { ConsumerOptions, KafkaConsumer } from '../../src/kafka/consumer.ts'
import { createConsumer } from '../../src/kafka/consumer.ts'
import type { Completion, Handler, HandlerSignals, SourceMessage } from '../../src/kafka/messages.ts'
import { transactionalIdOf } from '../../src/kafka/transactional-id.ts'
import type { KafkaWorld } from './kafka-testing.ts'

export function answer(source: SourceMessage, topics: string[], value = textOf(source)): Completion {
  const messages = topics.map((topic) => ({ topic, key: 'k', value, headers: {} }))
  return { source, messages, ifTooLarge: null }
}

export const textOf = (source: SourceMessage) => source.value?.toString() ?? ''

export const numbered = (count: number, prefix = 'm') => Array.from({ length: count }, (_, i) => `${prefix}${i}`)

/** A `handle` whose calls a test ends itself, by the message's text. */
export function heldCalls() {
  const calls = new Map<string, { source: SourceMessage; signals: HandlerSignals; resolve: (of: Completion) => void }>()
  const started: string[] = []
  return {
    started,
    handle: (source: SourceMessage, signals: HandlerSignals): Promise<Completion> => {
      const { promise, resolve, reject } = Promise.withResolvers<Completion>()
      started.push(textOf(source))
      calls.set(textOf(source), { source, signals, resolve })
      signals.call.addEventListener('abort', () => reject(signals.call.reason as Error), { once: true })
      return promise
    },
    get: (text: string) => calls.get(text),
    finish(text: string, topics: string[]): void {
      const call = calls.get(text)
      if (call === undefined) throw new Error(`${text} is not in flight`)
      call.resolve(answer(call.source, topics))
    },
  }
}

export interface Started {
  consumer: KafkaConsumer
  /** Texts of `handle`'s messages, in order. */
  handled: string[]
  /** What `committed` was told. */
  committed: Completion[]
}

/** Starts to consume; by default each message is answered at once to both output topics. */
export function startConsumer(
  world: KafkaWorld,
  handler: Partial<Handler> = {},
  options: Partial<ConsumerOptions> = {},
): Started {
  const handled: string[] = []
  const committed: Completion[] = []
  const handle = handler.handle ?? ((source) => Promise.resolve(answer(source, [world.out, world.records])))
  const consumer = createConsumer({
    clients: world.clients,
    config: { groupId: world.group, startFrom: { kind: 'earliest' }, topics: { requests: world.requests } },
    processedTtlMs: 86_400_000,
    log: world.log,
    handler: {
      handle(source, signals) {
        handled.push(textOf(source))
        return handle(source, signals)
      },
      confirm: handler.confirm ?? ((batch) => Promise.resolve(batch)),
      committed: (batch, how) => {
        committed.push(...batch)
        return handler.committed?.(batch, how) ?? Promise.resolve()
      },
    },
    ...options,
  })
  world.onClose(() => consumer.stop(0))
  void consumer.run()
  return { consumer, handled, committed }
}

/** Fences whoever writes for the first partition, as its next owner does: the writer has to acquire the partition again. */
export async function fence(world: KafkaWorld): Promise<void> {
  const rival = world.clients.producer(transactionalIdOf(world.group, world.requests, 0))
  await rival.connect()
  await (await rival.transaction()).abort()
  await rival.disconnect()
}
