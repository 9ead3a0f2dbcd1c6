/** What a command says when Kafka, Redis or the provider is away. */
import { expect, test } from 'vitest'
import { run as adoptOffsets } from '../../src/cli/adopt-offsets.ts'
import { run as forget } from '../../src/cli/forget.ts'
import { run as inspect } from '../../src/cli/inspect.ts'
import { run as pause } from '../../src/cli/pause.ts'
import { run as replay } from '../../src/cli/replay-dead-letters.ts'
import { run as resume } from '../../src/cli/resume.ts'
import { run as send } from '../../src/cli/send.ts'
import { AWAY, WITHOUT_KEY, context, runNamed, texts } from './command-runs.ts'

test.concurrent.each([
  ['send', ...texts],
  ['inspect', '-1'],
  ['explain', '-1'],
  ['redecide', '--threshold', '1', '--dry-run'],
  ['pause'],
  ['resume'],
  ['forget', '-1'],
  ['adopt-offsets', '--from', 'other'],
  ['replay-dead-letters'],
])('%s calls no provider, and asks for no key', async (name, ...args) => {
  await expect(runNamed(WITHOUT_KEY, name, ...args)).rejects.toThrow(/^(Redis|Kafka) at localhost:1/)
})

test.concurrent(
  'doctor looks at all parts although none answers, and --check is the same',
  async () => {
    const env = { ...AWAY, OPENAI_BASE_URL: 'http://localhost:1/v1' }
    const { code, out } = await runNamed(env, '--check')
    expect(code).toBe(1)
    expect(out.split('\n').map((line) => line.replace(/^(\S+) +(\S+) .*/, '$1 $2'))).toEqual([
      'ok settings',
      'FAIL Kafka',
      'FAIL Redis',
      'FAIL provider',
    ])
    expect(out).toContain('connection failed: ECONNREFUSED at http://localhost:1/v1')
  },
  30_000,
)

test.concurrent.each([
  ['pause', pause, []],
  ['resume', resume, []],
  ['inspect', inspect, ['1']],
  ['forget', forget, ['1']],
  ['adopt-offsets', adoptOffsets, ['--from', 'other']],
])('%s says that Redis is away, why, and ends', async (_name, run, args) => {
  await expect(run(context(args))).rejects.toThrow(
    /^Redis at localhost:1 does not answer: .*ECONNREFUSED.* \(check REDIS_HOST and REDIS_PORT\)/,
  )
})

test.concurrent.each([
  ['send', send, texts],
  ['replay-dead-letters', replay, []],
])('%s says that Kafka is away, why, and ends', async (_name, run, args) => {
  await expect(run(context(args))).rejects.toThrow(
    /^Kafka at localhost:1: .*ECONNREFUSED.* \(check KAFKA_BOOTSTRAP_SERVERS, and the addresses that the brokers advertise\)$/,
  )
})

test.concurrent('status says of each half why it is not shown, and needs no key', async () => {
  const { code, out } = await runNamed(WITHOUT_KEY, 'status')
  expect(code).toBe(1)
  expect(out).toMatch(/unknown\. Redis at localhost:1 does not answer: .*ECONNREFUSED/)
  expect(out).toMatch(/backlog: unknown\. Kafka at localhost:1: .*ECONNREFUSED/)
  expect(out).not.toContain('KafkaJS')
})

test.concurrent('an interrupted command ends at once', async () => {
  const user = new AbortController()
  const ended = pause(context([], user.signal))
  user.abort(new Error('SIGINT'))
  await expect(ended).rejects.toThrow('SIGINT')
})
