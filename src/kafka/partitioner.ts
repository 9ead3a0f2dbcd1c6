/** Chooses the partition of an outgoing message. */
import type { ICustomPartitioner, Message } from 'kafkajs'
import { Partitioners } from 'kafkajs'

const chosen = new WeakMap<Message, number>()

/**
 * The Java client's partitioner, but each message keeps its partition. kafkajs asks again when it retries a send, so a message without
 * a key could be appended to a second partition although the first append had succeeded.
 */
export const stickyPerMessage: ICustomPartitioner = () => {
  const choose = Partitioners.DefaultPartitioner()
  return (request) => {
    const partition = chosen.get(request.message) ?? choose(request)
    chosen.set(request.message, partition)
    return partition
  }
}

/** @returns the partition chosen for a message; undefined when none was chosen, because it was never sent */
export function partitionOf(message: Message): number | undefined {
  return chosen.get(message)
}
