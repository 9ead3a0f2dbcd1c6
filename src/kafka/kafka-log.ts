/** Passes kafkajs's log lines on to the worker's log. */
import type { LogEntry, logCreator } from 'kafkajs'
import { logLevel } from 'kafkajs'
import type { Log } from '../logging/log.ts'
import { readableAddress } from './addresses.ts'

/** The worker can do without this request, so it is no trouble when Kafka refuses it. */
const OPTIONAL_REQUEST = 'DescribeConfigs'

/**
 * The worker itself logs the errors that kafkajs throws. Of the errors that kafkajs only logs, lost connections, refused logins and
 * missing rights become warnings (without a right on a group kafkajs says that there is no coordinator); the logger counts those
 * that repeat. The rest, such as each retry and each expected error, goes to debug.
 */
export function createKafkaLog(log: Log): logCreator {
  return () =>
    ({ namespace, level, log: entry }: LogEntry) => {
      const broker = typeof entry['broker'] === 'string' ? readableAddress(entry['broker']) : ''
      const refused = level === logLevel.ERROR ? refusedRequest(entry) : null
      if (refused !== null) log.warn('Kafka refuses: the user lacks a right, see ops/least-rights.md', refused)
      else if (level === logLevel.ERROR && isTrouble(namespace, entry.message)) {
        log.warn('Kafka connection trouble', { reason: readableAddress(entry.message), broker })
      } else log.debug(`kafkajs: ${entry.message}`, { part: namespace, ...(broker === '' ? {} : { broker }) })
    }
}

/** A discarded client may still write to a socket that has ended. */
const isTrouble = (namespace: string, message: string) =>
  (namespace === 'Connection' && message.startsWith('Connection') && !message.endsWith('write after end')) ||
  namespace.includes('SASL')

/** @returns the request and the broker's error, when the broker answered that the request is not allowed */
function refusedRequest({ message, ...entry }: LogEntry['log']): { request: string; reason: string } | null {
  const reason: unknown = entry['error']
  const request = /^Response (\w+)/.exec(message)?.[1]
  if (request === undefined || typeof reason !== 'string' || request === OPTIONAL_REQUEST) return null
  return /authoriz/i.test(reason) ? { request, reason } : null
}
