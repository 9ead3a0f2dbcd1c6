/**
 * `npm run example`: the whole loop on this machine. An HTTP request goes in, the worker scores it, the callback comes, the
 * record stands in a database. With `--serve` it stays for curl until Ctrl-C; with `--mock` it needs no Kafka and no worker.
 */
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { lastReason } from '../../src/cli/connections.ts'
import { abortable, pause } from '../../src/lib/abortable.ts'
import { createReleaseStack } from '../../src/release-stack.ts'
import { onSignal } from '../../tools/lib/on-signal.ts'
import { readOptions, refuse } from '../../tools/lib/options.ts'
import { requireFree } from '../../tools/services/guarded.ts'
import { withTestEnv } from '../../tools/services/ladder.ts'
import { mockBus } from './bus.ts'
import type { Loop, LoopOptions } from './loop.ts'
import { startLoop } from './loop.ts'
import type { Received } from './receiver.ts'
import { startReceiver } from './receiver.ts'
import { connectToWorker } from './surroundings.ts'

const USAGE = `usage: npm run example -- [options]
  --serve     stays until Ctrl-C, to be tried with curl
  --port N    the gateway's port, with --serve (default 3000)
  --mock      no Kafka, no worker: canned answers; a resume with [refuse] or [fail] gets that`

const EXIT_INTERRUPTED = 130
const RELEASE_MS = 40_000
const STOP_MS = 20_000
const ANSWER_LIMIT_MS = 60_000

const REQUIREMENTS = '- TypeScript\n- Опыт работы с Kafka\n- PostgreSQL'
const RESUME =
  'Инженер. Пять лет пишу на TypeScript. Отвечал за обмен событиями через Kafka. Проектировал схемы в PostgreSQL.'

const say = (line: string) => void process.stdout.write(`${line}\n`)

/** Puts the loop together and shows one request, or serves until the signal. */
async function run(signal: AbortSignal): Promise<number> {
  const values = readOptions(USAGE, {
    serve: { type: 'boolean', default: false },
    mock: { type: 'boolean', default: false },
    port: { type: 'string', default: '3000' },
  })
  const wantedPort = /^[1-9]\d{0,4}$/.test(values.port) ? Number(values.port) : Infinity
  if (wantedPort > 65_535) refuse('--port must be a whole number from 1 to 65535', USAGE)
  // Before services are started that would have to be stopped again.
  if (values.serve) await requireFree(wantedPort, '`npm run example`', 'or choose another with --port')
  const log = { ...lastReason(), warn: (message: string) => say(message) }
  const releases = createReleaseStack(log)
  const started = performance.now()
  try {
    const secret = randomBytes(24).toString('base64')
    const directory = await mkdtemp(join(tmpdir(), 'resume-scoring-example-'))
    releases.defer('the database', () => rm(directory, { recursive: true, force: true }))
    const { promise: called, resolve } = Promise.withResolvers<Received>()
    const receiver = await startReceiver(secret, resolve)
    releases.defer('the receiver of callbacks', () => receiver.close())
    const connect: LoopOptions['connect'] = values.mock
      ? mockBus
      : await connectToWorker({ env: withTestEnv(process.env), signal, say, releases })
    const file = join(directory, 'example.sqlite')
    const port = values.serve ? wantedPort : 0
    // The receiver is on this machine. Leave allowLoopback off wherever callers choose the URL.
    const loop = await startLoop({ file, port, secret, allowLoopback: true, connect, say })
    releases.defer('gateway, notifier and storage', () => loop.close(), STOP_MS)
    say(`gateway: ${loop.url}, described at ${loop.url}/openapi.json; database: ${file}`)
    if (values.serve) await serve(loop, receiver.url, signal)
    else await showOne({ loop, callbackUrl: receiver.url, called, signal })
    say(`Done, after ${((performance.now() - started) / 1_000).toFixed(1)} s.`)
  } catch (error) {
    if (!signal.aborted) throw error
  } finally {
    await releases.release(RELEASE_MS)
  }
  const { unreleased } = await releases.release(RELEASE_MS)
  if (unreleased.length > 0) return 1
  say('Everything that was started is stopped.')
  return signal.aborted && !values.serve ? EXIT_INTERRUPTED : 0
}

/** Shows what a person can try, and waits. */
async function serve({ url }: Loop, callbackUrl: string, signal: AbortSignal): Promise<void> {
  const body = JSON.stringify({ callback_url: callbackUrl, requirements: '- Kafka', resume: 'Работал с Kafka.' })
  say('\nTry, in another terminal:')
  say(`  curl -i ${url}/requests -H 'content-type: application/json' -d '${body}'`)
  say(`  curl -N ${url}/requests/ID/events`)
  say(`  curl -i ${url}/requests/ID/result`)
  say('Ctrl-C ends it.')
  await abortable(new Promise(() => {}), signal).catch(() => {
    // The signal is the only way out.
  })
}

interface Show {
  loop: Loop
  callbackUrl: string
  called: Promise<Received>
  signal: AbortSignal
}

/** One request from start to end. @throws Error when a step does not come, or is not what it should be */
async function showOne({ loop, callbackUrl, called, signal }: Show): Promise<void> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_LIMIT_MS)])
  const response = await fetch(`${loop.url}/requests`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ callback_url: callbackUrl, requirements: REQUIREMENTS, resume: RESUME, user_id: 7 }),
    signal: limit,
  })
  const { processing_id: id } = (await response.json()) as { processing_id: number }
  say(`\nPOST /requests             ${response.status}  processing_id ${id}`)

  const events = await fetch(`${loop.url}/requests/${id}/events`, { signal: limit })
  for await (const chunk of events.body!.pipeThrough(new TextDecoderStream())) {
    for (const [, data = ''] of chunk.matchAll(/^data: (.*)$/gm)) {
      const { what, at } = JSON.parse(data) as { what: string; at: string }
      say(`GET  /requests/ID/events   ${at.slice(11, 23)}  ${what}`)
    }
  }
  const callback = await abortable(called, limit)
  const signature = callback.isSigned ? 'signature verified' : 'WRONG SIGNATURE'
  say(`callback received          status ${callback.body.status}, score ${callback.body.score}, ${signature}`)
  const result = await fetch(`${loop.url}/requests/${id}/result`, { signal: limit })
  const { score, verdict, matches } = (await result.json()) as { score: number; verdict: string; matches: string[] }
  say(`GET  /requests/ID/result   ${result.status}  score ${score}, ${verdict}; ${matches.join(', ')}`)
  // Another consumer stores it, a little earlier or later than the callback is sent.
  let row = loop.store.score(BigInt(id))
  for (; row === null; row = loop.store.score(BigInt(id))) await pause(20, limit)
  say(`SELECT * FROM scores       score ${String(row['score'])}, ${String(row['verdict'])}`)
  if (!callback.isSigned || callback.id !== String(id)) throw new Error('the loop is not closed')
}

try {
  process.exitCode = await run(onSignal())
} catch (error) {
  console.error(`example failed: ${error instanceof Error ? error.message : String(error)}`)
  process.exitCode = 1
}
process.exit()
