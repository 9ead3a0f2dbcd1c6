import { describe, expect, test } from 'vitest'
import { ConfigError, loadConfig } from '../../src/config.ts'

const problemsOf = (env: Record<string, string>): readonly string[] => {
  try {
    loadConfig(env)
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

const OAUTH = {
  KAFKA_SASL_MECHANISM: 'OAuthBearer',
  KAFKA_OAUTH_TOKEN_URL: 'https://login.example/token',
  KAFKA_OAUTH_CLIENT_ID: 'worker',
  KAFKA_OAUTH_CLIENT_SECRET: 'secret',
}

describe('settings', () => {
  test('need nothing but a key; the defaults are those of the contract', () => {
    const config = loadConfig({ OPENAI_KEY: 'k' })
    expect(config.kafka).toMatchObject({
      brokers: ['localhost:9092'],
      groupId: 'ai_handler',
      topics: { requests: 'AI_handler', notifications: 'notifications', records: 'uploading_data', decisions: null },
      startFrom: { kind: 'recent' },
    })
    expect(config.budget).toEqual({
      isFair: true,
      userShare: null,
      name: 'gpt-4.1-mini-2025-04-14',
      requestsPerMinute: 3,
      requestsPerDay: 200,
      tokensPerMinute: 40_000,
      tokensPerDay: null,
      burst: null,
      maxWaitMs: 900_000,
    })
    expect(config).toMatchObject({ maxCallsInFlight: 32, processedTtlMs: 259_200_000, resultCacheTtlMs: 259_200_000 })
  })

  test('need no key where the provider is not called; what else is wrong is told all the same', () => {
    expect(loadConfig({}, { needsKey: false }).provider).toMatchObject({ key: null, keyFile: null })
    expect(() => loadConfig({ REDIS_PORT: 'x' }, { needsKey: false })).toThrow(
      /^wrong settings:\n {2}REDIS_PORT [^\n]+$/,
    )
  })

  test('that are empty count as unset, and 0 is no limit', () => {
    const config = loadConfig({ OPENAI_KEY: 'k', OPENAI_RPM: '', OPENAI_RPD: '0', BUDGET_NAME: ' ' })
    expect(config.budget).toMatchObject({ requestsPerMinute: 3, requestsPerDay: null, name: 'gpt-4.1-mini-2025-04-14' })
  })

  test('that are wrong are told all at once, by name and never with the value', () => {
    const problems = problemsOf({
      KAFKA_BOOTSTRAP_SERVERS: 'no-port',
      KAFKA_TOPIC_FOR_NOTIFICATIONS: 'with space',
      KAFKA_SASL_MECHANISM: 'secret-in-the-wrong-place',
      KAFKA_START_FROM: 'yesterday',
      REDIS_PORT: '70000',
      OPENAI_BASE_URL: 'ftp://secret-in-the-wrong-place',
      OPENAI_TPM: '-1',
      VERDICT_MIN_SCORE: '101',
    })
    expect(problems).toEqual([
      'KAFKA_BOOTSTRAP_SERVERS must be host:port, several of them separated by commas',
      'KAFKA_TOPIC_FOR_NOTIFICATIONS must be a topic name: at most 249 letters, digits, dots, dashes and underscores, and neither . nor ..',
      'KAFKA_START_FROM must be recent, earliest, latest or an ISO time',
      'KAFKA_SASL_MECHANISM must be one of plain, scram-sha-256, scram-sha-512, oauthbearer',
      'REDIS_PORT must be a whole number from 1 to 65535',
      'OPENAI_BASE_URL must be an http:// or https:// URL',
      'OPENAI_TPM must be a whole number of 0 or more',
      'VERDICT_MIN_SCORE must be a whole number from 0 to 100',
      'OPENAI_KEY must be set (or OPENAI_KEY_FILE)',
      'KAFKA_SASL_USERNAME must be set with KAFKA_SASL_MECHANISM',
      'KAFKA_SASL_PASSWORD must be set with KAFKA_SASL_MECHANISM',
    ])
  })

  test.each([
    [{ OPENAI_KEY: 'k', OPENAI_KEY_FILE: 'f' }, 'OPENAI_KEY must not be set together with OPENAI_KEY_FILE'],
    [{ OPENAI_KEY: 'k', KAFKA_SASL_PASSWORD: 'p' }, 'KAFKA_SASL_MECHANISM must be set with KAFKA_SASL_PASSWORD'],
    [{ OPENAI_KEY: 'k', KAFKA_TLS_CA_FILE: 'ca' }, 'KAFKA_TLS must be on with KAFKA_TLS_CA_FILE'],
    [{ OPENAI_KEY: 'k', REDIS_TLS_CA_FILE: 'ca' }, 'REDIS_TLS must be on with REDIS_TLS_CA_FILE'],
    [{ OPENAI_KEY: 'k', REDIS_USERNAME: 'u' }, 'REDIS_PASSWORD must be set with REDIS_USERNAME'],
    [{ OPENAI_KEY: 'k', KAFKA_OAUTH_SCOPE: 's' }, 'KAFKA_SASL_MECHANISM must be set with KAFKA_OAUTH_SCOPE'],
    [
      { OPENAI_KEY: 'k', KAFKA_TLS: 'on', KAFKA_TLS_CERT_FILE: 'f' },
      'KAFKA_TLS_KEY_FILE must be set with KAFKA_TLS_CERT_FILE',
    ],
    [
      { OPENAI_KEY: 'k', REDIS_TLS: 'on', REDIS_TLS_KEY_FILE: 'f' },
      'REDIS_TLS_CERT_FILE must be set with REDIS_TLS_KEY_FILE',
    ],
    [{ OPENAI_KEY: 'k', REDIS_SENTINELS: 'a:1, b:2,[::1]:3' }, 'REDIS_SENTINEL_NAME must be set with REDIS_SENTINELS'],
    [{ OPENAI_KEY: 'k', REDIS_SENTINEL_PASSWORD: 'p' }, 'REDIS_SENTINELS must be set with REDIS_SENTINEL_PASSWORD'],
    [
      { OPENAI_KEY: 'k', ...OAUTH, KAFKA_SASL_PASSWORD: 'p' },
      'KAFKA_SASL_PASSWORD must not be set with KAFKA_SASL_MECHANISM=oauthbearer',
    ],
    [
      {
        OPENAI_KEY: 'k',
        KAFKA_SASL_MECHANISM: 'plain',
        KAFKA_SASL_USERNAME: 'u',
        KAFKA_SASL_PASSWORD: 'p',
        KAFKA_OAUTH_SCOPE: 's',
      },
      'KAFKA_OAUTH_SCOPE must not be set without KAFKA_SASL_MECHANISM=oauthbearer',
    ],
    [
      { OPENAI_KEY: 'k', ...OAUTH, KAFKA_OAUTH_EXTENSIONS: 'logicalCluster=lkc-1,oops' },
      'KAFKA_OAUTH_EXTENSIONS must be name=value (letters only in the name), several of them separated by commas',
    ],
    [
      { OPENAI_KEY: 'k', KAFKA_TOPIC_FOR_DECISIONS: 'notifications' },
      'KAFKA_TOPIC_FOR_DECISIONS must differ from KAFKA_TOPIC_FOR_NOTIFICATIONS',
    ],
  ])('that contradict each other are told: %o', (env, problem) => {
    expect(problemsOf(env)).toEqual([problem])
  })

  test.each(['KAFKA_BOOTSTRAP_SERVERS', 'REDIS_SENTINELS'])('of %s need ports that there are', (name) => {
    const also = { OPENAI_KEY: 'k', ...(name === 'REDIS_SENTINELS' ? { REDIS_SENTINEL_NAME: 'm' } : {}) }
    for (const port of ['0', '00', '65536', '99999']) {
      expect(problemsOf({ ...also, [name]: `a:1,b:${port}` })).toEqual([
        `${name} must be host:port, several of them separated by commas`,
      ])
    }
    expect(() => loadConfig({ ...also, [name]: 'a:1,[::1]:65535' })).not.toThrow()
  })

  test.each(['sk-abсdef', 'Bearer sk-abcdef'])('of a key with what no header can hold are refused', (key) => {
    expect(problemsOf({ OPENAI_KEY: key })).toEqual(['OPENAI_KEY must hold a key: ASCII characters without spaces'])
  })

  test.each(['http://u:100%@proxy:1', 'socks5://50%ff:p@proxy:1'])(
    'of a proxy that cannot be decoded are refused: %s',
    (url) => {
      expect(problemsOf({ OPENAI_KEY: 'k', OPENAI_PROXY_URL: url })).toEqual([
        'OPENAI_PROXY_URL must have each % of its user and password written as %25',
      ])
      expect(() => loadConfig({ OPENAI_KEY: 'k', OPENAI_PROXY_URL: url.replace('%', '%25') })).not.toThrow()
    },
  )

  test.each(['.', '..'])('that name a topic %s are refused, as Kafka does', (name) => {
    expect(problemsOf({ OPENAI_KEY: 'k', KAFKA_TOPIC_FOR_AI_HANDLER: name })).toEqual([
      expect.stringMatching(/^KAFKA_TOPIC_FOR_AI_HANDLER must be a topic name: .* neither \. nor \.\.$/),
    ])
  })

  test('take a start time and a mechanism in capitals', () => {
    const config = loadConfig({
      OPENAI_KEY: 'k',
      KAFKA_START_FROM: '2026-11-01T00:00:00Z',
      KAFKA_SASL_MECHANISM: 'SCRAM-SHA-512',
      KAFKA_SASL_USERNAME: 'u',
      KAFKA_SASL_PASSWORD: 'p',
    })
    expect(config.kafka.startFrom).toEqual({ kind: 'time', atMs: Date.UTC(2026, 10, 1) })
    expect(config.kafka.sasl?.mechanism).toBe('scram-sha-512')
  })

  test.each([
    ['25%', 0.25],
    ['0.25', 0.25],
    ['1', 1],
    ['.5', 0.5],
  ])("one user's share %s is the part %d", (written, part) => {
    expect(loadConfig({ OPENAI_KEY: 'k', BUDGET_USER_SHARE: written }).budget.userShare).toBe(part)
  })

  test.each(['0', '0%', '25', '101%', '1.5', 'half'])("one user's share is never %s", (written) => {
    expect(() => loadConfig({ OPENAI_KEY: 'k', BUDGET_USER_SHARE: written })).toThrow(
      'BUDGET_USER_SHARE must be a part',
    )
  })

  test("one user's share needs a limit of the day", () => {
    const env = { OPENAI_KEY: 'k', BUDGET_USER_SHARE: '25%', OPENAI_RPD: '0' }
    expect(() => loadConfig(env)).toThrow('OPENAI_RPD or OPENAI_TPD must be set with BUDGET_USER_SHARE')
    expect(loadConfig({ ...env, OPENAI_TPD: '1000' }).budget.userShare).toBe(0.25)
  })

  test('take what managed services ask for', () => {
    const config = loadConfig({
      OPENAI_KEY: 'k',
      ...OAUTH,
      KAFKA_OAUTH_EXTENSIONS: 'logicalCluster=lkc-1, identityPoolId=pool=1',
      KAFKA_TLS: 'on',
      KAFKA_TLS_CERT_FILE: 'cert',
      KAFKA_TLS_KEY_FILE: 'key',
      REDIS_SENTINELS: 'one:26379,[::1]:26380',
      REDIS_SENTINEL_NAME: 'main',
      OPS_PORT: '8080',
    })
    expect(config.kafka.tls).toEqual({ caFile: null, certFile: 'cert', keyFile: 'key' })
    expect(config.kafka.sasl).toEqual({
      mechanism: 'oauthbearer',
      tokenUrl: 'https://login.example/token',
      clientId: 'worker',
      clientSecret: 'secret',
      scope: null,
      extensions: { logicalCluster: 'lkc-1', identityPoolId: 'pool=1' },
    })
    expect(config.redis.sentinel).toEqual({
      servers: [
        { host: 'one', port: 26379 },
        { host: '::1', port: 26380 },
      ],
      name: 'main',
      username: null,
      password: null,
    })
    expect(config.ops).toEqual({ port: 8080, host: '127.0.0.1' })
  })
})
