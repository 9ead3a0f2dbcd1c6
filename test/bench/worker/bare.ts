/**
 * The measure for all others: the `openai` package in a loop over the same prompts, without Kafka, Redis or any check.
 *   node bare.ts BASE_URL IN_FLIGHT CALLS TEXT_KB     prints one line of JSON
 */
import OpenAI from 'openai'
import { buildPrompt } from '../../../src/scoring/prompt.ts'
import { resumeOf, VACANCY } from './texts.ts'

export interface Bare {
  perSecond: number
  cpuMs: number
  rssMb: number
}

const [baseURL = '', inFlight = '', calls = '', textKb = ''] = process.argv.slice(2)
const client = new OpenAI({ apiKey: 'sk-bench', baseURL, maxRetries: 0 })

async function ask(id: number): Promise<void> {
  const texts = { requirements: VACANCY, resume: resumeOf(id, Number(textKb)) }
  const { messages, schema } = buildPrompt(texts, { responseFormat: 'json_schema', verdictMinScore: 50 })
  const completion = await client.chat.completions.create({
    model: 'gpt-4.1-mini-2025-04-14',
    messages: [...messages],
    ...(schema === null
      ? {}
      : { response_format: { type: 'json_schema', json_schema: { ...schema, strict: true } } as const }),
  })
  JSON.parse(completion.choices[0]?.message.content ?? '')
}

let next = 0
const startedMs = performance.now()
const startedCpu = process.cpuUsage()
await Promise.all(
  Array.from({ length: Number(inFlight) }, async () => {
    while (next < Number(calls)) await ask(next++)
  }),
)
const cpu = process.cpuUsage(startedCpu)
const seconds = (performance.now() - startedMs) / 1_000
const bare: Bare = {
  perSecond: Number(calls) / seconds,
  cpuMs: (cpu.user + cpu.system) / 1_000 / Number(calls),
  rssMb: process.resourceUsage().maxRSS / 1_024,
}
console.log(JSON.stringify(bare))
