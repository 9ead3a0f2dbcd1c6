/** Pub/sub on a connection of its own. Messages are only hints: an outage loses them, and receivers must cope. */
import type { Redis } from 'ioredis'
import type { Log } from '../logging/log.ts'

/** @param redis a connection that is used for nothing else @returns a function to subscribe with */
export function createSubscriptions(redis: Redis, log: Log) {
  const receivers = new Map<string, Set<(message: string) => void>>()

  const said = (error: Error) => log.debug('cannot subscribe to a channel yet', { reason: error.message })
  redis.on('message', (channel: string, message: string) => {
    for (const receive of receivers.get(channel) ?? []) receive(message)
  })
  // Subscribe again on each connection, because nothing is queued while the connection is down.
  redis.on('ready', () => {
    if (receivers.size > 0) redis.subscribe(...receivers.keys()).catch(said)
  })

  return {
    /** Calls `receive` with each message of a channel until the returned function is called. */
    subscribe(channel: string, receive: (message: string) => void): () => void {
      const known = receivers.get(channel) ?? new Set()
      receivers.set(channel, known.add(receive))
      if (redis.status === 'ready') redis.subscribe(channel).catch(said)
      return () => {
        known.delete(receive)
        if (known.size > 0) return
        receivers.delete(channel)
        if (redis.status === 'ready') redis.unsubscribe(channel).catch(said)
      }
    },
  }
}
