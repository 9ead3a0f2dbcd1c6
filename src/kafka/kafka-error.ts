/** Reads kafkajs's errors, which wrap one another. */
import { UNREACHABLE } from '../lib/unreachable.ts'
import { readableAddress } from './addresses.ts'
import { TimeLimitError } from './time-limit.ts'

/** @returns the Kafka protocol's name of the error, such as `MESSAGE_TOO_LARGE`; null for other errors (connection, time limit) */
export function kafkaErrorType(error: unknown): string | null {
  for (let each = error; each instanceof Error; each = each.cause) {
    if ('type' in each && typeof each.type === 'string') return each.type
  }
  return null
}

/** kafkajs's message when nothing answered its first request. */
const UNANSWERED = 'Broker not connected'

/** @returns whether the error comes from Kafka, kafkajs or the connection, rather than from this program */
export const isKafkaFault = (error: unknown): error is Error =>
  error instanceof Error &&
  (error instanceof TimeLimitError || error.name.startsWith('KafkaJS') || error.message === UNANSWERED)

/** @returns `host:port` of the broker whose connection or answer failed; null when kafkajs does not name it */
function brokerOf(error: unknown): string | null {
  for (let each = error; each instanceof Error; each = each.cause) {
    if ('broker' in each && typeof each.broker === 'string' && !each.broker.startsWith('undefined'))
      return readableAddress(each.broker)
  }
  return null
}

/**
 * @returns a short reason for the log and for people: the protocol's name of the error if it has one, else the message (which
 * contains the socket's error code), and the broker's address. The names of kafkajs's wrapper errors are left out.
 */
export function kafkaReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.message === UNANSWERED) return 'what is there does not answer as a Kafka does: it hangs, or is none'
  const type = kafkaErrorType(error)
  if (type !== null) return type
  const { name, message } = error
  if (!isKafkaFault(error)) return name === 'Error' ? message : `${name}: ${message}`
  const [told, broker] = [readableAddress(message), brokerOf(error)]
  return broker === null || told.includes(broker) ? told : `${told} (${broker})`
}

const REMEDIES: [RegExp, string][] = [
  [/no token from/, 'KAFKA_OAUTH_TOKEN_URL, KAFKA_OAUTH_CLIENT_ID, KAFKA_OAUTH_CLIENT_SECRET, KAFKA_OAUTH_SCOPE'],
  [/OAUTHBEARER/, 'KAFKA_OAUTH_SCOPE, KAFKA_OAUTH_EXTENSIONS: the brokers refuse the token, or know no OAUTHBEARER'],
  [/SASL/, 'KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD'],
  [/certificate required|bad certificate|unknown ca/, 'KAFKA_TLS_CERT_FILE, KAFKA_TLS_KEY_FILE'],
  [/certificate/, 'KAFKA_TLS_CA_FILE, and the name in the certificate'],
  [/secure TLS connection/, 'KAFKA_TLS: it is on, and the listener may not speak TLS'],
  [
    /answer took longer/,
    'KAFKA_BOOTSTRAP_SERVERS, KAFKA_TLS; the broker may hang, the listener may want TLS, or a firewall may drop what is sent',
  ],
  [UNREACHABLE, 'KAFKA_BOOTSTRAP_SERVERS, and the addresses that the brokers advertise'],
  [/Connection timeout|as a Kafka does/, 'KAFKA_BOOTSTRAP_SERVERS, KAFKA_TLS'],
  [
    /Closed connection|SSL|ECONNRESET|closed by the server/,
    'KAFKA_TLS, KAFKA_SASL_MECHANISM: the listener may want another',
  ],
]

/** @returns which settings to check when a connection fails for this reason; null when the reason speaks for itself */
export const settingsToCheck = (reason: string): string | null =>
  REMEDIES.find(([pattern]) => pattern.test(reason))?.[1] ?? null
