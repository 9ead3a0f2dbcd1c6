/** Chooses the partition of an outgoing message. */
import type { ICustomPartitioner, Message } from 'kafkajs'
import { Partitioners } from 'kafkajs'

const chosen = new WeakMap<Message, number>()

/**
 * The Java client's partitioner, which keeps its choice per message. kafkajs asks again at each retry of a send, and a message without
 * a key could then be appended to a second partition although the first append had succeeded.
 */
export const stickyPerMessage: ICustomPartitioner = () => {
  const choose = Partitioners.DefaultPartitioner()
  return (request) => {
    const partition = chosen.get(request.message) ?? choose(request)
    chosen.set(request.message, partition)
    return partition
  }
}

/** @returns where a message of a finished send went; undefined when it was never sent */
export function partitionOf(message: Message): number | undefined {
  return chosen.get(message)
}
