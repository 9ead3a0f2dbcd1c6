/** One worker on servers of other makers: it learns within three calls what a server refuses, and no other request is held meanwhile. */
import { describe, expect, test } from 'vitest'
import { readAdaptation } from '../../src/provider/adaptations.ts'
import { redisKeys } from '../../src/redis/keys.ts'
import type { Call, Said, Script } from '../support/scripted-model.ts'
import { completion } from '../support/scripted-model.ts'
import { waitUntil } from '../support/wait.ts'
import {
  MODEL,
  callsOf,
  error,
  google,
  heldSince,
  model,
  plainly,
  start,
  scored,
  send,
  told,
  worker,
  world,
} from './gateway-traffic.ts'

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
  /** Names one fault at a time, like a server that stops checking at the first one. */
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
      given: 'the schema is in it',
    },
    {
      name: 'one that takes json_object with nothing in it',
      refuses: first(
        noSchema(error(422, { detail: 'json_schema is not supported' })),
        refusing(holdsSchema, error(422, { detail: 'unknown field `schema`' })),
      ),
      given: 'instead of a strict schema: the schema is in the prompt',
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
      given: 'in the user message',
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
    { name: 'a model that thinks long', refuses: longThinking, given: 'answers may have' },
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

  /** Does what `forget --adaptations` does: the worker notices it at its next call. */
  async function asNew(): Promise<void> {
    model.refuses = () => null
    const forgotten = () =>
      worker.lines.filter((line) => line.includes('the learned form of requests was deleted')).length
    const known = forgotten()
    const learned = await world.redis.keys(`${world.keyPrefix}adaptation:*`)
    if (learned.length === 0) return
    await world.redis.unlink(learned)
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
    // The next requests find what the server does not name at once, within three calls each.
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

  test('is not asked for again after a restart', { timeout: 180_000 }, async () => {
    expect(await worker.end('SIGTERM')).toBe(0)
    await start()
    const ids = await send(5)
    await world.answered(ids)
    expect(ids.map(callsOf)).toEqual([1, 1, 1, 1, 1])
    for (const id of ids) expect(told(id)).toMatchObject([scored])
  })
})
