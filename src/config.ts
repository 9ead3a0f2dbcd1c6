/** `loadConfig`: the environment's settings (settings.ts) checked against one another, in the shape that the parts take. */
import { z } from 'zod'
import { settings, TOPIC_DEFAULTS, TOPIC_SETTINGS } from './settings.ts'

const schema = z.object(settings)

type RawSettings = Partial<Record<keyof typeof settings, string>>

/** Settings that have a meaning only together. */
const PAIRS = [
  ['KAFKA_TLS_CERT_FILE', 'KAFKA_TLS_KEY_FILE'],
  ['REDIS_TLS_CERT_FILE', 'REDIS_TLS_KEY_FILE'],
  ['REDIS_SENTINELS', 'REDIS_SENTINEL_NAME'],
] as const

/** Settings (on the left) that need another one. */
const NEEDS: [keyof RawSettings, keyof RawSettings][] = [
  ['REDIS_USERNAME', 'REDIS_PASSWORD'],
  ['REDIS_SENTINEL_USERNAME', 'REDIS_SENTINEL_PASSWORD'],
  ['REDIS_SENTINEL_PASSWORD', 'REDIS_SENTINELS'],
]

/** Rules over several settings. They read the raw texts, so that broken rules are reported together with wrong values. */
function crossFieldProblems(env: RawSettings, needsKey: boolean): string[] {
  const problems: string[] = []
  const rule = (broken: boolean, problem: string) => {
    if (broken) problems.push(problem)
  }
  const has = (name: keyof typeof settings) => env[name] !== undefined
  const on = (name: keyof typeof settings) => ['on', 'true', '1'].includes(env[name] ?? '')
  const needs = (name: keyof typeof settings, other: keyof typeof settings) =>
    rule(has(name) && !has(other), `${other} must be set with ${name}`)
  rule(needsKey && !has('OPENAI_KEY') && !has('OPENAI_KEY_FILE'), 'OPENAI_KEY must be set (or OPENAI_KEY_FILE)')
  rule(has('OPENAI_KEY') && has('OPENAI_KEY_FILE'), 'OPENAI_KEY must not be set together with OPENAI_KEY_FILE')
  problems.push(...saslProblems(env))
  for (const service of ['KAFKA', 'REDIS'] as const) {
    for (const file of ['CA', 'CERT', 'KEY'] as const) {
      const name = `${service}_TLS_${file}_FILE` as const
      rule(has(name) && !on(`${service}_TLS`), `${service}_TLS must be on with ${name}`)
    }
  }
  for (const [one, other] of PAIRS) {
    needs(one, other)
    needs(other, one)
  }
  for (const [name, other] of NEEDS) needs(name, other)
  const isDayLimited = env.OPENAI_RPD !== '0' || (env.OPENAI_TPD ?? '0') !== '0'
  rule(has('BUDGET_USER_SHARE') && !isDayLimited, 'OPENAI_RPD or OPENAI_TPD must be set with BUDGET_USER_SHARE')
  const topics = new Map<string, string>()
  for (const name of TOPIC_SETTINGS) {
    const topic = env[name] ?? TOPIC_DEFAULTS[name]
    if (topic === undefined) continue
    rule(topics.has(topic), `${name} must differ from ${topics.get(topic) ?? ''}`)
    topics.set(topic, name)
  }
  return problems
}

const LOGIN = ['KAFKA_SASL_USERNAME', 'KAFKA_SASL_PASSWORD'] as const
const OAUTH = ['KAFKA_OAUTH_TOKEN_URL', 'KAFKA_OAUTH_CLIENT_ID', 'KAFKA_OAUTH_CLIENT_SECRET'] as const
const OAUTH_OPTIONAL = ['KAFKA_OAUTH_SCOPE', 'KAFKA_OAUTH_EXTENSIONS'] as const

/** A login takes what its mechanism asks for, and nothing of another's. */
function saslProblems(env: RawSettings): string[] {
  const set = (name: keyof RawSettings) => env[name] !== undefined
  const isOauth = env.KAFKA_SASL_MECHANISM?.toLowerCase() === 'oauthbearer'
  if (!set('KAFKA_SASL_MECHANISM')) {
    const name = [...LOGIN, ...OAUTH, ...OAUTH_OPTIONAL].filter(set)
    return name.map((each) => `KAFKA_SASL_MECHANISM must be set with ${each}`)
  }
  const required = isOauth ? OAUTH : LOGIN
  const foreign = isOauth ? LOGIN : [...OAUTH, ...OAUTH_OPTIONAL]
  const mechanism = isOauth ? 'KAFKA_SASL_MECHANISM=oauthbearer' : 'KAFKA_SASL_MECHANISM'
  return [
    ...required.filter((name) => !set(name)).map((name) => `${name} must be set with ${mechanism}`),
    ...foreign
      .filter(set)
      .map(
        (name) =>
          `${name} must not be set ${isOauth ? `with ${mechanism}` : 'without KAFKA_SASL_MECHANISM=oauthbearer'}`,
      ),
  ]
}

/** The names of all settings. */
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
 * @returns every setting with its default; durations in ms (`keepDays` in days), limits of 0 as null
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
      tls: env.KAFKA_TLS ? tlsFiles(env.KAFKA_TLS_CA_FILE, env.KAFKA_TLS_CERT_FILE, env.KAFKA_TLS_KEY_FILE) : null,
      /** null: no login */
      sasl: shapeSasl(env),
    },
    redis: {
      /** Neither `host` nor `port` is used with Sentinels. */
      host: env.REDIS_HOST,
      port: env.REDIS_PORT,
      username: env.REDIS_USERNAME ?? null,
      password: env.REDIS_PASSWORD ?? null,
      db: env.REDIS_DB,
      tls: env.REDIS_TLS ? tlsFiles(env.REDIS_TLS_CA_FILE, env.REDIS_TLS_CERT_FILE, env.REDIS_TLS_KEY_FILE) : null,
      sentinel: shapeSentinel(env),
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
      /** How many requests may go back to back; null: no even spacing */
      burst: env.BUDGET_BURST ?? null,
      maxWaitMs: env.BUDGET_MAX_WAIT_SECONDS * 1_000,
      /** Users take turns. */
      isFair: env.BUDGET_FAIRNESS,
      /** One user's part of the limits of a day, up to 1; null: no bound */
      userShare: env.BUDGET_USER_SHARE ?? null,
    },
    maxCallsInFlight: env.MAX_CALLS_IN_FLIGHT,
    verdictMinScore: env.VERDICT_MIN_SCORE,
    maxRequestBytes: env.MAX_REQUEST_BYTES,
    processedTtlMs: env.PROCESSED_TTL_SECONDS * 1_000,
    /** 0: no cache */
    resultCacheTtlMs: env.RESULT_CACHE_TTL_SECONDS * 1_000,
    logs: { dir: env.LOG_DIR, level: env.LOG_LEVEL, format: env.LOG_FORMAT, keepDays: env.LOG_KEEP_DAYS },
    /** null: no port is opened */
    ops: env.OPS_PORT === undefined ? null : { port: env.OPS_PORT, host: env.OPS_HOST },
    telemetry: shapeTelemetry(env),
  }
}

/** Files for TLS. null: the system's authorities, or no certificate of our own. */
export interface TlsFiles {
  caFile: string | null
  /** Both or neither. */
  certFile: string | null
  keyFile: string | null
}

const tlsFiles = (ca?: string, cert?: string, key?: string): TlsFiles => ({
  caFile: ca ?? null,
  certFile: cert ?? null,
  keyFile: key ?? null,
})

function shapeSasl(env: z.infer<typeof schema>) {
  const { KAFKA_SASL_MECHANISM: mechanism } = env
  if (mechanism === undefined) return null
  if (mechanism !== 'oauthbearer') {
    return { mechanism, username: env.KAFKA_SASL_USERNAME ?? '', password: env.KAFKA_SASL_PASSWORD ?? '' }
  }
  return {
    mechanism,
    tokenUrl: env.KAFKA_OAUTH_TOKEN_URL ?? '',
    clientId: env.KAFKA_OAUTH_CLIENT_ID ?? '',
    clientSecret: env.KAFKA_OAUTH_CLIENT_SECRET ?? '',
    scope: env.KAFKA_OAUTH_SCOPE ?? null,
    extensions: env.KAFKA_OAUTH_EXTENSIONS ?? {},
  }
}

/** @returns null: no traces, and nothing of OpenTelemetry is loaded */
function shapeTelemetry(env: z.infer<typeof schema>) {
  if (env.OTEL_EXPORTER_OTLP_ENDPOINT === undefined) return null
  return {
    /** null: the default. Not checked: an environment may have it for other services. */
    protocol: env.OTEL_EXPORTER_OTLP_PROTOCOL ?? null,
    hasMetrics: env.OTEL_METRICS_EXPORTER !== 'none',
  }
}

/** @returns null: REDIS_HOST is the one Redis */
function shapeSentinel(env: z.infer<typeof schema>) {
  if (env.REDIS_SENTINELS === undefined) return null
  return {
    servers: env.REDIS_SENTINELS.map(hostAndPort),
    /** The master's name, as the Sentinels know it. */
    name: env.REDIS_SENTINEL_NAME ?? '',
    username: env.REDIS_SENTINEL_USERNAME ?? null,
    password: env.REDIS_SENTINEL_PASSWORD ?? null,
  }
}

/** @param address such as `[::1]:26379` */
function hostAndPort(address: string): { host: string; port: number } {
  const colon = address.lastIndexOf(':')
  return { host: address.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(address.slice(colon + 1)) }
}

export type Config = ReturnType<typeof loadConfig>
