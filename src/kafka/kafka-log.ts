/** Brings kafkajs's log lines into ours. */
import type { LogEntry, logCreator } from 'kafkajs'
import { logLevel } from 'kafkajs'
import type { Log } from '../log.ts'

/** A line that repeats is said once in so long. */
const COLLAPSE_MS = 60_000

/**
 * What kafkajs throws we log ourselves, with what it means; of what it keeps to itself only lost connections and refused
 * logins are worth a warning. The rest (each retry, each expected refusal) goes to debug.
 */
export function createKafkaLog(log: Log): logCreator {
  const said = new Map<string, { atMs: number; times: number }>()

  function warnOnce(line: string, broker: string): void {
    const key = `${broker} ${line}`
    const nowMs = performance.now()
    const before = said.get(key)
    if (before !== undefined && nowMs - before.atMs < COLLAPSE_MS) {
      before.times++
      return
    }
    log.warn('Kafka connection trouble', { reason: line, broker, repeatedSince: before?.times ?? 0 })
    said.set(key, { atMs: nowMs, times: 0 })
  }

  return () =>
    ({ namespace, level, log: entry }: LogEntry) => {
      const broker = typeof entry['broker'] === 'string' ? entry['broker'] : ''
      if (level === logLevel.ERROR && isTrouble(namespace, entry.message)) warnOnce(entry.message, broker)
      else log.debug(`kafkajs: ${entry.message}`, { part: namespace, ...(broker === '' ? {} : { broker }) })
    }
}

/** A client that was given up while it had something to say writes after its end. */
const isTrouble = (namespace: string, message: string) =>
  (namespace === 'Connection' && message.startsWith('Connection') && !message.endsWith('write after end')) ||
  namespace.includes('SASL')
