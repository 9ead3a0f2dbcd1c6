/** A provider whose server refuses parts of requests, and requests that are asked as the pipeline does. */
import { pause } from '../../src/lib/abortable.ts'
import { createAdaptations } from '../../src/provider/adaptations.ts'
import type { FailedCall } from '../../src/provider/attempts.ts'
import { nextStep } from '../../src/provider/attempts.ts'
import type { Provider } from '../../src/provider/client.ts'
import { createProvider } from '../../src/provider/client.ts'
import type { Exchange, Transport } from '../../src/provider/transport.ts'
import type { Trial } from '../../src/provider/trial.ts'
import { redisKeys } from '../../src/redis/keys.ts'
import { KEY, memory, question, recordedLog } from './provider.ts'

/** A body as it came, with the call's headers as `headers`. */
export type Sent = Record<string, unknown>
type Said = { status: number; error: string } | 'taken'

/** Parts that a server may refuse: whether a request has the part, and the error. */
const REFUSALS: Record<string, { has: (body: Sent) => boolean; error: string }> = {
  response_format: {
    has: (body) => schemaTypeOf(body) === 'json_schema',
    error: 'response_format json_schema is not supported',
  },
  seed: { has: (body) => 'seed' in body, error: 'Unknown name "seed": cannot find field' },
  cap: {
    has: (body) => 'max_completion_tokens' in body,
    error: 'Unrecognized request argument: max_completion_tokens',
  },
  temperature: { has: (body) => 'temperature' in body, error: 'temperature is deprecated for this model' },
  any_format: { has: (body) => 'response_format' in body, error: 'response_format is not supported' },
  old_cap: { has: (body) => 'max_tokens' in body, error: 'Unrecognized request argument: max_tokens' },
  system: { has: (body) => rolesOf(body).includes('system'), error: "'system' role is not supported" },
  roles: {
    has: (body) => rolesOf(body).some((role, index, all) => role === all[index - 1]),
    error: 'Conversation roles must alternate user/assistant',
  },
  key: { has: (body) => !('x-api-key' in (body['headers'] as object)), error: 'Missing x-api-key header' },
}
const rolesOf = (body: Sent) => (body['messages'] as { role: string }[]).map(({ role }) => role)
const schemaTypeOf = (body: Sent) => (body['response_format'] as { type?: string } | undefined)?.type

/** @returns a server that refuses these parts, one at a time: the first of them that a request has */
export const refusing =
  (...parts: string[]) =>
  (body: Sent): Said =>
    refusal(parts.filter((part) => REFUSALS[part]?.has(body)).slice(0, 1))

/** @returns a server that names all that it refuses of a request in one error */
export const refusingAtOnce =
  (...parts: string[]) =>
  (body: Sent): Said =>
    refusal(parts.filter((part) => REFUSALS[part]?.has(body)))

/** A missing key is refused before the body is looked at. */
function refusal(parts: string[]): Said {
  if (parts.length === 0) return 'taken'
  if (parts.includes('key')) return { status: 401, error: REFUSALS['key']?.error ?? '' }
  return { status: 400, error: parts.map((part) => REFUSALS[part]?.error).join('.\n') }
}

/**
 * @param together the server answers once this many calls have come
 * @param takes how long an answer and a refusal take, ms
 * @param redis providers on the same one share what they have learned
 * @returns a provider whose server says this, the bodies that came, and how often each was said
 */
export function providerOf(
  says: (body: Sent) => Said,
  together = 1,
  takes = { taken: 60, refused: 10 },
  redis = memory(),
) {
  const haveCome = Promise.withResolvers<void>()
  const bodies: Sent[] = []
  const counts = { refused: 0, taken: 0 }
  const post = async (send: Parameters<Transport['post']>[0]): Promise<Exchange> => {
    send.onSent?.()
    const body: Sent = { ...(JSON.parse(send.body) as Sent), headers: send.headers }
    bodies.push(body)
    if (bodies.length === together) haveCome.resolve()
    const said = says(body)
    counts[said === 'taken' ? 'taken' : 'refused'] += 1
    await haveCome.promise
    await pause(said === 'taken' ? takes.taken : takes.refused, send.signal)
    if (said !== 'taken') {
      return {
        kind: 'answered',
        status: said.status,
        headers: {},
        body: JSON.stringify({ error: { message: said.error } }),
      }
    }
    const choices = [{ finish_reason: 'stop', message: { content: '{"score": 1}' } }]
    return { kind: 'answered', status: 200, headers: {}, body: JSON.stringify({ model: 'm', choices }) }
  }
  const settings = {
    key: KEY,
    keyFile: null,
    baseUrl: 'https://provider.example/v1',
    model: 'm',
    timeoutMs: 20_000,
    maxCompletionTokens: 500,
    responseFormat: 'json_schema',
    proxyUrl: null,
  } as const
  const { log } = recordedLog()
  const adaptations = createAdaptations({ redis, keys: redisKeys(''), server: settings, log })
  const key = () => Promise.resolve({ value: KEY, fingerprint: 'f' })
  const provider = createProvider({ settings, key, transport: { post } as unknown as Transport, adaptations })
  return { provider, adaptations, bodies, counts }
}

/** Asks as the pipeline does, until the request is settled. @returns how many calls it took, and how it ended */
export async function settle(provider: Provider, signal = new AbortController().signal) {
  const failures: FailedCall[] = []
  let trial: Trial | null = null
  for (let calls = 1; ; calls += 1) {
    await provider.untilFormKnown(trial, signal)
    const reply = await provider.ask(question({ trial, signal }))
    if (reply.kind === 'answer') return { calls, ended: 'answer' }
    if (reply.kind !== 'failure') return { calls, ended: reply.kind }
    failures.push({ ...reply, evidence: { held: false, scopes: '', successes: 0 } })
    const step = nextStep(failures)
    if (step.kind === 'give_up') return { calls, ended: step.code }
    trial = reply.next ?? trial
  }
}

export const settleMany = (provider: Provider, count = 32) =>
  Promise.all(Array.from({ length: count }, () => settle(provider)))
