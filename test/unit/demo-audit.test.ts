import { describe, expect, test } from 'vitest'
import type { Answer } from '../../tools/demo/answers.ts'
import { readNotification, readRecordId } from '../../tools/demo/answers.ts'
import type { Evidence } from '../../tools/demo/audit.ts'
import { audit } from '../../tools/demo/audit.ts'
import { demoSamples } from '../../tools/demo/samples.ts'
import { answerLine, auditLines, fit, flagLines, tableLines } from '../../tools/demo/screen.ts'
import { workerKey } from '../../tools/demo/stage.ts'
import { lostCalls, takeoverMs } from '../../tools/demo/takeover.ts'
import { createTerminal, wrap } from '../../tools/demo/terminal.ts'
import type { Arrival } from '../../tools/openai-stub/arrivals.ts'
import { hashKey } from '../../tools/openai-stub/decide.ts'
import { encodeFailure, encodeRecord, encodeSuccess } from '../../src/contracts.ts'
import { FAILURES } from '../../src/errors.ts'

const samples = demoSamples(1_001n)
const SENT_AT_MS = 1_000
const plain = { attempts: 1, cached: false, flags: '' }

function answerTo(id: bigint, expected: string): Answer {
  const about = { id, atMs: SENT_AT_MS + 1_234, ...plain }
  if (expected === 'scored') {
    return { ...about, result: { kind: 'score', score: 57, verdict: 'Подходит', matches: ['Опыт работы', 'Redis'] } }
  }
  const message = expected === 'too_long' ? FAILURES.too_long.message : 'Запрос составлен неверно: поле «resume» …'
  return { ...about, attempts: 0, result: { kind: 'failure', message } }
}

/** As it is after a run without a fault. */
function cleanEvidence(): Evidence {
  const notifications = samples.flatMap(({ processingId, expected }) =>
    processingId === null || expected === 'duplicate' ? [] : [answerTo(processingId, expected)],
  )
  const scored = notifications.filter(({ result }) => result.kind === 'score')
  const broken = samples.filter(({ expected }) => expected === 'dead_letter')
  return {
    notifications,
    records: scored.map(({ id }) => id),
    deadLetters: broken.map(({ value }) => ({ value, reason: 'not_json_object' })),
    proofs: new Map(scored.map(({ id }) => [id, 'Пять лет пишу на TypeScript'])),
    calls: scored.length,
    lostCalls: 0,
  }
}

test('a run without a fault has a clean audit', () => {
  const { rows, ...figures } = audit(samples, cleanEvidence())
  expect(figures).toEqual({
    ids: 19,
    answeredOnce: 19,
    lost: 0,
    doubled: 0,
    deadLetterReasons: ['not_json_object'],
    calls: 17,
    paid: 17,
    problems: [],
  })
  const outcomes = Object.fromEntries(rows.map(({ sample, outcome }) => [sample.expected, outcome]))
  expect(outcomes).toEqual({
    scored: 'scored',
    duplicate: 'duplicate, skipped',
    dead_letter: 'dead letter',
    invalid: 'failed: invalid',
    too_long: 'failed: too long',
  })
})

const firstOf = (evidence: Evidence): Answer => {
  const [first] = evidence.notifications
  if (first === undefined) throw new Error('no answers')
  return first
}

test.each<[string, (clean: Evidence) => Partial<Evidence>, { lost: number; doubled: number }, RegExp]>([
  ['an id without an answer', (e) => ({ notifications: e.notifications.slice(1) }), { lost: 1, doubled: 0 }, /1001/],
  ['a broken message that is gone', () => ({ deadLetters: [] }), { lost: 1, doubled: 0 }, /оборванное/],
  [
    'an id answered twice',
    (e) => ({ notifications: [...e.notifications, firstOf(e)], calls: e.calls + 1 }),
    { lost: 0, doubled: 1 },
    /more than once: 1001/,
  ],
  ['a record written twice', (e) => ({ records: [...e.records, 1_001n] }), { lost: 0, doubled: 1 }, /1001/],
  ['a success without its record', (e) => ({ records: e.records.slice(1) }), { lost: 0, doubled: 0 }, /1001/],
  [
    'a score that should be a failure',
    (e) => ({
      notifications: e.notifications.map((each) =>
        each.result.kind === 'failure' ? { ...answerTo(each.id, 'scored'), attempts: 0 } : each,
      ),
      records: e.notifications.map(({ id }) => id),
    }),
    { lost: 0, doubled: 0 },
    /пустое резюме/,
  ],
  [
    'an answer that nobody asked for',
    (e) => ({ notifications: [...e.notifications, { ...firstOf(e), id: 5n, attempts: 0 }] }),
    { lost: 0, doubled: 0 },
    /never sent: 5/,
  ],
  ['a call that nobody paid', (e) => ({ calls: e.calls + 1 }), { lost: 0, doubled: 0 }, /18 model calls, but 17/],
])('the audit finds %s', (_what, damage, figures, problem) => {
  const clean = cleanEvidence()
  const found = audit(samples, { ...clean, ...damage(clean) })
  expect(found).toMatchObject(figures)
  expect(found.problems.join('\n')).toMatch(problem)
})

test('calls that died with a worker are paid without an outcome, and no more than those', () => {
  const clean = cleanEvidence()
  expect(audit(samples, { ...clean, calls: clean.calls + 2, lostCalls: 3 }).problems).toEqual([])
  expect(audit(samples, { ...clean, calls: clean.calls + 4, lostCalls: 3 }).problems).toEqual([
    '21 model calls, but 17 paid for outcomes, and at most 3 died with a worker',
  ])
})

test('a call whose answer a worker had not stored when it died was repeated, or its answer was in the cache', () => {
  const clean = cleanEvidence()
  const callsOf = (evidence: Partial<Evidence>) => auditLines(audit(samples, { ...clean, ...evidence })).at(-1)
  expect(callsOf({})).toMatch(/17 paid for outcomes$/)
  expect(callsOf({ calls: 19, lostCalls: 2 })).toMatch(
    /17 paid for outcomes, 2 not stored when the worker died \(repeated\)$/,
  )
  const [first, ...others] = clean.notifications
  const fromCache = { ...first, attempts: 0, cached: true } as Answer
  const line = callsOf({ calls: 19, lostCalls: 3, notifications: [fromCache, ...others] })
  expect(line).toMatch(/16 paid for outcomes, 3 not stored when the worker died \(repeated or cached\)$/)
  expect(line?.length).toBeLessThan(120)
})

describe('the table', () => {
  const evidence = cleanEvidence()
  const flagged = { ...firstOf(evidence), flags: 'resume:demands_score,resume:overrides_instructions' }
  const { rows } = audit(samples, { ...evidence, notifications: [flagged, ...evidence.notifications.slice(1)] })

  test('has a line and a proof for each, with Cyrillic aligned', () => {
    const lines = tableLines(rows, SENT_AT_MS, 120)
    expect(lines).toHaveLength(samples.length + 2)
    const scored = lines.filter((line) => line.includes('Подходит'))
    expect(new Set(scored.map((line) => line.indexOf('Подходит'))).size).toBe(1)
    expect(lines[2]).toMatch(
      /1001 .*backend, опытный .* 57 {2}Подходит .*1\.2 s {2}scored, flagged +«Пять лет пишу на Type/,
    )
    expect(flagLines(rows)).toEqual([expect.stringMatching(/1001 .*overrides_instructions/)])
  })

  test.each([60, 80, 100, 120])('fits %i columns', (columns) => {
    for (const line of tableLines(rows, SENT_AT_MS, columns)) expect(line.length).toBeLessThanOrEqual(columns)
    const [answer] = evidence.notifications
    const line = answerLine(answer!, samples[0], '1/20', columns)
    expect(line).toMatch(/1001 .*57 {2}Подходит$/)
    expect(line.length).toBeLessThanOrEqual(columns)
  })
})

describe('the terminal', () => {
  const of = (stdout: object, env: Record<string, string> = {}) => {
    let text = ''
    const terminal = createTerminal({ write: (chunk: string) => ((text += chunk), true), ...stdout }, env)
    return { ...terminal, text: () => text }
  }

  test('keeps the line that changes below what is printed', () => {
    const { print, live, text } = of({ isTTY: true, columns: 80 })
    live('1/20 done')
    print('an answer')
    live(null)
    expect(text()).toBe('1/20 done\r\u001B[2Kan answer\n1/20 done\r\u001B[2K')
  })

  test.each([
    ['a pipe', {}, {}],
    ['a dumb terminal', { isTTY: true, columns: 80 }, { TERM: 'dumb' }],
  ])('in %s nothing goes back and nothing is coloured', (_what, stdout, env) => {
    const { print, live, good, text } = of(stdout, env)
    live('1/20 done')
    print(good('clean'))
    expect(text()).toBe('clean\n')
  })

  test('is coloured, unless NO_COLOR is set', () => {
    expect(of({ isTTY: true }).bad('killed')).toBe('\u001B[31mkilled\u001B[39m')
    expect(of({ isTTY: true }, { NO_COLOR: '1' }).bad('killed')).toBe('killed')
  })

  test('wraps at spaces, with an indent', () => {
    expect(wrap('  one two three', 10)).toEqual(['  one two', '    three'])
    const { print, text } = of({ columns: 20 })
    print('a '.repeat(60).trim())
    expect(
      text()
        .split('\n')
        .map(({ length }) => length),
    ).toEqual([59, 59, 3, 0])
  })
})

describe('the takeover', () => {
  const kill = { atMs: 1_000, pid: 1, inFlight: 2 }
  const at = (id: bigint, atMs: number) => ({ ...answerTo(id, 'scored'), atMs })

  test('takes until the first answer of the partition that waited longest', () => {
    const partitions = [new Set([1n, 3n]), new Set([2n, 4n])]
    const answers = [at(1n, 900), at(2n, 1_100), at(4n, 1_200), at(3n, 15_000)]
    expect(takeoverMs(kill, answers, partitions)).toBe(14_000)
    expect(takeoverMs(kill, answers.slice(0, 1), partitions)).toBeNull()
  })

  test('counts the calls that may have died with their worker', () => {
    const arrival = (n: number, atMs: number, more: object) =>
      ({ key: hashKey(workerKey(n)), atMs, status: 200, aborted: false, ...more }) as Arrival
    const arrivals = [
      arrival(0, -5_000, {}),
      arrival(0, 800, {}),
      arrival(0, 900, { status: null, aborted: true }),
      arrival(1, 900, {}),
    ]
    expect(lostCalls(arrivals, kill)).toBe(2)
    expect(lostCalls(arrivals, null)).toBe(0)
  })
})

test('a letter of two characters takes one column', () => {
  expect(fit('и\u0306од', 4)).toBe('и\u0306од ')
  expect(fit('длинное', 4)).toBe('дли…')
  expect(fit('7', 3, true)).toBe('  7')
})

test('what the worker writes is what the audit reads, to the last digit', () => {
  const id = 9_223_372_036_854_775_807n
  const to = { callbackUrl: 'https://a.example', processingId: id, userId: 1n, resumeId: 2n, requirementsId: 3n }
  const score = { score: 71, matches: ['Kafka'], recommendation: 'Позвать.', verdict: 'Подходит' as const }
  const read = (text: string, headers = {}) =>
    readNotification({ value: Buffer.from(text), headers, timestampMs: SENT_AT_MS })
  expect(read(encodeSuccess(to, score), { 'scoring-attempts': Buffer.from('2'), 'scoring-cached': 'true' })).toEqual({
    id,
    atMs: SENT_AT_MS,
    result: { kind: 'score', score: 71, verdict: 'Подходит', matches: ['Kafka'] },
    attempts: 2,
    cached: true,
    flags: '',
  })
  expect(read(encodeFailure(to, 'Нельзя.', null)).result).toEqual({ kind: 'failure', message: 'Нельзя.' })
  const record = { partition: 0, offset: 0n, key: null, headers: {}, timestampMs: 0 }
  expect(readRecordId({ ...record, value: Buffer.from(encodeRecord(to, score)) })).toBe(id)
})
