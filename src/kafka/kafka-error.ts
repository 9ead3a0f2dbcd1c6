/** Reads kafkajs's errors, which wrap one another. */

/** The Kafka protocol's name of an error, as in `MESSAGE_TOO_LARGE`; null when it has none (connection, time limit). */
export function kafkaErrorType(error: unknown): string | null {
  for (let each = error; each instanceof Error; each = each.cause) {
    if ('type' in each && typeof each.type === 'string') return each.type
  }
  return null
}

/** A short reason for the log: the protocol's name where there is one, and the message. */
export function kafkaReason(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const type = kafkaErrorType(error)
  return type === null ? `${error.name}: ${error.message}` : type
}

const REMEDIES: [RegExp, string][] = [
  [/SASL/, 'KAFKA_SASL_MECHANISM, KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD'],
  [/certificate/, 'KAFKA_TLS_CA_FILE, and the name in the certificate'],
  [
    /Closed connection|SSL|ECONNRESET|closed by the server/,
    'KAFKA_TLS, KAFKA_SASL_MECHANISM: the listener may want another',
  ],
]

/** @returns the settings to look at for a connection that cannot be made; null when the reason speaks for itself */
export const settingsToCheck = (reason: string): string | null =>
  REMEDIES.find(([pattern]) => pattern.test(reason))?.[1] ?? null
