/** Lets a member of the group follow its coordinator, which kafkajs looks for only when it joins. */
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
 * After a heartbeat without an answer the coordinator is looked for before the next one. When its broker has died, another one
 * takes the group over with its members, and this one goes on as the member that it was. kafkajs would ask the dead broker until
 * it comes back. What the coordinator answers, such as that it is none any more, kafkajs understands by itself.
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

/** The search of each group, which all that share a heartbeat wait for. */
const searches = new WeakMap<Coordinated, Promise<void>>()

function find(group: Coordinated): Promise<void> {
  const found = searches.get(group) ?? search(group).finally(() => searches.delete(group))
  searches.set(group, found)
  return found
}

/**
 * Looks once: kafkajs's own search would go on for as long as the consumer's retries, also after its end. Never rejects: nobody
 * knows of a coordinator yet, and the next heartbeat asks again.
 */
async function search(group: Coordinated): Promise<void> {
  const { cluster, groupId } = group
  try {
    const { coordinator } = await cluster.findGroupCoordinatorMetadata({ groupId, coordinatorType: OF_GROUP })
    group.coordinator = await cluster.findBroker({ nodeId: coordinator.nodeId })
  } catch {
    // The heartbeat's own error says why.
  }
}
