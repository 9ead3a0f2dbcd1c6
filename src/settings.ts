/** Every setting with its type and its default; `.env.example` lists the same variables and a test holds the two together. */
import { z } from 'zod'

const DAY_SECONDS = 86_400

const text = (fallback: string) => z.string().default(fallback)
const optionalText = () => z.string().optional()

function whole(minimum: number, maximum = Number.MAX_SAFE_INTEGER) {
  const range = maximum === Number.MAX_SAFE_INTEGER ? `of ${minimum} or more` : `from ${minimum} to ${maximum}`
  return z
    .string()
    .refine((value) => /^\d+$/.test(value) && Number(value) >= minimum && Number(value) <= maximum, {
      message: `must be a whole number ${range}`,
    })
    .transform(Number)
}
const integer = (fallback: number, minimum: number, maximum?: number) => whole(minimum, maximum).default(fallback)

const switchSetting = (fallback = false) =>
  z
    .enum(['on', 'off', 'true', 'false', '1', '0'], { message: 'must be on or off (true, false, 1 and 0 do as well)' })
    .transform((value) => ['on', 'true', '1'].includes(value))
    .default(fallback)

/** `0.25` and `25%` are the same. */
const part = z
  .string()
  .refine((value) => /^(\d+(\.\d+)?%|\d*\.\d+|1)$/.test(value) && partOf(value) > 0 && partOf(value) <= 1, {
    message: 'must be a part such as 0.25 or 25%',
  })
  .transform(partOf)

function partOf(value: string): number {
  return Number.parseFloat(value) / (value.endsWith('%') ? 100 : 1)
}

const oneOf = <const T extends readonly [string, ...string[]]>(values: T, fallback: T[number]) =>
  z.enum(values, { message: `must be one of ${values.join(', ')}` }).default(fallback as never)

/** A topic's name as Kafka allows it. */
const TOPIC_NAME = /^(?!\.{1,2}$)[\w.-]{1,249}$/
const TOPIC_RULE =
  'must be a topic name: at most 249 letters, digits, dots, dashes and underscores, and neither . nor ..'
const topic = (fallback: string) => z.string().regex(TOPIC_NAME, TOPIC_RULE).default(fallback)

function isUrl(value: string, protocols: string[]): boolean {
  return URL.canParse(value) && protocols.includes(new URL(value).protocol)
}
const httpUrl = z
  .string()
  .refine((value) => isUrl(value, ['http:', 'https:']), { message: 'must be an http:// or https:// URL' })

const proxyUrl = z
  .string()
  .refine((value) => isUrl(value, ['http:', 'https:', 'socks5:', 'socks5h:']) && new URL(value).hostname !== '', {
    message: 'must be an http://, https:// or socks5:// URL',
  })
  .refine((value) => !URL.canParse(value) || isDecodable(new URL(value)), {
    message: 'must have each % of its user and password written as %25',
  })

/** A `%` that begins no escape of UTF-8 stays in a URL, but nobody can decode it. */
function isDecodable({ username, password }: URL): boolean {
  try {
    for (const part of [username, password]) decodeURIComponent(part)
    return true
  } catch {
    return false
  }
}

const startFrom = z
  .string()
  .default('recent')
  .transform((value, context) => {
    if (value === 'recent' || value === 'earliest' || value === 'latest') return { kind: value }
    const atMs = /^\d{4}-\d\d-\d\d/.test(value) ? Date.parse(value) : Number.NaN
    if (Number.isFinite(atMs)) return { kind: 'time' as const, atMs }
    context.addIssue({ code: 'custom', message: 'must be recent, earliest, latest or an ISO time' })
    return z.NEVER
  })

const isPort = (text = '0') => Number(text) >= 1 && Number(text) <= 65_535

const addresses = (value: z.ZodType<string>) =>
  value
    .transform((list) => list.split(',').map((part) => part.trim()))
    .refine((list) => list.every((address) => isPort(/^(?:\[[\da-f:]+\]|[^\s:/]+):(\d{1,5})$/i.exec(address)?.[1])), {
      message: 'must be host:port, several of them separated by commas',
    })

/** `name=value` pairs separated by commas; a value may hold further `=`. */
const pairs = z
  .string()
  .transform((value) => value.split(',').map((part) => part.trim()))
  .refine((list) => list.every((pair) => /^[A-Za-z]+=[\x21-\x7e]+$/.test(pair)), {
    message: 'must be name=value (letters only in the name), several of them separated by commas',
  })
  .transform((list) =>
    Object.fromEntries(list.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)])),
  )

export const SASL_MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512', 'oauthbearer'] as const

export const TOPIC_SETTINGS = [
  'KAFKA_TOPIC_FOR_AI_HANDLER',
  'KAFKA_TOPIC_FOR_NOTIFICATIONS',
  'KAFKA_TOPIC_FOR_UPLOADING_DATA',
  'KAFKA_TOPIC_FOR_DEAD_LETTERS',
  'KAFKA_TOPIC_FOR_DECISIONS',
] as const

export const TOPIC_DEFAULTS = {
  KAFKA_TOPIC_FOR_AI_HANDLER: 'AI_handler',
  KAFKA_TOPIC_FOR_NOTIFICATIONS: 'notifications',
  KAFKA_TOPIC_FOR_UPLOADING_DATA: 'uploading_data',
  KAFKA_TOPIC_FOR_DEAD_LETTERS: 'AI_handler_dead_letters',
  KAFKA_TOPIC_FOR_DECISIONS: undefined,
}

/** Every setting of the worker, in the order of `.env.example`. Defaults are the contract's. */
export const settings = {
  KAFKA_BOOTSTRAP_SERVERS: addresses(z.string().default('localhost:9092')),
  KAFKA_GROUP_ID: text('ai_handler'),
  KAFKA_TOPIC_FOR_AI_HANDLER: topic(TOPIC_DEFAULTS.KAFKA_TOPIC_FOR_AI_HANDLER),
  KAFKA_TOPIC_FOR_NOTIFICATIONS: topic(TOPIC_DEFAULTS.KAFKA_TOPIC_FOR_NOTIFICATIONS),
  KAFKA_TOPIC_FOR_UPLOADING_DATA: topic(TOPIC_DEFAULTS.KAFKA_TOPIC_FOR_UPLOADING_DATA),
  KAFKA_TOPIC_FOR_DEAD_LETTERS: topic(TOPIC_DEFAULTS.KAFKA_TOPIC_FOR_DEAD_LETTERS),
  // Off unless named: decision records quote the resume.
  KAFKA_TOPIC_FOR_DECISIONS: z.string().regex(TOPIC_NAME, TOPIC_RULE).optional(),
  // Used only for topics that are missing at start.
  KAFKA_TOPIC_PARTITIONS: integer(1, 1, 10_000),
  KAFKA_TOPIC_REPLICATION_FACTOR: whole(1, 100).optional(),
  // Where a group without committed offsets begins.
  KAFKA_START_FROM: startFrom,
  KAFKA_TLS: switchSetting(),
  KAFKA_TLS_CA_FILE: optionalText(),
  // The worker's own certificate, where the brokers ask for one.
  KAFKA_TLS_CERT_FILE: optionalText(),
  KAFKA_TLS_KEY_FILE: optionalText(),
  KAFKA_SASL_MECHANISM: z
    .string()
    .toLowerCase()
    .pipe(z.enum(SASL_MECHANISMS, { message: `must be one of ${SASL_MECHANISMS.join(', ')}` }))
    .optional(),
  KAFKA_SASL_USERNAME: optionalText(),
  KAFKA_SASL_PASSWORD: optionalText(),
  // For oauthbearer: where tokens come from, by the client credentials grant (RFC 6749, 4.4).
  KAFKA_OAUTH_TOKEN_URL: httpUrl.optional(),
  KAFKA_OAUTH_CLIENT_ID: optionalText(),
  KAFKA_OAUTH_CLIENT_SECRET: optionalText(),
  KAFKA_OAUTH_SCOPE: optionalText(),
  // SASL extensions that some services want beside the token (RFC 7628, 3.1).
  KAFKA_OAUTH_EXTENSIONS: pairs.optional(),

  REDIS_HOST: text('localhost'),
  REDIS_PORT: integer(6379, 1, 65_535),
  REDIS_USERNAME: optionalText(),
  REDIS_PASSWORD: optionalText(),
  REDIS_DB: integer(0, 0),
  REDIS_TLS: switchSetting(),
  REDIS_TLS_CA_FILE: optionalText(),
  // The worker's own certificate, where Redis asks for one.
  REDIS_TLS_CERT_FILE: optionalText(),
  REDIS_TLS_KEY_FILE: optionalText(),
  // Instead of REDIS_HOST and REDIS_PORT: who is asked where the master is.
  REDIS_SENTINELS: addresses(z.string()).optional(),
  REDIS_SENTINEL_NAME: optionalText(),
  REDIS_SENTINEL_USERNAME: optionalText(),
  REDIS_SENTINEL_PASSWORD: optionalText(),
  REDIS_KEY_PREFIX: text(''),

  OPENAI_KEY: z
    .string()
    .regex(/^[\x21-\x7e]+$/, 'must hold a key: ASCII characters without spaces')
    .optional(),
  OPENAI_KEY_FILE: optionalText(),
  OPENAI_BASE_URL: httpUrl.default('https://api.openai.com/v1'),
  OPENAI_MODEL: text('gpt-4.1-mini-2025-04-14'),
  // For the whole call, from connecting to the answer's last byte.
  OPENAI_TIMEOUT_SECONDS: integer(60, 1, 3_600),
  OPENAI_MAX_COMPLETION_TOKENS: integer(1_000, 1),
  OPENAI_RESPONSE_FORMAT: oneOf(['json_schema', 'json_object'], 'json_schema'),
  OPENAI_PROXY_URL: proxyUrl.optional(),
  // 0 is no limit.
  OPENAI_RPM: integer(3, 0),
  OPENAI_RPD: integer(200, 0),
  OPENAI_TPM: integer(40_000, 0),
  OPENAI_TPD: integer(0, 0),

  BUDGET_NAME: optionalText(),
  BUDGET_BURST: whole(1).optional(),
  BUDGET_MAX_WAIT_SECONDS: integer(900, 0),
  // Users take turns within a worker; off keeps the order of arrival.
  BUDGET_FAIRNESS: switchSetting(true),
  // What one user may take of OPENAI_RPD and OPENAI_TPD.
  BUDGET_USER_SHARE: part.optional(),
  MAX_CALLS_IN_FLIGHT: integer(32, 1, 10_000),
  VERDICT_MIN_SCORE: integer(50, 0, 100),
  // The longest value of a message, in bytes; a longer one is dead-lettered.
  MAX_REQUEST_BYTES: integer(1_048_576, 1_024, 16_777_216),
  PROCESSED_TTL_SECONDS: integer(3 * DAY_SECONDS, 1),
  RESULT_CACHE_TTL_SECONDS: integer(3 * DAY_SECONDS, 0),

  LOG_DIR: text('logs'),
  LOG_LEVEL: oneOf(['error', 'warn', 'info', 'debug'], 'info'),
  LOG_FORMAT: oneOf(['text', 'json'], 'text'),
  LOG_KEEP_DAYS: integer(14, 1),
  OPS_PORT: whole(1, 65_535).optional(),
  // The address at which OPS_PORT is opened; `::` is all addresses, of IPv4 too.
  OPS_HOST: text('127.0.0.1'),
  // OpenTelemetry's own names; its packages read the rest of them themselves.
  OTEL_EXPORTER_OTLP_ENDPOINT: httpUrl.optional(),
  OTEL_EXPORTER_OTLP_PROTOCOL: optionalText(),
  OTEL_METRICS_EXPORTER: optionalText(),
  // Read by the demo and the tests only.
  TEST_SERVICES: oneOf(['auto', 'given', 'containers', 'local'], 'auto'),
}
