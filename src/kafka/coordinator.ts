/** Finds the group's new coordinator when the old one dies: kafkajs looks for a coordinator only when it joins. */
import { kafkaErrorType } from './kafka-error.ts'

/** The protocol's number of a coordinator of groups; 1 is one of transactions. */
const OF_GROUP = 0

/** As much of kafkajs's ConsumerGroup as is needed here. */
export interface Coordinated {
  groupId: string
  coordinator: unknown
  cluster: {
    findGroupCoordinatorMetadata: (of: { groupId: string; coordinatorType: number }) => Promise<{
      coordinator: { nodeId: number }
    }>
    findBroker: (of: { nodeId: number }) => Promise<unknown>
  }
  heartbeat: (this: Coordinated, options: { interval: number }) => Promise<void>
}

/**
 * Looks for the group's coordinator after a heartbeat that got no answer. When the coordinator's broker has died, another broker takes
 * the group over with its members, and this worker remains the same member. kafkajs alone would ask the dead broker until it comes
 * back. kafkajs does handle the errors that a coordinator answers, such as that it no longer coordinates the group.
 * @param group the prototype of kafkajs's ConsumerGroup; changed in place
 */
export function followCoordinator(group: Coordinated): void {
  const { heartbeat } = group
  group.heartbeat = async function heartbeatMended(this: Coordinated, options: { interval: number }): Promise<void> {
    try {
      await heartbeat.call(this, options)
    } catch (error) {
      if (kafkaErrorType(error) === null) await find(this)
      throw error
    }
  }
}

/** The running search of each group; heartbeats that fail at the same time share it. */
const searches = new WeakMap<Coordinated, Promise<void>>()

function find(group: Coordinated): Promise<void> {
  const found = searches.get(group) ?? search(group).finally(() => searches.delete(group))
  searches.set(group, found)
  return found
}

/**
 * Asks once: kafkajs's own search would go on for as long as the consumer's retries, even after the consumer has ended. Never
 * rejects: without a coordinator the next heartbeat fails too, and asks again.
 */
async function search(group: Coordinated): Promise<void> {
  const { cluster, groupId } = group
  try {
    const { coordinator } = await cluster.findGroupCoordinatorMetadata({ groupId, coordinatorType: OF_GROUP })
    group.coordinator = await cluster.findBroker({ nodeId: coordinator.nodeId })
  } catch {
    // The heartbeat that failed reports the error.
  }
}
