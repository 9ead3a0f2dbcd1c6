import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { CommandContext } from '../../src/cli/define.ts'
import { run as evaluate } from '../../src/cli/evaluate.ts'
import { openResults } from '../../src/cli/evaluation/results.ts'
import { run as explain } from '../../src/cli/explain.ts'
import { run as redecide } from '../../src/cli/redecide.ts'
import { loadConfig } from '../../src/config.ts'
import type { Result } from '../../src/cli/evaluation/labelled-set.ts'

const AWAY = {
  OPENAI_KEY: 'sk-test',
  REDIS_PORT: '1',
  KAFKA_BOOTSTRAP_SERVERS: 'localhost:1',
  KAFKA_TOPIC_FOR_DECISIONS: 'decisions',
}

let folder: string
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'evaluation-'))))
afterEach(() => rmSync(folder, { recursive: true }))

function context(args: string[]) {
  const [out, err]: [string[], string[]] = [[], []]
  const print = (line: string) => void out.push(line)
  const complain = (line: string) => void err.push(line)
  const { signal } = new AbortController()
  const given: CommandContext = { args, env: AWAY, signal, print, complain, config: () => loadConfig(AWAY) }
  return { ...given, out, err }
}

test.each([
  [explain, [], 'Missing ID'],
  [explain, ['1', '--since', 'always'], '--since must be a time'],
  [redecide, ['--dry-run'], 'Missing --threshold N'],
  [redecide, ['--dry-run', '--threshold', '101'], '--threshold must be a score from 0 to 100'],
  [redecide, ['--threshold', '60'], 'Published outcomes are final'],
  [evaluate, [], 'Missing --set FILE.jsonl'],
  [evaluate, ['--set', 'x', '--repeat', '0'], '--repeat must be a whole number of 1 or more'],
  [evaluate, ['--set', 'x', '--price-prompt', '1'], 'must be given together'],
  [evaluate, ['--set', 'x', '--price-prompt', '1', '--price-completion', '1,6'], '--price-completion must be a number'],
])('wrong arguments are answered with what is wrong and the usage: %o %j', async (run, args, problem) => {
  const told = context(args)
  expect(await run(told)).toBe(64)
  expect(told.err[0]).toContain(problem)
  expect(told.err[1]).toMatch(/^usage: resume-scoring-worker /)
})

test('services that are away are named', async () => {
  await expect(explain(context(['1']))).rejects.toThrow(
    /^Kafka at localhost:1: .*ECONNREFUSED.*; and Redis at localhost:1 does not answer/,
  )
  const set = { id: 'a', requirements: 'r', resume: 'r', expected: { verdict: 'Подходит', score: [50, 100] } }
  writeFileSync(join(folder, 'set.jsonl'), JSON.stringify(set))
  const told = context(['--set', join(folder, 'set.jsonl'), '--out', join(folder, 'out.json')])
  await expect(evaluate(told)).rejects.toThrow(/^Redis at localhost:1 does not answer: .*ECONNREFUSED/)
})

test('a set that is not there, and a line of it that is wrong, are named before anything is asked', async () => {
  await expect(evaluate(context(['--set', join(folder, 'no.jsonl')]))).rejects.toThrow(
    /no\.jsonl cannot be read: there is no such file/,
  )
  writeFileSync(join(folder, 'set.jsonl'), '\n{"id": "a"}')
  await expect(evaluate(context(['--set', join(folder, 'set.jsonl')]))).rejects.toThrow(/^line 2 of the set: /)
})

describe('the file of results', () => {
  const asked = { model: 'm', promptVersion: 'p' }
  const result = (id: string): Result => ({
    id,
    variant: 'original',
    repeat: 1,
    score: 50,
    verdict: 'Подходит',
    modelScore: 50,
    met: 3,
    unproved: 0,
    rejected: [],
    promptTokens: 10,
    completionTokens: 1,
    failure: null,
  })
  const path = () => join(folder, 'deeper', 'out.runs.jsonl')

  test('gives back what was added to it', async () => {
    const first = await openResults(path(), asked)
    expect(first.done).toEqual([])
    await first.add(result('a'))
    await first.add(result('b'))
    expect((await openResults(path(), asked)).done).toEqual([result('a'), result('b')])
  })

  test('outlives a line that was cut off: neither what was before nor what comes after is lost', async () => {
    await (await openResults(path(), asked)).add(result('a'))
    writeFileSync(path(), JSON.stringify(result('cut')).slice(0, 40), { flag: 'a' })
    await (await openResults(path(), asked)).add(result('b'))
    expect((await openResults(path(), asked)).done).toEqual([result('a'), result('b')])
  })

  test('of another evaluation is refused, and says what is different; it stays as it is', async () => {
    await (await openResults(path(), asked)).add(result('a'))
    const before = readFileSync(path(), 'utf8')
    const other = { ...asked, promptVersion: 'q' }
    await expect(openResults(path(), other)).rejects.toThrow('(changed: promptVersion)')
    expect(readFileSync(path(), 'utf8')).toBe(before)
  })

  test.each(['a letter to somebody\n', '{"asked', 'null\n', '[]\n'])('that is none is left alone: %j', async (text) => {
    const file = join(folder, 'letter')
    writeFileSync(file, text)
    await expect(openResults(file, asked)).rejects.toThrow('holds no results of an evaluation')
    expect(readFileSync(file, 'utf8')).toBe(text)
  })
})
