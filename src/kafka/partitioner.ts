/** Chooses the partition of an outgoing message. */
import type { ICustomPartitioner } from 'kafkajs'
import { Partitioners } from 'kafkajs'

/**
 * The Java client's partitioner, but the choice is written into the message. kafkajs asks again when it retries a send, so a message
 * without a key could be appended to a second partition although the first append had succeeded.
 */
export const stickyPerMessage: ICustomPartitioner = () => {
  const choose = Partitioners.DefaultPartitioner()
  return (request) => (request.message.partition ??= choose(request))
}
