import { beforeEach, describe, expect, test } from 'vitest'
import type { OauthSettings } from '../../src/kafka/oauth.ts'
import { createTokenSource } from '../../src/kafka/oauth.ts'
import type { Log, LogFields } from '../../src/logging/log.ts'

const SETTINGS: OauthSettings = {
  mechanism: 'oauthbearer',
  tokenUrl: 'https://login.example/token',
  clientId: 'worker:1',
  clientSecret: 'p@ss/word',
  scope: 'kafka',
  extensions: { logicalCluster: 'lkc-1' },
}

let nowMs = 0
let lines: { level: string; message: string; fields: LogFields }[] = []
const keep =
  (level: string) =>
  (message: string, fields: LogFields = {}) =>
    void lines.push({ level, message, fields })
const log: Log = { error: keep('error'), warn: keep('warn'), info: keep('info'), debug: keep('debug') }

beforeEach(() => {
  nowMs = 0
  lines = []
})

interface Asked {
  url: string
  init: RequestInit
}

/** A token endpoint; `answer` is asked for each request. */
function server(answer: (count: number) => Response | Promise<Response>, settings: Partial<OauthSettings> = {}) {
  const asked: Asked[] = []
  const fetch = async (url: Parameters<typeof globalThis.fetch>[0], init: RequestInit = {}) => {
    asked.push({ url: url as string, init })
    return answer(asked.length)
  }
  return { asked, token: createTokenSource({ ...SETTINGS, ...settings }, log, { fetch, now: () => nowMs }) }
}

const grants = (life: unknown) => (count: number) =>
  Response.json({ access_token: `token-${count}`, token_type: 'Bearer', expires_in: life })

test('the client credentials grant is posted as a form, with the client in the header', async () => {
  const { asked, token } = server(grants(3_600))
  expect(await token()).toEqual({ value: 'token-1', extensions: { logicalCluster: 'lkc-1' } })
  const [{ url, init }] = asked as [Asked]
  expect(url).toBe('https://login.example/token')
  expect(init).toMatchObject({ method: 'POST', redirect: 'error' })
  expect(String(init.body as URLSearchParams)).toBe('grant_type=client_credentials&scope=kafka')
  const basic = new Headers(init.headers).get('authorization')?.replace('Basic ', '') ?? ''
  expect(Buffer.from(basic, 'base64').toString()).toBe('worker%3A1:p%40ss%2Fword')
})

test('without a scope none is asked for', async () => {
  const { asked, token } = server(grants(3_600), { scope: null })
  await token()
  expect(String(asked[0]?.init.body as URLSearchParams)).toBe('grant_type=client_credentials')
})

describe('a token', () => {
  test('is asked for once by all who need it at the same time, and kept for half of its life', async () => {
    const { asked, token } = server(grants('100'))
    expect(new Set((await Promise.all([token(), token(), token()])).map(({ value }) => value))).toEqual(
      new Set(['token-1']),
    )
    nowMs = 49_000
    expect((await token()).value).toBe('token-1')
    nowMs = 51_000
    expect((await token()).value).toBe('token-2')
    expect(asked).toHaveLength(2)
  })

  test('goes on until its end while no other is to be had; the log says so once, and when there is one again', async () => {
    const answers = [grants(100)(1), new Response('', { status: 503 }), new Response('', { status: 503 })]
    const { token } = server((count) => answers[count - 1] ?? grants(100)(count))
    await token()
    nowMs = 60_000
    expect((await token()).value).toBe('token-1')
    nowMs = 62_000
    expect((await token()).value).toBe('token-1')
    expect(lines.map(({ level, fields }) => `${level} ${String(fields['reason'])}`)).toEqual([
      'warn it refuses with 503',
    ])
    nowMs = 64_000
    expect((await token()).value).toBe('token-4')
    expect(lines.at(-1)).toMatchObject({ level: 'info', message: 'there are tokens for Kafka again' })
  })

  test('that has ended is not handed out', async () => {
    const { token } = server((count) => (count === 1 ? grants(100)(1) : new Response('', { status: 503 })))
    await token()
    nowMs = 101_000
    await expect(token()).rejects.toThrow('no token from KAFKA_OAUTH_TOKEN_URL: it refuses with 503')
  })

  test('lives for a minute when the answer does not tell how long', async () => {
    const { asked, token } = server(() => Response.json({ access_token: 'x' }))
    await token()
    nowMs = 29_000
    await token()
    expect(asked).toHaveLength(1)
    nowMs = 31_000
    await token()
    expect(asked).toHaveLength(2)
  })
})

describe('without a token the reason is told, and no secret', () => {
  const refusal = {
    error: 'invalid_client',
    error_description: 'secret p@ss/word (p%40ss%2Fword)\r\nof worker:1 is wrong',
  }
  test.each<[string, () => Response | Promise<Response>, RegExp]>([
    [
      'a refusal',
      () => Response.json(refusal, { status: 401 }),
      /401, invalid_client, secret \*\*\* \(\*\*\*\) of worker:1 is wr/,
    ],
    ['no JSON', () => new Response('<html>'), /holds no access_token/],
    ['a token that would break the login', () => Response.json({ access_token: 'a\u0001auth=x' }), /no access_token/],
    [
      'a life that is none',
      () => Response.json({ access_token: 'x', expires_in: 'soon' }),
      /expires_in that is not a positive number/,
    ],
    ['too much', () => new Response('x'.repeat(100_000)), /too large for a token/],
    [
      'nobody there',
      () => Promise.reject(new TypeError('fetch failed', { cause: new Error('connect ECONNREFUSED 127.0.0.1:1') })),
      /: connect ECONNREFUSED 127\.0\.0\.1:1$/,
    ],
    ['no answer', () => Promise.reject(new DOMException('timed out', 'TimeoutError')), /no answer within 5 s/],
  ])('%s', async (_name, answer, expected) => {
    const { token } = server(answer)
    const error: unknown = await token().catch((each: unknown) => each)
    expect(error).toMatchObject({
      name: 'KafkaJSNonRetriableError',
      message: expect.stringMatching(expected) as string,
    })
    expect(JSON.stringify(lines) + String(error)).not.toContain(SETTINGS.clientSecret)
  })

  test('and the endpoint is left alone for a second', async () => {
    const { asked, token } = server(() => new Response('', { status: 500 }))
    for (const atMs of [0, 300, 900]) {
      nowMs = atMs
      await expect(token()).rejects.toThrow('it refuses with 500')
    }
    expect(asked).toHaveLength(1)
    nowMs = 1_100
    await expect(token()).rejects.toThrow('it refuses with 500')
    expect(asked).toHaveLength(2)
  })
})
