/** What all commands share: usage, exit codes, and one clear sentence when a service is away. */
import { expect, test } from 'vitest'
import type { CommandContext } from '../../src/cli/commands.ts'
import { run as adoptOffsets } from '../../src/cli/adopt-offsets.ts'
import { run as forget } from '../../src/cli/forget.ts'
import { run as inspect } from '../../src/cli/inspect.ts'
import { run as pause } from '../../src/cli/pause.ts'
import { run as replay } from '../../src/cli/replay-dead-letters.ts'
import { run as resume } from '../../src/cli/resume.ts'
import { run as send } from '../../src/cli/send.ts'
import { run as status } from '../../src/cli/status.ts'
import { loadConfig } from '../../src/config.ts'

const AWAY = { OPENAI_KEY: 'sk-test', REDIS_PORT: '1', KAFKA_BOOTSTRAP_SERVERS: 'localhost:1' }
const texts = ['--resume', import.meta.filename, '--requirements', import.meta.filename]

function context(args: string[], signal = new AbortController().signal): CommandContext & { out: string[] } {
  const out: string[] = []
  return { args, env: AWAY, signal, out, print: (line) => void out.push(line), config: () => loadConfig(AWAY) }
}

test.each([
  [send, ['--resume', import.meta.filename], 'Missing --requirements FILE'],
  [send, [...texts, '--processing-id', '1e3'], '--processing-id must be a signed 64-bit integer'],
  [send, [...texts, '--timeout', 'soon'], '--timeout must be a whole number of 1 or more'],
  [inspect, [], 'Missing ID'],
  [inspect, ['9223372036854775808'], 'ID must be a signed 64-bit integer'],
  [inspect, ['1', '--since', '3'], '--since must be a time such as 90s, 30m, 12h or 3d'],
  [forget, ['1', '2'], "Unexpected argument '2'"],
  [status, ['--verbose'], "Unknown option '--verbose'"],
  [adoptOffsets, [], 'Missing --from GROUP'],
  [replay, ['--limit', '0'], '--limit must be a whole number of 1 or more'],
])('wrong arguments are answered with what is wrong and the usage: %o %j', async (run, args, problem) => {
  const told = context(args)
  expect(await run(told)).toBe(64)
  expect(told.out[0]).toContain(problem)
  expect(told.out[1]).toMatch(/^usage: resume-scoring-worker /)
})

test('help is the usage, and no error', async () => {
  const told = context(['--help'])
  expect(await inspect(told)).toBe(0)
  expect(told.out[0]).toMatch(/^usage: resume-scoring-worker inspect ID/)
})

test('a file that cannot be read is named', async () => {
  const told = context(['--resume', 'nowhere.txt', '--requirements', import.meta.filename])
  await expect(send(told)).rejects.toThrow(/^--resume nowhere\.txt cannot be read: ENOENT$/)
})

test.concurrent.each([
  ['pause', pause, []],
  ['resume', resume, []],
  ['status', status, []],
  ['inspect', inspect, ['1']],
  ['forget', forget, ['1']],
  ['adopt-offsets', adoptOffsets, ['--from', 'other']],
])('%s says that Redis is away, why, and ends', async (_name, run, args) => {
  await expect(run(context(args))).rejects.toThrow(/^Redis at localhost:1 does not answer: .*ECONNREFUSED/)
})

test.concurrent.each([
  ['send', send, texts],
  ['replay-dead-letters', replay, []],
])('%s says that Kafka is away, why, and ends', async (_name, run, args) => {
  await expect(run(context(args))).rejects.toThrow(/^Kafka at localhost:1: .*ECONNREFUSED/)
})

test.concurrent('an interrupted command ends at once', async () => {
  const user = new AbortController()
  const ended = pause(context([], user.signal))
  user.abort(new Error('SIGINT'))
  await expect(ended).rejects.toThrow('SIGINT')
})
