/** Lets a member of a group send heartbeats when the clock of its machine was set back; mended.ts applies it. */

/** As much of kafkajs's ConsumerGroup as is needed here. */
export interface BeatingGroup {
  /** When the last heartbeat was answered, ms since the epoch. */
  lastRequest: number
  heartbeat: (this: BeatingGroup, options: { interval: number }) => Promise<void>
}

/**
 * kafkajs sends no heartbeat before the last one is `interval` ms old by the machine's clock. After the clock was set back by an hour the
 * group would lose the member within seconds, and the member would notice, and join again, an hour later.
 * @param group the prototype of kafkajs's ConsumerGroup; changed in place
 */
export function mendHeartbeat(group: BeatingGroup): void {
  const { heartbeat } = group
  group.heartbeat = function heartbeatInTime(this: BeatingGroup, options: { interval: number }): Promise<void> {
    if (this.lastRequest > Date.now()) this.lastRequest = 0
    return heartbeat.call(this, options)
  }
}
