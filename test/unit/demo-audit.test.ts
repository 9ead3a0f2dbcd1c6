import { expect, test } from 'vitest'
import type { Answer } from '../../tools/demo/answers.ts'
import { readNotification, readRecordId } from '../../tools/demo/answers.ts'
import type { Evidence } from '../../tools/demo/audit.ts'
import { audit } from '../../tools/demo/audit.ts'
import { demoSamples } from '../../tools/demo/samples.ts'
import { COLUMNS, fit, flagLines, tableLines } from '../../tools/demo/screen.ts'
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
    calls: scored.length,
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

test('the table fits its columns, with Cyrillic aligned', () => {
  const evidence = cleanEvidence()
  const flagged = { ...firstOf(evidence), flags: 'resume:demands_score,resume:overrides_instructions' }
  const { rows } = audit(samples, { ...evidence, notifications: [flagged, ...evidence.notifications.slice(1)] })
  const lines = tableLines(rows, SENT_AT_MS)
  expect(lines).toHaveLength(samples.length + 2)
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(COLUMNS)
  const scored = lines.filter((line) => line.includes('Подходит'))
  expect(new Set(scored.map((line) => line.indexOf('Подходит'))).size).toBe(1)
  expect(lines[2]).toMatch(
    /1001 .*backend, опытный .* 57 {2}Подходит .* 2: Redis, Опыт работы .*1\.2 s {2}scored, flagged/,
  )
  expect(flagLines(rows)).toEqual([expect.stringMatching(/1001 .*overrides_instructions/)])
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
