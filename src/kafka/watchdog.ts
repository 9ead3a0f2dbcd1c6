/** Notices a consumer that makes no progress, which kafkajs does not, and has another one made. */
import type { Log } from '../logging/log.ts'
import type { KafkaClients } from './clients.ts'
import { kafkaReason } from './kafka-error.ts'
import type { Partition } from './partition.ts'
import { readWatermarks } from './start-offset.ts'

const READ_EVERY_TICKS = 5
const STALL_MAX_MS = 600_000
/** When no heartbeat was answered for this time, the log says so: a broker that hangs refuses no connection. */
const SILENCE_TOLD_MS = 12_000
const ANSWERED_MS = 5_000

export interface WatchdogOptions {
  clients: KafkaClients
  topic: string
  partitions: ReadonlyMap<number, Partition>
  membership: { silentMs: () => number; restart: (reason: string) => void; status: () => { unansweredMs: number } }
  /** When kafkajs shows no sign of life for this time although Kafka answers, it counts as dead. Longer than any join may take. */
  silentLimitMs: number
  /** When fetching brings no messages for this time although some wait, another consumer is made. Doubled each time. */
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
      // While Kafka is away a restart would not help: kafkajs comes back as the same member.
      log.debug('the watchdog could not look at the topic', { topic, reason: kafkaReason(error) })
    } finally {
      looking = false
    }
  }

  function restartIfStill(): void {
    const silent = membership.silentMs() > silentLimitMs
    // Kafka may have come back just now: give kafkajs until the next look.
    if (silent && silentBefore) membership.restart('no sign of life, though Kafka answers')
    silentBefore = silent
    const starving = [...partitions.values()].find((each) => each.starvingMs() > stallMs)
    if (starving === undefined) return
    // A producer's hanging transaction looks the same, and no restart helps against it: restart ever more rarely.
    stallMs = Math.min(stallMs * 2, STALL_MAX_MS)
    membership.restart(
      `partition ${starving.partition} has messages and brings none (or a producer's transaction is open)`,
    )
  }

  /** kafkajs does not report a broker that accepts connections and answers nothing. */
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
