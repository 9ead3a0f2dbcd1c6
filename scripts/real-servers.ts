/** Asks a server as the worker does, twenty times and with each fault, and prints what came of it as Markdown. See real-servers.sh. */
import { parseArgs } from 'node:util'
import type { Log } from '../src/logging/log.ts'
import { createAdaptations } from '../src/provider/adaptations.ts'
import { createProvider } from '../src/provider/client.ts'
import type { Question, Reply } from '../src/provider/reply.ts'
import { createTransport } from '../src/provider/transport.ts'
import { redisKeys } from '../src/redis/keys.ts'
import { interpretAnswer } from '../src/scoring/answer.ts'
import { buildPrompt } from '../src/scoring/prompt.ts'

const text = { type: 'string', default: '' } as const
const { values: server } = parseArgs({
  options: { name: text, 'base-url': text, key: text, model: text, stub: text },
})

const REQUESTS = 20
const FAULTS_OF_THE_STUB = [
  'rate_limited',
  'insufficient_quota',
  'context_length',
  'content_filter_prompt',
  'unauthorized',
  'territory',
  'model_not_found',
  'http_500',
  'http_503',
  'html_200',
  'empty_choices',
  'refusal',
  'length',
  'not_json',
]

const said: string[] = []
const say = (message: string, fields: Record<string, unknown> = {}) =>
  void said.push([message, fields['instead']].filter(Boolean).join(': '))
const log: Log = { error: say, warn: say, info: () => {}, debug: () => {} }

/** As much of Redis as the adaptations need. */
function memory() {
  const values = new Map<string, string>()
  return {
    get: (key: string) => Promise.resolve(values.get(key) ?? null),
    set: (key: string, value: string) => Promise.resolve(values.set(key, value) && 'OK'),
    time: () => Promise.resolve([Math.floor(Date.now() / 1_000), 0]),
  } as unknown as Parameters<typeof createAdaptations>[0]['redis']
}

const settings = {
  key: server.key,
  keyFile: null,
  baseUrl: server['base-url'],
  model: server.model,
  timeoutMs: 300_000,
  maxCompletionTokens: 1_000,
  responseFormat: 'json_schema' as const,
  proxyUrl: null,
}
const transport = createTransport(null)
const keys = redisKeys('')
const adaptations = createAdaptations({ redis: memory(), keys, server: settings, log })

function providerWith(changes: { key?: string; model?: string } = {}) {
  const { key = settings.key, model = settings.model } = changes
  const own = model === settings.model && key === settings.key
  return createProvider({
    settings: { ...settings, model },
    key: () => Promise.resolve({ value: key, fingerprint: 'real-servers' }),
    transport,
    adaptations: own ? adaptations : createAdaptations({ redis: memory(), keys, server: { ...settings, model }, log }),
  })
}

/** Asks until there is an answer or no other way. @returns the outcomes of the calls */
async function ask(resume: string, provider = providerWith()): Promise<string[]> {
  const texts = { requirements: 'TypeScript; Kafka; Redis', resume }
  const prompt = buildPrompt(texts, { responseFormat: 'json_schema', verdictMinScore: 50 })
  const outcomes: string[] = []
  for (let trial: Question['trial'] = null; outcomes.length < 5;) {
    const { signal } = new AbortController()
    const reply: Reply = await provider.ask({
      ...prompt,
      trial,
      maxCompletionTokens: provider.capOf(trial),
      sendByMs: performance.now() + 60_000,
      signal,
    })
    outcomes.push(outcomeOf(reply))
    if (reply.kind !== 'failure' || reply.next === null) return outcomes
    trial = reply.next
  }
  return outcomes
}

function outcomeOf(reply: Reply): string {
  if (reply.kind === 'failure') return reply.code
  if (reply.kind !== 'answer') return reply.kind
  return interpretAnswer(reply.content).ok ? 'scored' : 'unusable_answer'
}

const print = (line: string) => void process.stdout.write(`${line}\n`)
const resume = (id: number, more = '') => `Инженер ${id}. Пять лет пишу на TypeScript, работал с Kafka и Redis. ${more}`

const requests: string[][] = []
for (let id = 1; id <= REQUESTS; id += 1) requests.push(await ask(resume(id)))
const last = (outcomes: string[]) => outcomes.at(-1) ?? ''
const count = (code: string) => requests.filter((outcomes) => last(outcomes) === code).length
const codes = [...new Set(requests.map(last))].map((code) => `${count(code)} ${code}`).join(', ')
const calls = requests.map((outcomes) => outcomes.length)

print(`\n### ${server.name}\n`)
print('| sent | outcome | calls |')
print('| --- | --- | --- |')
print(`| ${REQUESTS} requests | ${codes} | first ${calls[0]}, then ${[...new Set(calls.slice(1))].join(' or ')} each |`)
const row = (name: string, outcomes: string[]) => print(`| ${name} | ${outcomes.join(', ')} | ${outcomes.length} |`)
row('a wrong key', await ask(resume(101), providerWith({ key: 'sk-wrong' })))
row('a wrong model', await ask(resume(102), providerWith({ model: 'no-such-model' })))
row('a text that is too long', await ask(resume(103, 'Kafka '.repeat(server.stub === '' ? 6_000 : 1_200_000 / 6))))
for (const fault of server.stub === '' ? [] : FAULTS_OF_THE_STUB)
  row(fault, await ask(resume(200, `[[stub:${fault}]]`)))
row('after all of that', await ask(resume(301)))
print(`\nGiven up: ${said.length === 0 ? 'nothing' : said.join('. ')}\n`)
await transport.close()
