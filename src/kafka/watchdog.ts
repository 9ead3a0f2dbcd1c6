/** Finds the consumer that stands still, which kafkajs does not notice, and has another one made. */
import type { Log } from '../logging/log.ts'
import type { KafkaClients } from './clients.ts'
import { kafkaReason } from './kafka-error.ts'
import type { Partition } from './partition.ts'
import { readWatermarks } from './start-offset.ts'

const READ_EVERY_TICKS = 5
const STALL_MAX_MS = 600_000
/** So long without an answer to any heartbeat, and it is told: a broker that hangs refuses no connection. */
const SILENCE_TOLD_MS = 12_000
const ANSWERED_MS = 5_000

export interface WatchdogOptions {
  clients: KafkaClients
  topic: string
  partitions: ReadonlyMap<number, Partition>
  membership: { silentMs: () => number; restart: (reason: string) => void; status: () => { unansweredMs: number } }
  /** Without a sign of life for so long, though Kafka answers, kafkajs is taken for dead: longer than any join may take. */
  silentLimitMs: number
  /** Messages wait, nothing holds them, and fetching brings none for so long: make another consumer. Doubled each time. */
  stallMs: number
  log: Log
}

/** @returns what to call once a second: it goes on with what was held, and looks after the fetching now and then */
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
      // With Kafka away there is nothing to restart for: kafkajs comes back as the member that it was.
      log.debug('the watchdog could not look at the topic', { topic, reason: kafkaReason(error) })
    } finally {
      looking = false
    }
  }

  function restartIfStill(): void {
    const silent = membership.silentMs() > silentLimitMs
    // Kafka may have come back just now: kafkajs has until the next look.
    if (silent && silentBefore) membership.restart('no sign of life, though Kafka answers')
    silentBefore = silent
    const starving = [...partitions.values()].find((each) => each.starvingMs() > stallMs)
    if (starving === undefined) return
    // A producer's transaction that hangs looks the same, and no restart helps against it: ever more rarely.
    stallMs = Math.min(stallMs * 2, STALL_MAX_MS)
    membership.restart(
      `partition ${starving.partition} has messages and brings none (or a producer's transaction is open)`,
    )
  }

  /** kafkajs itself says nothing of a broker that takes connections and answers nothing. */
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
