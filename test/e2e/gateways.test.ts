/**
 * One worker on servers of other makers: a failure that one text or one moment causes goes to the caller of that request, and holds no
 * other.
 */
import { describe, expect, test } from 'vitest'
import type { FailureCode } from '../../src/errors.ts'
import { FAILURES } from '../../src/errors.ts'
import type { Call, Said, Script } from '../support/scripted-model.ts'
import { completion } from '../support/scripted-model.ts'
import { idIn } from '../support/world.ts'
import {
  callsOf,
  error,
  google,
  heldSince,
  model,
  nextIds,
  plainly,
  send,
  told,
  worker,
  world,
} from './gateway-traffic.ts'

const once =
  (said: (call: Call) => Said): Script =>
  (call) =>
    call.count === 1 ? said(call) : null
const says =
  (text: (good: string) => string): Script =>
  (call) =>
    completion(text(call.good))

describe('what one text or one moment causes', () => {
  interface Row {
    name: string
    script: Script
    /** What its caller is told; null: it is scored. */
    told: FailureCode | null
    calls: number
  }
  const row = (name: string, script: Script, code: FailureCode | null = null, calls = 1): Row => ({
    name,
    script,
    told: code,
    calls,
  })
  const thinking = { type: 'thinking', thinking: [{ type: 'text', text: 'hm {"score": 1}' }] }
  const draft = '{"requirements": [], "score": 3, "recommendation": "нет"}'
  const upgrade = 'Need more tokens? Upgrade to Dev Tier today at https://console.groq.com/settings/billing'
  const tooLong: Record<string, Said> = {
    Gemini: google('The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).'),
    'llama.cpp': plainly(400, 'the request exceeds the available context size', { type: 'exceed_context_size_error' }),
    'LM Studio': error(400, {
      error: 'Trying to keep the first 6029 tokens when context the overflows. It holds only 4096 tokens, not enough.',
    }),
    TGI: error(422, {
      error: 'Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 and 1000',
      error_type: 'validation',
    }),
    vLLM: error(400, {
      object: 'error',
      message: "This model's maximum context length is 4096 tokens and your request has 9900 input tokens.",
    }),
    'a server of our own': error(422, { detail: 'The conversation with 9000 tokens: prompt larger than the window.' }),
    'an upstream, under 200': { body: { error: { code: 400, message: 'prompt is too long: 9 tokens > 8 maximum' } } },
  }
  const CUT = 'Ollama: a prompt that is cut without a word'
  const rows: Row[] = [
    row(
      'thinking before the JSON',
      says((good) => `<think>\nперебор: ${draft}\n</think>\n\n${good}`),
    ),
    row(
      'only the end of thinking',
      says((good) => `hm ${draft}\n</think>${good}`),
    ),
    row(
      'thinking in channels',
      says((good) => `<|channel|>analysis<|message|>${draft}<|channel|>final${good}`),
    ),
    row(
      'a fence between sentences',
      says((good) => `Вот ответ:\n\`\`\`json\n${good}\n\`\`\`\nНадеюсь, помог!`),
    ),
    row(
      'an end-of-turn mark',
      says((good) => `${good}<|im_end|>`),
    ),
    row(
      'inside of another object',
      says((good) => `{"answer": ${good}}`),
    ),
    row('a list of parts', ({ good }) => completion({ content: [thinking, { type: 'text', text: good }] })),
    row('all of it among the thoughts', ({ good }) => completion({ content: '', reasoning_content: good })),
    row('packed without being asked', ({ good }) => ({ ...completion(good), isPacked: true })),
    row(CUT, ({ good }) => completion(good, {}, { prompt_tokens: 30 })),
    row(
      'Groq: the model’s own broken JSON, once',
      once(() => plainly(400, 'Failed to validate JSON.', { code: 'json_validate_failed', failed_generation: '{"a' })),
      null,
      2,
    ),
    row(
      'the same each time',
      () => plainly(400, 'Failed to generate JSON.', { failed_generation: 'context length exceeded' }),
      'unusable_answer',
      2,
    ),
    row(
      'the same elsewhere',
      once(() => error(422, { detail: 'The model output does not match the schema' })),
      null,
      2,
    ),
    row(
      'two answers that differ',
      says((good) => `${good}\n${draft}`),
      'unusable_answer',
      2,
    ),
    ...Object.entries(tooLong).map(([name, said]) => row(`too long: ${name}`, () => said, 'too_long')),
    row(
      'OpenRouter: flagged',
      () =>
        error(403, {
          error: {
            code: 403,
            message: 'Your input was flagged',
            metadata: { reasons: ['violence'], flagged_input: 'Иван', provider_name: 'X' },
          },
        }),
      'content_filter',
    ),
    row('flagged elsewhere', () => error(403, { detail: 'Blocked by moderation of the prompt' }), 'content_filter'),
    row('DeepSeek: a risk', () => plainly(400, 'Content Exists Risk'), 'content_filter'),
  ]

  // Two of these in a row without an answer between them count as a fault of the settings or the server, so send one at a time.
  const alone: Row[] = [
    ...[20, 260].map((length) =>
      row(
        `Groq: a rate limit that links to billing, ${length}`,
        once(() =>
          error(
            429,
            { error: { message: `Rate limit reached on requests per minute ${'m'.repeat(length)}. ${upgrade}` } },
            { 'retry-after-ms': '200' },
          ),
        ),
        null,
        2,
      ),
    ),
    row(
      'absent things as texts',
      () => plainly(400, 'Bad', { type: 'None', param: 'None', code: '400' }),
      'rejected_text',
    ),
    row(
      'an upstream’s failure under 200',
      once(() => completion('', { error: { code: 502, message: 'Bad gateway' } })),
      null,
      2,
    ),
    row(
      'the same beside no choices',
      once(() => ({ body: { error: { code: '503', message: 'x' } } })),
      null,
      2,
    ),
    row(
      'an upstream’s rate limit under 200',
      once(() => completion('', { error: { code: 429, message: 'slow down' } })),
      null,
      2,
    ),
    row(
      'absent things as null',
      () => error(400, { error: { message: 'Bad', type: null, param: null } }),
      'rejected_text',
    ),
  ]

  test.each([['all at once', rows], ...alone.map((each) => [each.name, [each]] as const)] as const)(
    'ends as it should for that text, and for no other: %s',
    { timeout: 180_000 },
    async (_, sent) => {
      const from = worker.lines.length
      const before = await send(3)
      await world.answered(before)
      const ids = nextIds(sent.length)
      for (const [index, { script }] of sent.entries()) model.scripts.set(String(ids[index]), script)
      await send(sent.length)
      const neighbours = await send(20)
      await world.answered([...ids, ...neighbours])
      expect(
        ids.map((id, index) => ({
          name: sent[index]?.name,
          calls: callsOf(id),
          told: told(id).map((each) => each.message_error),
        })),
      ).toEqual(
        sent.map(({ name, calls, told: code }) => ({
          name,
          calls,
          told: [code === null ? null : FAILURES[code].message],
        })),
      )
      for (const id of [...before, ...neighbours]) {
        expect(told(id)).toEqual([expect.objectContaining({ success: true })])
        expect(callsOf(id)).toBe(1)
      }
      expect(heldSince(from)).toEqual([])
      const flagged = world
        .seenNotifications()
        .filter(({ headers }) => (headers['scoring-flags'] ?? '').includes('truncated_prompt'))
        .map(({ value }) => Number(idIn(value)))
      expect(flagged.filter((id) => ids.includes(id))).toEqual(ids.filter((_id, index) => sent[index]?.name === CUT))
    },
  )
})
