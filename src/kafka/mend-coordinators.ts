/** Lets a transactional producer remember its coordinators: kafkajs looks them up four times in each transaction. */

/** The protocol's number of a coordinator of transactions. */
const OF_TRANSACTIONS = 1

/** A coordinator answers this while it still ends the previous transaction. It does not mean that the coordinator has moved. */
const STILL_ENDING = 'CONCURRENT_TRANSACTIONS'

/** As much of kafkajs's Broker as is needed here. */
export type CoordinatingBroker = Record<(typeof REQUESTS)[number], (request: unknown) => Promise<unknown>> & {
  isConnected(): boolean
}

/** The requests that go to a coordinator within a transaction. */
const REQUESTS = ['initProducerId', 'addPartitionsToTxn', 'addOffsetsToTxn', 'txnOffsetCommit', 'endTxn'] as const

interface Wanted {
  groupId: string
  coordinatorType?: number
}

/** As much of kafkajs's Cluster as is needed here. */
export interface CoordinatedCluster {
  findGroupCoordinator: (this: CoordinatedCluster, wanted: Wanted) => Promise<CoordinatingBroker>
}

/**
 * Remembers the coordinators that a producer's cluster has found until one of them fails a request or loses its connection; the next
 * lookup then asks the brokers again. A replaced coordinator refuses requests, so an outdated memory costs one failed request and does
 * no harm. Consumers and admin clients look coordinators up each time, as before.
 * @param cluster the prototype of kafkajs's Cluster; changed in place
 * @param broker the prototype of kafkajs's Broker; changed in place
 */
export function mendCoordinators(cluster: CoordinatedCluster, broker: CoordinatingBroker): void {
  const known = new WeakMap<CoordinatedCluster, Map<string, CoordinatingBroker>>()
  const doubted = new WeakSet<CoordinatingBroker>()
  const { findGroupCoordinator } = cluster

  cluster.findGroupCoordinator = async function findCoordinatorMended(this: CoordinatedCluster, wanted: Wanted) {
    if (wanted.coordinatorType === OF_TRANSACTIONS && !known.has(this)) known.set(this, new Map())
    const ofCluster = known.get(this)
    const key = `${wanted.coordinatorType}/${wanted.groupId}`
    const before = ofCluster?.get(key)
    if (before?.isConnected() && !doubted.has(before)) return before
    const found = await findGroupCoordinator.call(this, wanted)
    doubted.delete(found)
    ofCluster?.set(key, found)
    return found
  }

  for (const name of REQUESTS) {
    const request = broker[name]
    broker[name] = async function requestMended(this: CoordinatingBroker, content: unknown): Promise<unknown> {
      try {
        return await request.call(this, content)
      } catch (error) {
        if ((error as { type?: string }).type !== STILL_ENDING) doubted.add(this)
        throw error
      }
    }
  }
}
