import type { PartitionStatus } from '../../src/kafka/partition.ts'

/** A status that a busy partition reports. */
export const BUSY_PARTITION: PartitionStatus = {
  partition: 4,
  state: 'ready',
  committed: 10n,
  next: 20n,
  lag: 2n ** 40n,
  queued: 3,
  queuedBytes: 300,
  running: 2,
  completed: 1,
  handedBack: 0,
  backoffs: [],
  trouble: null,
  unreadable: null,
  lastCommitAgeMs: null,
}
