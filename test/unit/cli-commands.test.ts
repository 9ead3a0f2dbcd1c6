/** What all commands share: usage, exit codes, and one clear sentence for what is wrong. */
import { mkdtemp, readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runCommand } from '../../src/cli/commands.ts'
import type { Command } from '../../src/cli/define.ts'
import { defineCommand } from '../../src/cli/define.ts'
import { EXIT } from '../../src/cli/exit-codes.ts'
import { VERSION } from '../../src/lib/version.ts'
import { run as adoptOffsets } from '../../src/cli/adopt-offsets.ts'
import { run as forget } from '../../src/cli/forget.ts'
import { run as inspect } from '../../src/cli/inspect.ts'
import { run as replay } from '../../src/cli/replay-dead-letters.ts'
import { run as send } from '../../src/cli/send.ts'
import { run as status } from '../../src/cli/status.ts'
import { AWAY, WITHOUT_KEY, context, runNamed, texts } from './command-runs.ts'

test.each([
  [send, ['--resume', import.meta.filename], 'Missing --requirements FILE'],
  [send, [], 'Missing --resume FILE, --requirements FILE'],
  [send, [...texts, '--proccessing-id', '1'], "Unknown option '--proccessing-id': did you mean --processing-id?"],
  [send, [...texts, '--processing-id', '1e3'], '--processing-id must be a signed 64-bit integer'],
  [send, [...texts, '--timeout', 'soon'], '--timeout must be a whole number of 1 or more'],
  [inspect, [], 'Missing ID'],
  [inspect, ['9223372036854775808'], 'ID must be a signed 64-bit integer'],
  [inspect, ['1', '--since', '3'], '--since must be a time such as 90s, 30m, 12h or 3d'],
  [forget, ['1', '2'], "Unexpected argument '2'"],
  [status, ['--verbose'], "Unknown option '--verbose'"],
  [adoptOffsets, [], 'Missing --from GROUP'],
  [adoptOffsets, ['--from'], '--from needs a value'],
  [adoptOffsets, ['--from', '--dry-run'], '--from needs a value'],
  [replay, ['--reason', 'bad_ids'], '--reason must be one of not_utf8, not_json_object, bad_id, '],
  [replay, ['--limit', '0'], '--limit must be a whole number of 1 or more'],
])('wrong arguments are answered with what is wrong and the usage: %o %j', async (run, args, problem) => {
  const told = context(args)
  expect(await run(told)).toBe(64)
  expect(told.err[0]).toContain(problem)
  expect(told.err[1]).toMatch(/^usage: resume-scoring-worker /)
  // A program that reads the document finds no usage in it.
  expect(told.out).toEqual([])
})

test.each(['--help', '-h'])('%s is the usage, and no error', async (help) => {
  const told = context([help])
  expect(await inspect(told)).toBe(0)
  expect(told.out[0]).toMatch(/^usage: resume-scoring-worker inspect ID/)
  expect(told.err).toEqual([])
})

const seen: Command = defineCommand(
  {
    usage: ['seen ID'],
    example: 'seen -- 1',
    options: { id: { type: 'string' }, all: { type: 'boolean' } },
    names: ['ID'],
  },
  ({ values, positionals }) => Promise.resolve({ document: { ...values, positionals }, lines: [] }),
)

test.each([
  [['-5'], { positionals: ['-5'] }],
  [['-5', '--all'], { all: true, positionals: ['-5'] }],
  [['--all', '--', '-5'], { all: true, positionals: ['-5'] }],
  [['1', '--id', '-9223372036854775808'], { id: '-9223372036854775808', positionals: ['1'] }],
  [['--id=-3', '-5'], { id: '-3', positionals: ['-5'] }],
])('a negative id is an id and no option: %j', async (args, found) => {
  const told = context(['--json', ...args])
  expect(await seen(told)).toBe(0)
  expect(JSON.parse(told.out[0] ?? '')).toMatchObject(found)
})

test.each(['toString', 'constructor', '__proto__', 'nonsense', '-x'])(
  'a command that there is not, such as %s, is answered with those that there are',
  async (name) => {
    const { code, out, err } = await runNamed({}, name)
    expect({ code, out }).toEqual({ code: 64, out: '' })
    expect(err).toMatch(new RegExp(`^unknown command: ${name}\nusage: resume-scoring-worker.*\n  send  +--resume`))
  },
)

test.each(['help', '--help', '-h'])('%s tells the commands, and is no error', async (name) => {
  const { code, out, err } = await runNamed({}, name)
  expect({ code, err }).toEqual({ code: 0, err: '' })
  expect(out).toMatch(/^usage: resume-scoring-worker.*\n {2}send {2,}--resume/)
})

test('wrong arguments are told before wrong settings', async () => {
  const { code, err } = await runNamed(WITHOUT_KEY, 'evaluate')
  expect({ code, told: err.split('\n')[0] }).toEqual({
    code: 64,
    told: 'Missing --set FILE.jsonl or --claims FILE.jsonl',
  })
})

test('what calls the provider asks for a key', async () => {
  await expect(runNamed(WITHOUT_KEY, 'evaluate', '--set', 'x')).rejects.toThrow(/OPENAI_KEY must be set/)
})

test.each([
  ['statsu', 'status'],
  ['insepct', 'inspect'],
  ['replay-deadletters', 'replay-dead-letters'],
])('%s is answered with the command that it was meant to be', async (name, meant) => {
  expect((await runNamed({}, name)).err).toContain(`unknown command: ${name} (did you mean ${meant}?)`)
})

test('--version is the version, of each command too', async () => {
  expect(await runNamed({}, '--version')).toEqual({ code: 0, out: VERSION, err: '' })
  expect(await runNamed({}, 'status', '--version')).toEqual({ code: 0, out: VERSION, err: '' })
})

test('every command tells one example of itself, which npm knows, and needs no settings for it', async () => {
  const { out } = await runNamed({}, '--help')
  const names = [...out.matchAll(/^ {2}([a-z-]+) /gm)]
    .map(([, name]) => name ?? '')
    .filter((name) => !name.startsWith('-'))
  const { scripts } = JSON.parse(await readFile('package.json', 'utf8')) as { scripts: Record<string, string> }
  expect(names.length).toBeGreaterThan(10)
  for (const name of names) {
    const help = await runNamed({}, name, '--help')
    expect(help.code).toBe(0)
    expect(help.out.match(new RegExp(`^ {2}example: npm run ${name}(?: -- .+)?$`, 'gm'))).toHaveLength(1)
    expect(scripts[name]).toContain(`src/main.ts ${name}`)
  }
})

test('every exit code is in the table of docs/commands.md, and no other', async () => {
  const table = await readFile('docs/commands.md', 'utf8')
  const told = [...table.matchAll(/^\| (\d+) +\|/gm)].map(([, code]) => Number(code))
  expect(told).toEqual(Object.values(EXIT).toSorted((a, b) => a - b))
})

const VALID = {
  callback_url: 'https://c/',
  processing_id: 1,
  user_id: 1,
  resume_id: 2,
  requirements_id: 3,
  requirements: 'Go',
  resume: 'Go',
}

test.each<[string, string | Buffer, number, string]>([
  ['a request', JSON.stringify(VALID), 0, 'it would be scored: processing_id 1'],
  ['an empty text', JSON.stringify({ ...VALID, resume: ' ' }), 1, '«resume»'],
  ['a wrong id', '{"callback_url":"https://c/","processing_id":"1"}', 1, 'dead-lettered'],
  ['half of it', '{"callback_url":', 1, 'the value is not JSON: it ends too early'],
  ['a comma too much', '{\n"callback_url": "x",\n}', 1, 'it is no JSON from line 3 column 1 on'],
  ['several messages', '{"a":1}\n{"a":2}\n', 1, 'each of its 2 lines is JSON: this checks one message'],
  ['a PDF', '%PDF-1.7', 1, 'its caller hears nothing (not_json_object): it seems to be a PDF'],
  [
    'another encoding',
    Buffer.from([0x22, 0xcf, 0xff, 0xe8, 0x22]),
    1,
    '(not_utf8): it seems to be text in windows-125',
  ],
  ['too much', JSON.stringify({ ...VALID, resume: 'x'.repeat(1_100_000) }), 1, 'MAX_REQUEST_BYTES'],
])('validate says what would become of a message: %s', async (_name, value, code, told) => {
  const path = join(await mkdtemp(join(tmpdir(), 'message-')), 'message.json')
  await writeFile(path, value)
  const { code: ended, out } = await runNamed(WITHOUT_KEY, 'validate', path)
  expect(out).toContain(told)
  expect(ended).toBe(code)
})

test('doctor names every setting that is wrong or not read, and what it seems to be meant for', async () => {
  const env = { OPENAI_KEY: '', REDIS_PORT: 'x', REDIS_HOTS: 'h', OPENAI_KEY_FILE: '' }
  const { code, out } = await runNamed(env, 'doctor')
  expect(code).toBe(78)
  expect(out).toContain('FAIL  settings  REDIS_PORT must be a whole number')
  expect(out).toContain('FAIL  settings  OPENAI_KEY must be set')
  expect(out).toContain('warn  settings  REDIS_HOTS is not read: did you mean REDIS_HOST?')
})

test('a file that cannot be read is named', async () => {
  const told = context(['--resume', 'nowhere.txt', '--requirements', import.meta.filename])
  await expect(send(told)).rejects.toThrow(/^--resume nowhere\.txt cannot be read: there is no such file$/)
})

test('claims are judged without a key, since no model is asked', async () => {
  const file = new URL('../../evaluation/claims.jsonl', import.meta.url).pathname
  const { print, complain, signal, out, err } = context([])
  const { OPENAI_KEY: _key, ...env } = AWAY
  expect(await runCommand('evaluate', ['--claims', file], env, signal, { print, complain })).toBe(EXIT.ok)
  expect(err).toEqual([])
  expect(out.join('\n')).toContain('As a careless model claims:')
  expect(await runCommand('evaluate', ['--set', file], env, signal, { print, complain }).catch(String)).toContain(
    'OPENAI_KEY must be set',
  )
})
