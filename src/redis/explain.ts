/** Explains why there is no connection to Redis, and names the setting to check. */
import type { Config } from '../config.ts'
import { UNREACHABLE } from '../lib/unreachable.ts'

/** @returns the place of Redis for the log: its address, or the Sentinels and the master's name */
export function placeOf({ host, port, sentinel }: Pick<Config['redis'], 'host' | 'port' | 'sentinel'>): string {
  if (sentinel === null) return `${host}:${port}`
  return `${sentinel.name} of ${sentinel.servers.map((each) => `${each.host}:${each.port}`).join(', ')}`
}

/**
 * @param hasBeenThere these settings have connected to Redis before
 * @returns a reason for the log. Never log the error itself: ioredis attaches the command's arguments, which may hold a password
 */
export function explain(
  error: Error,
  config: Pick<Config['redis'], 'db' | 'tls' | 'sentinel'>,
  hasBeenThere: boolean,
): string {
  const { message } = error
  if (config.sentinel !== null && NO_SENTINEL.test(message)) return explainSentinels(message)
  const code = /^(NOAUTH|WRONGPASS|NOPERM)\b/.exec(message)?.[1]
  if (code === 'NOAUTH') return 'it wants a password: set REDIS_PASSWORD'
  if (code === 'WRONGPASS') return 'it refuses the user name and password: check REDIS_USERNAME and REDIS_PASSWORD'
  if (commandOf(error) === 'select') {
    const why = code === 'NOPERM' ? "the user's ACL lacks +select, see ops/least-rights.md" : message
    return `REDIS_DB=${config.db} cannot be selected, and no other database is written to: ${why}`
  }
  if (code === 'NOPERM') return 'the user may not do what the worker needs: check its ACL'
  if (/certificate required|bad certificate|unknown ca/.test(message)) return `${message} (check REDIS_TLS_CERT_FILE)`
  if (/certificate/.test(message)) return `${message} (check REDIS_TLS_CA_FILE)`
  // Several addresses of one host were tried.
  const what =
    error instanceof AggregateError ? error.errors.map((each) => (each as Error).message).join('; ') : message
  if (!hasBeenThere && config.sentinel === null && UNREACHABLE.test(what))
    return `${what} (check REDIS_HOST and REDIS_PORT)`
  const pattern = config.tls === null ? WANTS_TLS : WANTS_NO_TLS
  return hasBeenThere || !pattern.test(what) ? what : `${what} (${checkTls(config)})`
}

/** What ioredis says at the end of its list of Sentinels; the last Sentinel's error follows, if it had one. */
const NO_SENTINEL = /^All sentinels are unreachable/
const LAST_TROUBLE = / Last error: (.*)$/s

/** Whether the error only says that the list of Sentinels starts over: all answered, and another error has told the result. */
export const saysNothing = ({ message }: Error): boolean => NO_SENTINEL.test(message) && !LAST_TROUBLE.test(message)

function explainSentinels(message: string): string {
  const last = LAST_TROUBLE.exec(message)?.[1] ?? ''
  if (/No such master/i.test(last)) return 'no Sentinel knows a master of this name: check REDIS_SENTINEL_NAME'
  if (/^(NOAUTH|WRONGPASS)\b/.test(last) || /no password is set/.test(last)) {
    return `the Sentinels refuse the login (${last}): check REDIS_SENTINEL_USERNAME and REDIS_SENTINEL_PASSWORD`
  }
  return `no Sentinel can be asked, the last one: ${last} (check REDIS_SENTINELS)`
}

/** The peer closed the connection without an error. */
export const HUNG_UP = 'it closes the connection'

/** Errors that suggest that the server expects TLS, which is off here. */
const WANTS_TLS = /ECONNRESET|EPIPE|Protocol error|closes the connection/
/** Errors that suggest that the server has no TLS, which is on here: it waits for the end of a line, or hangs up. */
const WANTS_NO_TLS = /ECONNRESET|EPIPE|SSL|TLS|connect ETIMEDOUT/

/** @returns the setting to check when a server is there but its answer makes no sense */
export const checkTls = ({ tls }: Pick<Config['redis'], 'tls'>): string =>
  `check REDIS_TLS: it is ${tls === null ? 'off, and the port may want TLS' : 'on, and the port may not speak TLS, or may want another REDIS_TLS_CERT_FILE'}`

/** @returns why a command failed; ioredis's words for a missing connection speak of its own options */
export const reasonOf = ({ message }: Error): string =>
  message.startsWith("Stream isn't writeable") ? 'there is no connection' : message

const commandOf = (error: Error): string | null =>
  'command' in error ? ((error.command as { name?: string } | undefined)?.name ?? null) : null
