/**
 * Servers of other makers, one worker, live traffic: how each answers that users reported, and others of the same kinds. What one
 * text causes is told to its caller; what the server causes is learned within three calls; neither holds anybody else.
 */
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import type { FailureCode } from '../../src/errors.ts'
import { FAILURES } from '../../src/errors.ts'
import { readAdaptation } from '../../src/provider/adaptations.ts'
import { redisKeys } from '../../src/redis/keys.ts'
import { runCommand } from '../support/command.ts'
import { range, resumeOf } from '../support/fleet.ts'
import type { Call, Said, ScriptedModel, Script } from '../support/scripted-model.ts'
import { completion, startScriptedModel } from '../support/scripted-model.ts'
import { waitUntil } from '../support/wait.ts'
import type { Worker } from '../support/worker.ts'
import type { World } from '../support/world.ts'
import { createWorld, idIn, request } from '../support/world.ts'

const MODEL = 'scripted'

let model: ScriptedModel
let world: World
let worker: Worker

beforeAll(async () => {
  model = await startScriptedModel()
  world = await createWorld({
    kafkaBrokers: inject('kafkaBrokers'),
    redisUrl: inject('redisUrl'),
    baseUrl: model.baseUrl,
    env: { OPENAI_MODEL: MODEL },
  })
  worker = world.start()
  await worker.saw('assigned ', 60_000)
}, 90_000)
afterAll(async () => {
  await world.close()
  await model.stop()
})

let lastId = 0
/** Sends so many requests. @returns their ids */
async function send(count: number): Promise<number[]> {
  const ids = range(count, lastId + 1)
  lastId += count
  await world.send(ids.map((id) => request(id, { resume: resumeOf(id) })))
  return ids
}
const told = (id: number) => world.notifications().filter(({ response }) => response['processing_id'] === id)
const callsOf = (id: number) => model.calls.filter(({ ref }) => ref === String(id)).length
const heldSince = (from: number) => worker.lines.slice(from).filter((line) => line.includes('calls are held'))
const scored = { success: true, message_error: null, response: { score: 100 } }

const error = (status: number, body: unknown, headers: Record<string, string> = {}): Said => ({ status, body, headers })
const plainly = (status: number, message: string, rest: object = {}) =>
  error(status, { error: { message, type: 'invalid_request_error', param: null, code: null, ...rest } })
const google = (message: string, status = 'INVALID_ARGUMENT') => error(400, [{ error: { code: 400, message, status } }])
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

  // Two of these with nobody answered in between are taken for a fault of the settings or the server: so each comes alone.
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
    { timeout: 90_000 },
    async (_, sent) => {
      const from = worker.lines.length
      const before = await send(3)
      await world.answered(before)
      const ids = range(sent.length, lastId + 1)
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

describe('what a server refuses', () => {
  const formatOf = ({ body }: Call) => (body['response_format'] as { type?: string } | undefined)?.type
  const holdsSchema = ({ body }: Call) => 'schema' in ((body['response_format'] as object | undefined) ?? {})
  const has = ({ body }: Call, name: string) => name in body
  const refusing =
    (applies: (call: Call) => boolean, said: Said): Script =>
    (call) =>
      applies(call) ? said : null
  const repeats = ({ roles }: Call) => roles.some((role, index) => role === roles[index + 1])
  const pydantic = (...fields: string[]) => ({
    detail: fields.map((field) => ({
      type: 'extra_forbidden',
      loc: ['body', field],
      msg: 'Extra inputs are not permitted',
    })),
  })
  const literal =
    "[{'type': 'literal_error', 'loc': ('body', 'response_format', 'type'), 'msg': \"Input should be 'text' or 'json_object'\"}]"
  /** One after the other, as a server that looks no further than the first fault. */
  const first =
    (...scripts: Script[]): Script =>
    (call) => {
      for (const script of scripts) {
        const said = script(call)
        if (said !== null) return said
      }
      return null
    }
  const noSchema = (said: Said) => refusing((call) => formatOf(call) === 'json_schema', said)
  const noSeed = (said: Said) => refusing((call) => has(call, 'seed'), said)
  const noZero = (said: Said) => refusing((call) => has(call, 'temperature'), said)
  const noRepeats = (said: Said) => refusing(repeats, said)
  const alternate = 'Conversation roles must alternate user/assistant/user/assistant/...'
  const wantsHeader = refusing(
    ({ headers }) => headers['api-key'] === undefined,
    error(401, { statusCode: 401, message: 'Access denied due to missing subscription key.' }),
  )
  const longThinking: Script = (call) =>
    Number(call.body['max_completion_tokens'] ?? call.body['max_tokens']) < 3_000
      ? completion({ content: '', reasoning_content: 'hm' }, { finish_reason: 'length' })
      : completion(`<think>hm</think>${call.good}`)

  const servers: { name: string; refuses: Script; given: string }[] = [
    {
      name: 'DeepSeek: no schema',
      refuses: noSchema(plainly(400, 'This response_format type is unavailable now')),
      given: 'json_object instead',
    },
    {
      name: 'llama-cpp-python: no schema, under 500, but one in json_object',
      refuses: noSchema(plainly(500, literal, { type: 'internal_server_error' })),
      given: 'the schema stands in it',
    },
    {
      name: 'one that takes json_object with nothing in it',
      refuses: first(
        noSchema(error(422, { detail: 'json_schema is not supported' })),
        refusing(holdsSchema, error(422, { detail: 'unknown field `schema`' })),
      ),
      given: 'instead of a strict schema: the schema stands in the prompt',
    },
    {
      name: 'Gemma behind vLLM: adjacent roles',
      refuses: noRepeats(error(400, { object: 'error', message: alternate, type: 'BadRequestError', code: 400 })),
      given: 'adjacent messages',
    },
    {
      name: 'a template of our own: no system, then adjacent roles, under 500',
      refuses: first(
        refusing(({ roles }) => roles.includes('system'), plainly(500, 'Jinja Exception: System role not supported')),
        noRepeats(plainly(500, `Jinja Exception: ${alternate}`)),
      ),
      given: 'in the message of the user',
    },
    {
      name: 'Gemini: no seed',
      refuses: noSeed(google('Invalid JSON payload received. Unknown name "seed": Cannot find field.')),
      given: 'no seed',
    },
    {
      name: 'Kimi: one temperature',
      refuses: noZero(plainly(400, 'invalid temperature: only 1 is allowed for this model')),
      given: 'no temperature',
    },
    {
      name: 'pydantic: two fields at once',
      refuses: refusing(
        (call) => has(call, 'seed') || has(call, 'max_completion_tokens'),
        error(422, pydantic('seed', 'max_completion_tokens')),
      ),
      given: 'max_tokens instead',
    },
    {
      name: 'a router that names nothing',
      refuses: refusing(
        (call) => formatOf(call) === 'json_schema',
        error(404, { error: { message: 'No endpoints found that support the requested parameters.', code: 404 } }),
      ),
      given: 'no response_format',
    },
    { name: 'a gateway that looks for another header', refuses: wantsHeader, given: 'in the headers' },
    { name: 'a model that thinks long', refuses: longThinking, given: 'answers may take' },
    {
      name: 'one that refuses all of it, one after the other',
      refuses: first(
        wantsHeader,
        noRepeats(error(400, { detail: alternate })),
        refusing((call) => formatOf(call) !== undefined, plainly(400, 'json mode is disabled on this deployment')),
        noSeed(error(422, pydantic('seed'))),
        noZero(plainly(400, '`temperature` must be strictly positive')),
      ),
      given: 'no response_format',
    },
  ]

  /** As `forget --adaptations` has it: the worker hears of it when it asks next. */
  async function asNew(): Promise<void> {
    model.refuses = () => null
    const forgotten = () => worker.lines.filter((line) => line.includes('was forgotten')).length
    const known = forgotten()
    if ((await world.redis.unlink(await world.redis.keys(`${world.keyPrefix}adaptation:*`))) === 0) return
    await waitUntil(
      async () => {
        await world.answered(await send(1))
        return forgotten() > known
      },
      20_000,
      () => 'the worker did not hear that the server is to be asked anew',
    )
  }

  test.each(servers)('$name', async ({ refuses, given }) => {
    await asNew()
    const said = worker.lines.length
    model.refuses = refuses
    const ids = await send(4)
    await world.answered(ids)
    for (const id of ids) {
      expect(told(id)).toMatchObject([scored])
      expect(callsOf(id)).toBeLessThanOrEqual(3)
    }
    // What a server does not tell at once is found by the next ones, within three calls each.
    for (let wave = 0; wave < 3; wave++) {
      const next = await send(2)
      await world.answered(next)
      for (const id of next) expect(callsOf(id)).toBeLessThanOrEqual(3)
    }
    const last = await send(3)
    await world.answered(last)
    expect(last.map(callsOf)).toEqual([1, 1, 1])
    const learned = await readAdaptation(world.redis, redisKeys(world.keyPrefix), {
      baseUrl: model.baseUrl,
      model: MODEL,
    })
    expect(learned?.instead.join('\n')).toContain(given)
    expect(heldSince(said)).toEqual([])
  })

  test('is not asked for again after a restart', { timeout: 90_000 }, async () => {
    expect(await worker.end('SIGTERM')).toBe(0)
    worker = world.start()
    await worker.saw('assigned ', 60_000)
    const ids = await send(5)
    await world.answered(ids)
    expect(ids.map(callsOf)).toEqual([1, 1, 1, 1, 1])
    for (const id of ids) expect(told(id)).toMatchObject([scored])
  })
})

describe('an address of Azure’s older form', () => {
  const isOurs = ({ path, headers }: Call) =>
    path === '/openai/deployments/ours/chat/completions?api-version=2024-10-21' && headers['api-key'] === 'sk-test'
  const moments = {
    elsewhere: google('User location is not supported for the API use.', 'FAILED_PRECONDITION'),
    tomorrow: error(429, { error: { message: 'Rate limit reached for requests' } }, { 'retry-after': '36000' }),
  }

  test(
    'gets the key in its header; a territory holds the way out, and hours of waiting become a probe',
    {
      timeout: 90_000,
    },
    async () => {
      expect(await worker.end('SIGTERM')).toBe(0)
      model.refuses = (call) => (isOurs(call) ? null : error(401, 'no'))
      const url = `${model.baseUrl.replace(/\/v1$/, '')}/openai/deployments/ours?api-version=2024-10-21`
      worker = world.start({ OPENAI_BASE_URL: url, BUDGET_NAME: 'azure' })
      await worker.saw('assigned ', 60_000)
      const ids = await send(3)
      await world.answered(ids, 30_000)
      for (const id of ids) expect(told(id)).toMatchObject([scored])
      expect(ids.map(callsOf)).toEqual([1, 1, 1])
      // All are on their way before one is answered. Two of the first kind show that it is not one request's own.
      const [far, further, late] = [lastId + 1, lastId + 2, lastId + 3]
      const all = () =>
        waitUntil(
          () => [far, further, late].every((id) => callsOf(id) > 0),
          20_000,
          () => 'not all were asked',
        )
      for (const id of [far, further]) model.scripts.set(String(id), () => all().then(() => moments.elsewhere))
      model.scripts.set(String(late), () => all().then(() => moments.tomorrow))
      await send(3)
      await worker.saw('calls are held', 20_000)
      expect(heldSince(0).join('\n')).toContain(FAILURES.territory.remedy)
      const status = async () =>
        (await runCommand({ ...world.env, OPENAI_BASE_URL: url, BUDGET_NAME: 'azure' }, 'status')).out
      await expect.poll(status, { timeout: 20_000 }).toMatch(/held by the provider's retry-after for (?:\d+s|1m)$/m)
    },
  )
})
