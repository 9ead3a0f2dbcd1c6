/**
 * Makes kafkajs's "read committed" true; mended.ts applies it.
 *
 * kafkajs 2.2.4 (`consumer/filterAbortedMessages.js`) takes the aborted transactions of a fetch for sorted by their first
 * offset, and enters at most one of them per message. The broker lists them as they ended. So where two producers' aborted
 * transactions lie among each other, as after the SIGKILL of a worker with two partitions, messages of them are delivered as
 * if they were committed. Here they are filtered before kafkajs looks at them, as Kafka's own client does it.
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
 * Marks the messages of aborted transactions as control records, which kafkajs passes over without delivering them; removing
 * them would leave a fetch that ends within them without progress.
 */
export function hideAborted(partition: FetchedPartition): void {
  const aborted = (partition.abortedTransactions ?? [])
    .map(({ producerId, firstOffset }) => ({ producerId, firstOffset: BigInt(firstOffset) }))
    .toSorted((a, b) => (a.firstOffset < b.firstOffset ? -1 : 1))
  if (aborted.length === 0) return
  const open = new Set<string>()
  for (const message of partition.messages) {
    const offset = BigInt(message.offset)
    for (let next = aborted[0]; next !== undefined && next.firstOffset <= offset; next = aborted[0]) {
      open.add(next.producerId)
      aborted.shift()
    }
    const { producerId = '', inTransaction = false } = message.batchContext ?? {}
    if (message.isControlRecord) {
      if (message.key !== null && ABORT_MARKER.equals(message.key)) open.delete(producerId)
    } else if (inTransaction && open.has(producerId)) {
      message.isControlRecord = true
    }
  }
  partition.abortedTransactions = []
}
