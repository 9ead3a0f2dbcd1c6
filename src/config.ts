/** The settings: one commented schema; `.env.example` lists the same variables and a test holds the two together. */
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

const switchSetting = () =>
  z
    .enum(['on', 'off', 'true', 'false', '1', '0'], { message: 'must be on or off (true, false, 1 and 0 do as well)' })
    .transform((value) => ['on', 'true', '1'].includes(value))
    .default(false)

const oneOf = <const T extends readonly [string, ...string[]]>(values: T, fallback: T[number]) =>
  z.enum(values, { message: `must be one of ${values.join(', ')}` }).default(fallback as never)

/** A topic's name as Kafka allows it. */
const TOPIC_NAME = /^[\w.-]{1,249}$/
const TOPIC_RULE = 'must be a topic name: at most 249 letters, digits, dots, dashes and underscores'
const topic = (fallback: string) => z.string().regex(TOPIC_NAME, TOPIC_RULE).default(fallback)

function isUrl(value: string, protocols: string[]): boolean {
  return URL.canParse(value) && protocols.includes(new URL(value).protocol)
}
const httpUrl = z
  .string()
  .refine((value) => isUrl(value, ['http:', 'https:']), { message: 'must be an http:// or https:// URL' })

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

const brokers = z
  .string()
  .default('localhost:9092')
  .transform((value) => value.split(',').map((part) => part.trim()))
  .refine((list) => list.every((broker) => /^(\[[\da-f:]+\]|[^\s:/]+):\d{1,5}$/i.test(broker)), {
    message: 'must be host:port, several of them separated by commas',
  })

const TOPIC_SETTINGS = [
  'KAFKA_TOPIC_FOR_AI_HANDLER',
  'KAFKA_TOPIC_FOR_NOTIFICATIONS',
  'KAFKA_TOPIC_FOR_UPLOADING_DATA',
  'KAFKA_TOPIC_FOR_DEAD_LETTERS',
  'KAFKA_TOPIC_FOR_DECISIONS',
] as const

const TOPIC_DEFAULTS = {
  KAFKA_TOPIC_FOR_AI_HANDLER: 'AI_handler',
  KAFKA_TOPIC_FOR_NOTIFICATIONS: 'notifications',
  KAFKA_TOPIC_FOR_UPLOADING_DATA: 'uploading_data',
  KAFKA_TOPIC_FOR_DEAD_LETTERS: 'AI_handler_dead_letters',
  KAFKA_TOPIC_FOR_DECISIONS: undefined,
}

/** Every setting of the worker, in the order of `.env.example`. Defaults are the contract's. */
const settings = {
  KAFKA_BOOTSTRAP_SERVERS: brokers,
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
  KAFKA_SASL_MECHANISM: z
    .string()
    .toLowerCase()
    .pipe(
      z.enum(['plain', 'scram-sha-256', 'scram-sha-512'], { message: 'must be plain, scram-sha-256 or scram-sha-512' }),
    )
    .optional(),
  KAFKA_SASL_USERNAME: optionalText(),
  KAFKA_SASL_PASSWORD: optionalText(),

  REDIS_HOST: text('localhost'),
  REDIS_PORT: integer(6379, 1, 65_535),
  REDIS_USERNAME: optionalText(),
  REDIS_PASSWORD: optionalText(),
  REDIS_DB: integer(0, 0),
  REDIS_TLS: switchSetting(),
  REDIS_TLS_CA_FILE: optionalText(),
  REDIS_KEY_PREFIX: text(''),

  OPENAI_KEY: optionalText(),
  OPENAI_KEY_FILE: optionalText(),
  OPENAI_BASE_URL: httpUrl.default('https://api.openai.com/v1'),
  OPENAI_MODEL: text('gpt-4.1-mini-2025-04-14'),
  // For the whole answer, from the request's first byte to the answer's last.
  OPENAI_TIMEOUT_SECONDS: integer(60, 1, 3_600),
  OPENAI_MAX_COMPLETION_TOKENS: integer(1_000, 1),
  OPENAI_RESPONSE_FORMAT: oneOf(['json_schema', 'json_object'], 'json_schema'),
  OPENAI_PROXY_URL: httpUrl.optional(),
  // 0 is no limit.
  OPENAI_RPM: integer(3, 0),
  OPENAI_RPD: integer(200, 0),
  OPENAI_TPM: integer(40_000, 0),
  OPENAI_TPD: integer(0, 0),

  BUDGET_NAME: optionalText(),
  BUDGET_BURST: whole(1).optional(),
  BUDGET_MAX_WAIT_SECONDS: integer(900, 0),
  MAX_CALLS_IN_FLIGHT: integer(32, 1, 1_000),
  VERDICT_MIN_SCORE: integer(50, 0, 100),
  PROCESSED_TTL_SECONDS: integer(3 * DAY_SECONDS, 1),
  RESULT_CACHE_TTL_SECONDS: integer(3 * DAY_SECONDS, 0),

  LOG_DIR: text('logs'),
  LOG_LEVEL: oneOf(['error', 'warn', 'info', 'debug'], 'info'),
  LOG_FORMAT: oneOf(['text', 'json'], 'text'),
  LOG_KEEP_DAYS: integer(14, 1),
  OPS_PORT: whole(1, 65_535).optional(),
  // Read by the demo and the tests only.
  TEST_SERVICES: oneOf(['auto', 'given', 'containers', 'local'], 'auto'),
}

const schema = z.object(settings)

type RawSettings = Partial<Record<keyof typeof settings, string>>

/** Rules over several settings. They read the raw texts, so that they are told together with the wrong values. */
function crossFieldProblems(env: RawSettings, needsKey: boolean): string[] {
  const problems: string[] = []
  const rule = (broken: boolean, problem: string) => {
    if (broken) problems.push(problem)
  }
  const has = (name: keyof typeof settings) => env[name] !== undefined
  const on = (name: keyof typeof settings) => ['on', 'true', '1'].includes(env[name] ?? '')
  rule(needsKey && !has('OPENAI_KEY') && !has('OPENAI_KEY_FILE'), 'OPENAI_KEY must be set (or OPENAI_KEY_FILE)')
  rule(has('OPENAI_KEY') && has('OPENAI_KEY_FILE'), 'OPENAI_KEY must not be set together with OPENAI_KEY_FILE')
  for (const name of ['KAFKA_SASL_USERNAME', 'KAFKA_SASL_PASSWORD'] as const) {
    rule(has('KAFKA_SASL_MECHANISM') && !has(name), `${name} must be set with KAFKA_SASL_MECHANISM`)
    rule(has(name) && !has('KAFKA_SASL_MECHANISM'), `KAFKA_SASL_MECHANISM must be set with ${name}`)
  }
  rule(has('KAFKA_TLS_CA_FILE') && !on('KAFKA_TLS'), 'KAFKA_TLS must be on with KAFKA_TLS_CA_FILE')
  rule(has('REDIS_TLS_CA_FILE') && !on('REDIS_TLS'), 'REDIS_TLS must be on with REDIS_TLS_CA_FILE')
  rule(has('REDIS_USERNAME') && !has('REDIS_PASSWORD'), 'REDIS_PASSWORD must be set with REDIS_USERNAME')
  const topics = new Map<string, string>()
  for (const name of TOPIC_SETTINGS) {
    const topic = env[name] ?? TOPIC_DEFAULTS[name]
    if (topic === undefined) continue
    rule(topics.has(topic), `${name} must differ from ${topics.get(topic) ?? ''}`)
    topics.set(topic, name)
  }
  return problems
}

/** The names of all settings, for the test that compares them with `.env.example`. */
export const settingNames: readonly string[] = Object.keys(settings)

/** Wrong or missing settings: all of them at once, by name, none with its value (it may be a secret). */
export class ConfigError extends Error {
  readonly problems: readonly string[]
  constructor(problems: readonly string[]) {
    super(`wrong settings:\n${problems.map((problem) => `  ${problem}`).join('\n')}`)
    this.name = 'ConfigError'
    this.problems = problems
  }
}

/**
 * Reads the settings. An empty variable counts as unset.
 * @param env the environment, with `.env` already merged into it
 * @param options.needsKey false: the provider is not called, so its key may be missing
 * @returns every setting with its default; all durations in ms, limits of 0 as null
 * @throws ConfigError that lists every wrong or missing variable
 */
export function loadConfig(env: Record<string, string | undefined>, { needsKey = true } = {}) {
  const set = Object.fromEntries(
    Object.keys(settings).map((name) => [name, env[name]?.trim() === '' ? undefined : env[name]?.trim()]),
  )
  const parsed = schema.safeParse(set)
  const wrong = parsed.error?.issues.map((issue) => `${String(issue.path[0])} ${issue.message}`) ?? []
  const problems = [...new Set([...wrong, ...crossFieldProblems(set, needsKey)])]
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems)
  return shape(parsed.data)
}

/** A limit of 0 is none. */
const limit = (value: number) => (value === 0 ? null : value)

function shape(env: z.infer<typeof schema>) {
  return {
    kafka: {
      brokers: env.KAFKA_BOOTSTRAP_SERVERS,
      groupId: env.KAFKA_GROUP_ID,
      topics: {
        requests: env.KAFKA_TOPIC_FOR_AI_HANDLER,
        notifications: env.KAFKA_TOPIC_FOR_NOTIFICATIONS,
        records: env.KAFKA_TOPIC_FOR_UPLOADING_DATA,
        deadLetters: env.KAFKA_TOPIC_FOR_DEAD_LETTERS,
        /** null: no decision records */
        decisions: env.KAFKA_TOPIC_FOR_DECISIONS ?? null,
      },
      newTopicPartitions: env.KAFKA_TOPIC_PARTITIONS,
      /** null: the broker's default */
      newTopicReplication: env.KAFKA_TOPIC_REPLICATION_FACTOR ?? null,
      startFrom: env.KAFKA_START_FROM,
      tls: env.KAFKA_TLS ? { caFile: env.KAFKA_TLS_CA_FILE ?? null } : null,
      sasl:
        env.KAFKA_SASL_MECHANISM === undefined
          ? null
          : {
              mechanism: env.KAFKA_SASL_MECHANISM,
              username: env.KAFKA_SASL_USERNAME ?? '',
              password: env.KAFKA_SASL_PASSWORD ?? '',
            },
    },
    redis: {
      host: env.REDIS_HOST,
      port: env.REDIS_PORT,
      username: env.REDIS_USERNAME ?? null,
      password: env.REDIS_PASSWORD ?? null,
      db: env.REDIS_DB,
      tls: env.REDIS_TLS ? { caFile: env.REDIS_TLS_CA_FILE ?? null } : null,
      keyPrefix: env.REDIS_KEY_PREFIX,
    },
    provider: {
      /** Exactly one of the two is not null, unless no key is needed. */
      key: env.OPENAI_KEY ?? null,
      keyFile: env.OPENAI_KEY_FILE ?? null,
      baseUrl: env.OPENAI_BASE_URL,
      model: env.OPENAI_MODEL,
      timeoutMs: env.OPENAI_TIMEOUT_SECONDS * 1_000,
      maxCompletionTokens: env.OPENAI_MAX_COMPLETION_TOKENS,
      responseFormat: env.OPENAI_RESPONSE_FORMAT,
      proxyUrl: env.OPENAI_PROXY_URL ?? null,
    },
    budget: {
      name: env.BUDGET_NAME ?? env.OPENAI_MODEL,
      requestsPerMinute: limit(env.OPENAI_RPM),
      requestsPerDay: limit(env.OPENAI_RPD),
      tokensPerMinute: limit(env.OPENAI_TPM),
      tokensPerDay: limit(env.OPENAI_TPD),
      /** null: the requests per minute, which is no further bound */
      burst: env.BUDGET_BURST ?? null,
      maxWaitMs: env.BUDGET_MAX_WAIT_SECONDS * 1_000,
    },
    maxCallsInFlight: env.MAX_CALLS_IN_FLIGHT,
    verdictMinScore: env.VERDICT_MIN_SCORE,
    processedTtlMs: env.PROCESSED_TTL_SECONDS * 1_000,
    /** 0: no cache */
    resultCacheTtlMs: env.RESULT_CACHE_TTL_SECONDS * 1_000,
    logs: { dir: env.LOG_DIR, level: env.LOG_LEVEL, format: env.LOG_FORMAT, keepDays: env.LOG_KEEP_DAYS },
    opsPort: env.OPS_PORT ?? null,
  }
}

export type Config = ReturnType<typeof loadConfig>
