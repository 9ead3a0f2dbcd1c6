/** `npm run dev`: Kafka, Redis, the stand-in for the model and a worker, together; they end with Ctrl-C, and their data with them. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { onSignal } from '../lib/on-signal.ts'
import { readOptions } from '../lib/options.ts'
import { startStub } from '../openai-stub/server.ts'
import { requireFree } from '../services/guarded.ts'
import { envLines, fixedServices, settingsFor } from '../services/fixed.ts'

const STUB_PORT = 8080
const OPS_PORT = 9464
/** Stopped before everything was up. */
const EXIT_INTERRUPTED = 130
const WORKER = join(import.meta.dirname, '../../src/main.ts')

const USAGE = `usage: npm run dev
  Starts Kafka, Redis, the stand-in for the model and a worker, prints the lines for .env that lead to them, and keeps them
  until Ctrl-C.`

readOptions(USAGE, {})
const say = (line: string) => void process.stdout.write(`${line}\n`)
const signal = onSignal()
const releases: (() => Promise<unknown>)[] = []
try {
  // Check the ports before starting services that would have to be stopped again.
  await requireFree(STUB_PORT, '`npm run dev` or `npm run openai-stub`')
  await requireFree(OPS_PORT, '`npm run dev`')
  const services = await fixedServices(say, signal)
  releases.push(() => services.stop())
  const stub = await startStub({ port: STUB_PORT, latencyMs: 500 })
  releases.push(() => stub.stop())
  const settings = { ...settingsFor(services), OPENAI_KEY: 'sk-stand-in', OPENAI_BASE_URL: stub.baseUrl }
  say('Commands in another terminal find these services with the following lines in .env:')
  for (const line of envLines(settings)) say(`  ${line}`)
  say('Then: npm run send -- --resume FILE --requirements FILE')
  say(
    `The fleet's status: http://127.0.0.1:${OPS_PORT}/   what the stand-in was asked: ${stub.baseUrl.replace('/v1', '')}/__stub/log`,
  )
  const env = { ...process.env, ...settings, OPENAI_KEY_FILE: '', OPENAI_PROXY_URL: '', OPS_PORT: String(OPS_PORT) }
  // In a process group of its own: else Ctrl-C would reach the worker besides our signal, and a second signal ends it at once.
  const options = { env, stdio: 'inherit', detached: true } as const
  signal.throwIfAborted()
  const worker = spawn(process.execPath, [WORKER], options)
  process.once('exit', () => worker.kill('SIGKILL'))
  signal.addEventListener('abort', () => void worker.kill('SIGTERM'), { once: true })
  const [code] = (await once(worker, 'exit')) as [number | null]
  process.exitCode = code ?? 1
} catch (error) {
  if (!signal.aborted) console.error(`dev: ${(error as Error).message}`)
  process.exitCode = signal.aborted ? EXIT_INTERRUPTED : 1
} finally {
  for (const release of releases.toReversed()) await release()
}
process.exit()
