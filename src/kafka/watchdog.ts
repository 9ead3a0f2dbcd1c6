/** Replaces a consumer that makes no progress: kafkajs does not notice that itself. */
import type { Log } from '../logging/log.ts'
import type { KafkaClients } from './clients.ts'
import { kafkaReason } from './kafka-error.ts'
import type { Partition } from './partition.ts'
import { readWatermarks } from './start-offset.ts'

const READ_EVERY_TICKS = 5
const STALL_MAX_MS = 600_000
/** After this time without an answered heartbeat the log says so: a broker that hangs still accepts connections. */
const SILENCE_TOLD_MS = 12_000
const ANSWERED_MS = 5_000

export interface WatchdogOptions {
  clients: KafkaClients
  topic: string
  partitions: ReadonlyMap<number, Partition>
  membership: { silentMs: () => number; restart: (reason: string) => void; status: () => { unansweredMs: number } }
  /** When kafkajs shows no sign of life for this time although Kafka answers, the consumer is replaced. Longer than any join takes. */
  silentLimitMs: number
  /** When fetching brings no messages for this time although some wait, the consumer is replaced. Doubled each time, up to 10 min. */
  stallMs: number
  log: Log
}

/** @returns a function to call once a second: it pokes the partitions each time and checks the fetching every 5 s */
export function createWatchdog(options: WatchdogOptions): () => void {
  const { clients, topic, partitions, membership, silentLimitMs, log } = options
  let { stallMs } = options
  let ticks = 0
  let looking = false
  let silentBefore = false
  let silenceTold = false

  async function look(): Promise<void> {
    looking = true
    try {
      for (const [partition, watermarks] of await readWatermarks(clients, topic, { withoutLeaders: 'omit' })) {
        partitions.get(partition)?.observe(watermarks)
      }
      restartIfStill()
    } catch (error) {
      // While Kafka is away a restart would not help, and kafkajs continues as the same member afterwards.
      log.debug('the watchdog could not look at the topic', { topic, reason: kafkaReason(error) })
    } finally {
      looking = false
    }
  }

  function restartIfStill(): void {
    const silent = membership.silentMs() > silentLimitMs
    // Kafka may have just come back: give kafkajs until the next check.
    if (silent && silentBefore) membership.restart('no sign of life, though Kafka answers')
    silentBefore = silent
    const starving = [...partitions.values()].find((each) => each.starvingMs() > stallMs)
    if (starving === undefined) return
    // A producer's hanging transaction looks the same and outlasts restarts, so they become ever rarer.
    stallMs = Math.min(stallMs * 2, STALL_MAX_MS)
    membership.restart(
      `partition ${starving.partition} has messages and brings none (or a producer's transaction is open)`,
    )
  }

  /** Logs that Kafka does not answer: kafkajs does not report a broker that accepts connections and answers nothing. */
  function tellSilence(): void {
    const { unansweredMs } = membership.status()
    if (!silenceTold && unansweredMs > SILENCE_TOLD_MS) {
      silenceTold = true
      log.warn('Kafka does not answer: nothing is consumed or published meanwhile', {
        forSeconds: Math.round(unansweredMs / 1_000),
      })
    } else if (silenceTold && unansweredMs < ANSWERED_MS) {
      silenceTold = false
      log.info('Kafka answers again')
    }
  }

  return () => {
    ticks++
    tellSilence()
    partitions.forEach((each) => each.poke())
    if (ticks % READ_EVERY_TICKS === 0 && !looking) void look()
  }
}
