/** What the worker learns of its provider before the first request. */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { startStub } from '../../tools/openai-stub/server.ts'
import type { Log } from '../../src/logging/log.ts'
import { startProviderCheck } from '../../src/ops/provider-check.ts'
import { createKeySource } from '../../src/provider/key.ts'
import type { ProviderAccess } from '../../src/provider/check-access.ts'
import { checkAccess } from '../../src/provider/check-access.ts'
import { createTransport } from '../../src/provider/transport.ts'

const quiet = () => {}
const never = new AbortController().signal
const GOOD = 'sk-good-key-000000'
const MODEL = 'gpt-4.1-mini-2025-04-14'

async function access(baseUrl: string, key = GOOD, model = MODEL): Promise<ProviderAccess> {
  const transport = createTransport(null)
  const log: Log = { error: quiet, warn: quiet, info: quiet, debug: quiet }
  const source = createKeySource({ key, keyFile: null }, log)
  try {
    return await checkAccess({ settings: { baseUrl, model }, key: source, transport }, never)
  } finally {
    await transport.close()
  }
}

/** A server that answers everything alike. */
async function serve(status: number, body: string): Promise<string> {
  const server = createServer((_request, response) => response.writeHead(status).end(body))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`
}

test('a good key and a listed model are told from a refused key, a model that is not listed and a wrong address', async () => {
  const stub = await startStub({ keys: [GOOD], models: [MODEL] })
  onTestFinished(() => stub.stop())
  expect(await access(stub.baseUrl)).toMatchObject({ kind: 'accepted', knowsModel: true })
  expect(await access(stub.baseUrl, GOOD, 'gpt-5')).toMatchObject({ kind: 'accepted', knowsModel: false })
  expect(await access(stub.baseUrl, 'sk-bad-key-11111111')).toMatchObject({
    kind: 'refused',
    code: 'unauthorized',
    detail: expect.stringMatching(/^HTTP 401, .*code invalid_api_key.* at http:\/\/127\.0\.0\.1:\d+\/v1$/) as string,
  })
  expect(await access(`${stub.baseUrl}/v1`)).toMatchObject({ kind: 'unknown' })
  // It costs nothing, and is no call.
  expect(stub.arrivals()).toEqual([])
})

test('a server that is not there is unreachable, with the socket’s error and without the query', async () => {
  expect(await access('http://user:secret@127.0.0.1:1/v1?api-version=1')).toEqual({
    kind: 'unreachable',
    detail: 'connection failed: ECONNREFUSED at http://127.0.0.1:1/v1',
  })
})

test.each([
  ['a key that may call and not list', 403, '{"error":{"message":"Missing scopes: api.model.read"}}', 'unknown'],
  ['the same, as it is told elsewhere', 401, '{"error":{"message":"insufficient permissions"}}', 'unknown'],
  ['a country that is not served', 403, '{"error":{"code":"unsupported_country_region_territory"}}', 'refused'],
  ['no list', 404, '{"detail":"Not Found"}', 'unknown'],
  ['a page', 200, '<html>', 'unknown'],
  ['another document', 200, '{}', 'accepted'],
  ['a server in trouble', 503, '', 'unreachable'],
])('%s: %d', async (_name, status, body, kind) => {
  expect((await access(await serve(status, body))).kind).toBe(kind)
})

test('an address that seems wrong is told with what to look at, and a server without a list is not', async () => {
  const page = await access(await serve(200, '<!DOCTYPE html><title>log in</title>'))
  expect(page).toMatchObject({ advice: expect.stringMatching(/^a web page .* check OPENAI_BASE_URL/) as string })
  const server = await serve(404, '{"detail":"Not Found"}')
  expect(await access(server)).toMatchObject({ kind: 'unknown', advice: null })
  expect(await access(server.replace('/v1', ''))).toMatchObject({
    advice: expect.stringMatching(/end in \/v1$/) as string,
  })
})

test.each([
  ['a web page seems to answer', 'warn'],
  [null, 'info'],
])('that nobody knows whether the key is taken is told at the start: %s', async (advice, level) => {
  const lines: string[] = []
  const say = (at: string) => (message: string) => lines.push(`${at} ${message}`)
  const log: Log = { error: say('error'), warn: say('warn'), info: say('info'), debug: say('debug') }
  const ask = () => Promise.resolve({ kind: 'unknown' as const, detail: 'no list of models: HTTP 404', advice })
  await startProviderCheck({ settings: { model: MODEL }, ask, log, signal: never }).done
  expect(lines).toEqual([`${level} whether the provider takes the key shows at the first request`])
})

test('what is refused is told once, shown until it is mended, and looked at until then', async () => {
  const refused: ProviderAccess = { kind: 'refused', code: 'unauthorized', detail: 'HTTP 401 at http://m/v1' }
  const answers: ProviderAccess[] = [refused, refused, { kind: 'accepted', knowsModel: true, detail: 'fine' }]
  const lines: string[] = []
  const say = (level: string) => (message: string) => lines.push(`${level} ${message}`)
  const log: Log = { error: say('error'), warn: say('warn'), info: say('info'), debug: say('debug') }
  const seen: (string | null)[] = []
  let asked = 0
  const check = startProviderCheck({
    settings: { model: MODEL },
    ask: () => {
      seen.push(asked++ === 0 ? null : check.trouble())
      return Promise.resolve(answers.shift() ?? refused)
    },
    log,
    signal: never,
    againMs: 1,
  })
  await check.done
  const trouble = 'calls are refused (unauthorized): HTTP 401 at http://m/v1'
  expect(seen.slice(1)).toEqual([trouble, trouble])
  expect(check.trouble()).toBeNull()
  expect(lines).toEqual(['error the provider refuses: no request can be scored', 'info the provider accepts the key'])
})
