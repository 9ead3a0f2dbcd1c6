/** A broker that hangs takes connections and answers nothing: what a command says meanwhile, and that it ends. */
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo, Server, Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runCommand } from '../../src/cli/commands.ts'
import { watchSilence } from '../../src/cli/silence.ts'
import { AWAY, context, texts } from './command-runs.ts'

const sockets = new Set<Socket>()
let server: Server
let port: number

beforeAll(async () => {
  server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {}).on('data', (chunk) => chunk.toString() === 'answer me' && socket.write('here'))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  ;({ port } = server.address() as AddressInfo)
})

afterAll(() => {
  for (const socket of sockets) socket.destroy()
  server.close()
})

/** Told after 3.5 s and ended after 12; a busy machine takes longer for both. kafkajs alone would take minutes. */
const TOLD_MS = 10_000
const LIMIT_MS = 25_000

/** Runs a command on a broker and a provider that hang; Redis refuses. */
async function onFrozenKafka(name: string, ...args: string[]) {
  const { out, err, signal, print, complain } = context([])
  const startedMs = performance.now()
  let toldMs = Infinity
  const tell = (line: string) => {
    toldMs = Math.min(toldMs, performance.now() - startedMs)
    complain(line)
  }
  const env = {
    ...AWAY,
    KAFKA_TOPIC_FOR_DECISIONS: 'decisions',
    OPENAI_BASE_URL: `http://127.0.0.1:${port}/v1`,
    KAFKA_BOOTSTRAP_SERVERS: `127.0.0.1:${port}`,
  }
  const ended = await runCommand(name, args, env, signal, { print, complain: tell }).catch((error: Error) => error)
  return { ended, out: out.join('\n'), err: err.join('\n'), toldMs, tookMs: performance.now() - startedMs }
}

test.concurrent('status says soon what it waits for, and ends with the half that it knows', async () => {
  const { ended, out, err, toldMs, tookMs } = await onFrozenKafka('status')
  expect(toldMs).toBeLessThan(TOLD_MS)
  expect(tookMs).toBeLessThan(LIMIT_MS)
  expect(err).toBe(`waiting for Kafka at 127.0.0.1:${port}…`)
  expect(out).toContain(`backlog: unknown. Kafka at 127.0.0.1:${port}: `)
  expect(ended).toBe(1)
})

test.concurrent.each([
  ['send', ...texts],
  ['replay-dead-letters', '--dry-run'],
  ['redecide', '--threshold', '1', '--dry-run'],
])('%s says soon what it waits for, and fails with the cause', async (name, ...args) => {
  const { ended, toldMs, tookMs } = await onFrozenKafka(name, ...args)
  expect(toldMs).toBeLessThan(TOLD_MS)
  expect(tookMs).toBeLessThan(LIMIT_MS)
  expect((ended as Error).message).toMatch(
    new RegExp(`^Kafka at 127.0.0.1:${port}: .*hangs.*check KAFKA_BOOTSTRAP_SERVERS`),
  )
})

test.concurrent('doctor says of each silent part that it waits for it, and fails for both', async () => {
  const { ended, out, err, tookMs } = await onFrozenKafka('doctor')
  expect(tookMs).toBeLessThan(LIMIT_MS)
  expect(ended).toBe(1)
  const [kafka, provider] = [`Kafka at 127.0.0.1:${port}`, `the provider at http://127.0.0.1:${port}/v1`]
  expect(err.split('\n').toSorted()).toEqual([`waiting for ${kafka}…`, `waiting for ${provider}…`])
  expect(out).toMatch(/^FAIL +Kafka .*hangs/m)
  expect(out).toMatch(/^FAIL +provider .*no answer within 10 s/m)
})

const PATIENCE = { toldMs: 1_500, limitMs: 3_000 }

/** A watched connection to the server; `silences` is what was told. */
async function watched() {
  const silences: string[] = []
  const watch = watchSilence((line) => silences.push(line), PATIENCE)
  const socket = watch.open({ host: '127.0.0.1', port, ssl: undefined as never, onConnect: () => {} })
  await once(socket, 'connect')
  const stop = () => {
    watch.stop()
    socket.destroy()
  }
  return { watch, socket, silences, stop }
}

test.concurrent('a connection on which nothing was asked is not silent, nor is one that answered', async () => {
  const { socket, silences, stop } = await watched()
  socket.write('answer me')
  await sleep(3 * PATIENCE.limitMs)
  expect(silences).toEqual([])
  stop()
})

test.concurrent('a broker that freezes after it has answered is told once, and ends the command', async () => {
  const { watch, socket, silences, stop } = await watched()
  socket.write('answer me')
  await once(socket, 'data')
  socket.write('and now?')
  await expect(watch.tooLong).rejects.toThrow(/no answer for 3 s: the broker hangs/)
  expect(silences).toEqual([`waiting for Kafka at 127.0.0.1:${port}…`])
  stop()
})

test.concurrent('a broker that closes a connection on which it owes an answer is not silent from then on', async () => {
  const { watch, socket, silences, stop } = await watched()
  socket.write('answer me')
  await once(socket, 'data')
  const [other] = [...sockets].filter(({ remotePort }) => remotePort === socket.localPort)
  socket.write('and now?')
  await sleep(PATIENCE.toldMs / 2)
  other?.end()
  await once(socket, 'close')
  await sleep(PATIENCE.limitMs)
  const next = watch.open({ host: '127.0.0.1', port, ssl: undefined as never, onConnect: () => {} })
  next.write('and now?')
  await sleep(PATIENCE.toldMs / 2 + 100)
  next.destroy()
  expect(silences).toEqual([])
  stop()
})

test.concurrent('a command that outlasts a silence is told of each', async () => {
  const { watch, socket, silences, stop } = await watched()
  watch.outlast()
  let hasEnded = false
  watch.tooLong.catch(() => (hasEnded = true))
  for (const silence of [1, 2]) {
    socket.write('and now?')
    await sleep(2 * PATIENCE.limitMs)
    expect(silences).toHaveLength(silence)
    socket.write('answer me')
    await once(socket, 'data')
  }
  expect(hasEnded).toBe(false)
  stop()
})
