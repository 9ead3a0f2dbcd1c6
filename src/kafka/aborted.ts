/**
 * Makes kafkajs's "read committed" true; mended.ts applies it.
 *
 * kafkajs 2.2.4 (`consumer/filterAbortedMessages.js`) assumes that the aborted transactions of a fetch are sorted by
 * their first offset, and takes at most one of them into account per message. The broker lists them in the order of their ends. So
 * when aborted transactions of two producers overlap, as after the SIGKILL of a worker with two partitions, their messages are
 * delivered as if they were committed. This file hides them before kafkajs filters, with the algorithm of Kafka's own client.
 */

export interface FetchedMessage {
  offset: string
  key: Buffer | null
  isControlRecord: boolean
  batchContext?: { producerId: string; inTransaction: boolean }
}

export interface FetchedPartition {
  /** null when read uncommitted */
  abortedTransactions?: { producerId: string; firstOffset: string }[] | null
  messages: FetchedMessage[]
}

/** A control record's key: version 0, type 0. Type 1 is a commit. */
const ABORT_MARKER = Buffer.from([0, 0, 0, 0])

/**
 * Marks the messages of aborted transactions as control records, which kafkajs skips. They are not
 * removed: a fetch that ends among them would then make no progress.
 */
export function hideAborted(partition: FetchedPartition): void {
  const aborted = (partition.abortedTransactions ?? [])
    .map(({ producerId, firstOffset }) => ({ producerId, firstOffset: BigInt(firstOffset) }))
    .toSorted((a, b) => (a.firstOffset < b.firstOffset ? -1 : 1))
  if (aborted.length === 0) return
  const aborting = new Set<string>()
  for (const message of partition.messages) {
    const offset = BigInt(message.offset)
    for (let next = aborted[0]; next !== undefined && next.firstOffset <= offset; next = aborted[0]) {
      aborting.add(next.producerId)
      aborted.shift()
    }
    const { producerId = '', inTransaction = false } = message.batchContext ?? {}
    if (message.isControlRecord) {
      if (message.key !== null && ABORT_MARKER.equals(message.key)) aborting.delete(producerId)
    } else if (inTransaction && aborting.has(producerId)) {
      message.isControlRecord = true
    }
  }
  partition.abortedTransactions = []
}
