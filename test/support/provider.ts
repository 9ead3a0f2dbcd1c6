/** The real provider against a server of the test's, and a question for it. */
import type { Config } from '../../src/config.ts'
import { stringifyExact } from '../../src/lib/json.ts'
import type { Log, LogFields } from '../../src/logging/log.ts'
import type { Provider } from '../../src/provider/client.ts'
import type { AdaptationsOptions } from '../../src/provider/adaptations.ts'
import { createAdaptations } from '../../src/provider/adaptations.ts'
import { createProvider } from '../../src/provider/client.ts'
import { createKeySource } from '../../src/provider/key.ts'
import type { Question, Reply } from '../../src/provider/reply.ts'
import { createTransport } from '../../src/provider/transport.ts'
import { redisKeys } from '../../src/redis/keys.ts'

export const KEY = 'sk-proj-never-told-0123456789'

/** A log that keeps its lines, fields as JSON. */
export function recordedLog(): { lines: string[]; log: Log } {
  const lines: string[] = []
  const say = (message: string, fields: LogFields = {}) => void lines.push(`${message} ${stringifyExact(fields)}`)
  return { lines, log: { error: say, warn: say, info: say, debug: say } }
}

/** The part of Redis that a provider uses; providers on the same one share what they have learned. */
export function memory(): AdaptationsOptions['redis'] {
  const values = new Map<string, string>()
  const fake = {
    get: (key: string) => Promise.resolve(values.get(key) ?? null),
    set: (key: string, value: string) => Promise.resolve(values.set(key, value) && 'OK'),
    time: () => Promise.resolve(['1764000000', '0']),
  }
  return fake as unknown as AdaptationsOptions['redis']
}

/** Must be closed: its connections keep the test's process alive. */
export function createTestProvider(
  baseUrl: string,
  log: Log,
  changes: Partial<Config['provider']> = {},
  redis: AdaptationsOptions['redis'] = memory(),
): Provider & { load: () => Promise<void>; close: () => Promise<void> } {
  const settings: Config['provider'] = {
    key: KEY,
    keyFile: null,
    baseUrl,
    model: 'gpt-test',
    timeoutMs: 20_000,
    maxCompletionTokens: 500,
    responseFormat: 'json_schema',
    proxyUrl: null,
    ...changes,
  }
  const transport = createTransport(settings.proxyUrl)
  const adaptations = createAdaptations({ redis, keys: redisKeys(''), server: settings, log })
  const provider = createProvider({ settings, key: createKeySource(settings, log), transport, adaptations })
  return { ...provider, load: () => adaptations.load(), close: () => transport.close() }
}

const SCHEMA = {
  type: 'object',
  additionalProperties: false,
  required: ['score'],
  properties: { score: { type: 'integer' } },
}

/** A question that the stub answers; its resume names Иван Петров. */
export function question(changes: Partial<Question> = {}): Question {
  return {
    messages: [
      { role: 'system', content: 'Ответь в JSON' },
      { role: 'user', content: '<requirements id="aa">\nPython\n</requirements id="aa">' },
      { role: 'user', content: '<resume id="bb">\nИван Петров, Python 5 лет\n</resume id="bb">' },
    ],
    schema: { name: 'resume_score', schema: SCHEMA },
    maxCompletionTokens: 500,
    trial: null,
    sendByMs: performance.now() + 20_000,
    signal: new AbortController().signal,
    ...changes,
  }
}

/** The failure's code, or the reply's kind. */
export const outcome = (reply: Reply): string => (reply.kind === 'failure' ? reply.code : reply.kind)
