/** The demo as a stranger runs it: a child process on services of its own, or on given ones. */
import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import kafkajs from 'kafkajs'
import { expect, inject, onTestFinished, test } from 'vitest'
import { waitUntil } from '../support/wait.ts'

const MAIN = join(import.meta.dirname, '../../tools/demo/main.ts')
/** Downloads included, where the local services are not cached yet. */
const RUN_LIMIT_MS = 300_000
const STOP_LIMIT_MS = 60_000

interface Demo {
  child: ChildProcess
  /** The demo's working directory; its .env leads nowhere. */
  cwd: string
  /** The directory for temporary files and work of the demo and of all processes that it starts. */
  temporary: string
  output: () => string
  saw(text: string | RegExp, limitMs?: number): Promise<void>
  exited: Promise<{ code: unknown; signal: unknown }>
}

async function startDemo(services: Record<string, string>): Promise<Demo> {
  const cwd = await mkdtemp(join(tmpdir(), 'demo-cwd-'))
  const temporary = await mkdtemp(join(tmpdir(), 'demo-tmp-'))
  const hostile = 'KAFKA_BOOTSTRAP_SERVERS=192.0.2.1:9\nREDIS_HOST=192.0.2.1\nTEST_SERVICES=given\nOPENAI_KEY=sk-real\n'
  await writeFile(join(cwd, '.env'), hostile)
  const others = Object.entries(process.env).filter(([name]) => !/^(KAFKA|REDIS|OPENAI|TEST|VITEST|LOG)_/.test(name))
  const child = spawn(process.execPath, [MAIN], {
    cwd,
    // A group of its own, as a terminal gives it: Ctrl-C reaches all of the group.
    detached: true,
    env: { ...Object.fromEntries(others), TMPDIR: temporary, ...services },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
  }
  const exited = once(child, 'close').then(([code, signal]) => ({ code, signal }))
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await exited
    await rm(cwd, { recursive: true, force: true })
  })
  const saw = (what: string | RegExp, limitMs = RUN_LIMIT_MS) =>
    waitUntil(
      () => (typeof what === 'string' ? text.includes(what) : what.test(text)),
      limitMs,
      () => `the demo did not say ${what}; it said:\n${text}`,
    )
  return { child, cwd, temporary, output: () => text, saw, exited }
}

/** Every process that was started by the demo works in its temporary directory, or in the demo's own. */
async function processesOf({ cwd, temporary }: Demo): Promise<string[]> {
  if (!existsSync('/proc/self/cwd')) return []
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const places = await Promise.all(
    pids.map(async (pid) => ({ pid, place: await readlink(`/proc/${pid}/cwd`).catch(() => '') })),
  )
  return places.filter(({ place }) => place.startsWith(temporary) || place.startsWith(cwd)).map(({ pid }) => pid)
}

/** No process and no temporary file: at once when the demo could clean up, soon when it was killed. */
async function expectNothingLeft(demo: Demo, limitMs = STOP_LIMIT_MS): Promise<void> {
  let processes: string[] = []
  let files: string[] = []
  await waitUntil(
    async () => {
      processes = await processesOf(demo)
      files = await readdir(demo.temporary)
      return processes.length === 0 && files.length === 0
    },
    limitMs,
    () => `left: processes ${processes.join(', ')}; files ${files.join(', ')}`,
  )
  await rm(demo.temporary, { recursive: true })
}

/** How many of the samples a model is asked about. */
const DIFFERENT_TEXTS = 16

const LOCAL = { TEST_SERVICES: 'local' }

function given(): Record<string, string> {
  const { hostname, port } = new URL(inject('redisUrl'))
  return {
    TEST_SERVICES: 'given',
    KAFKA_BOOTSTRAP_SERVERS: inject('kafkaBrokers').join(','),
    REDIS_HOST: hostname,
    REDIS_PORT: port,
  }
}

/** The topics, groups and keys that a run has left behind on shared services. */
async function tracesOf(tag: string): Promise<string[]> {
  const kafka = new kafkajs.Kafka({ brokers: inject('kafkaBrokers'), logLevel: kafkajs.logLevel.NOTHING })
  const admin = kafka.admin()
  const redis = new Redis(inject('redisUrl'))
  try {
    await admin.connect()
    const { groups } = await admin.listGroups()
    const names = [...(await admin.listTopics()), ...groups.map(({ groupId }) => groupId)]
    return [...names.filter((name) => name.startsWith(tag)), ...(await redis.keys(`${tag}*`))]
  } finally {
    redis.disconnect()
    await admin.disconnect()
  }
}

test(
  'the demo brings its services, scores the samples, finds its audit clean, and leaves only logs',
  async () => {
    const demo = await startDemo(LOCAL)
    const exit = await demo.exited
    const said = demo.output()
    expect({ ...exit, said }).toEqual({ code: 0, signal: null, said })
    expect(said).toMatch(/stand-in answers, NOT GPT/)
    expect(said).toMatch(/budget is raised for the demo/)
    expect(said).toContain('services: local')
    expect(said).toMatch(/answered once +19 +of 19\n/)
    expect(said).toMatch(/lost +0\n *doubled +0\n *dead letters +1 +not_json_object\n/)
    const [, calls, paid] = said.match(/model calls +(\d+) .*; (\d+) paid for outcomes/) ?? []
    expect(Number(calls)).toBeGreaterThanOrEqual(DIFFERENT_TEXTS)
    // A request with the same texts as another is answered from the cache, unless both are asked at once. Calls that died with their worker
    // are in no outcome; the audit counts them.
    expect(Number(paid)).toBeLessThanOrEqual(DIFFERENT_TEXTS + 1)
    expect(said).toMatch(/ready after [\d.]+ s: Kafka \d+\.\d+\.\d+, Redis \d+\.\d+/)
    expect(said).toMatch(/SIGKILL to worker 1 \(pid \d+\), [1-3] calls? in flight\n/)
    expect(said).toMatch(/takeover: [\d.]+ s from the kill/)
    expect(said).toContain('What to try next:')
    expect(said).not.toContain('WRONG')
    expect(said).toMatch(/\n +1001 +backend, опытный +\d+ +Подходит +[\d.]+ s {2}scored +«.+\n/)
    expect(said).toMatch(/повтор первого .* duplicate, skipped +-\n/)
    expect(said).toMatch(/слишком длинное .* failed: too long +-\n/)
    expect(said.match(/\n *9007199254742995 .* s {2}scored( from cache)? +.+\n/g)).toHaveLength(1)
    expect(said.split('\n').filter((line) => line.length > 120)).toEqual([])

    const logs = said.match(/logs\/\S+\/auth_service\.log/g) ?? []
    expect(logs).toHaveLength(2)
    const lines = await Promise.all(logs.map((log) => readFile(join(demo.cwd, log), 'utf8')))
    // The first worker is killed in the middle.
    expect(lines[1]).toContain('request finished')
    await expectNothingLeft(demo, 0)
  },
  RUN_LIMIT_MS,
)

test(
  'Ctrl-C while answers come ends the demo, and given services are as they were',
  async () => {
    const demo = await startDemo(given())
    await demo.saw(/ 2\/20 /)
    const [tag = ''] = /demo-[\da-f]{8}/.exec(demo.output()) ?? []
    expect(await tracesOf(tag)).not.toEqual([])
    process.kill(-(demo.child.pid ?? 0), 'SIGINT')
    await expect.poll(() => demo.child.exitCode, { timeout: STOP_LIMIT_MS }).toBe(130)
    await demo.exited
    expect(demo.output()).toMatch(/Everything that was started is stopped\.\n$/)
    expect(await tracesOf(tag)).toEqual([])
    await expectNothingLeft(demo, 0)
  },
  RUN_LIMIT_MS,
)

test(
  'Ctrl-C while the services start leaves none of them',
  async () => {
    const demo = await startDemo(LOCAL)
    await demo.saw('starting Kafka')
    process.kill(-(demo.child.pid ?? 0), 'SIGINT')
    await expect.poll(() => demo.child.exitCode, { timeout: STOP_LIMIT_MS }).toBe(130)
    await demo.exited
    await expectNothingLeft(demo, 0)
  },
  RUN_LIMIT_MS,
)

test(
  'a demo that is killed takes broker, Redis and workers with it',
  async () => {
    const demo = await startDemo(LOCAL)
    await demo.saw(/ 1\/20 /)
    // The demo, its broker, Redis and two workers, and those of their guards that work in these directories.
    expect((await processesOf(demo)).length).toBeGreaterThanOrEqual(5)
    demo.child.kill('SIGKILL')
    await demo.exited
    await expectNothingLeft(demo)
  },
  RUN_LIMIT_MS,
)
