import { expect, test } from 'vitest'
import { explainReasons } from '../../src/cli/decision-lines.ts'
import { encodeReasons, readReasons, REASONS_MAX_BYTES, takeOver } from '../../src/scoring/reasons.ts'
import { verifyAnswer } from '../../src/scoring/verify.ts'

const texts = {
  requirements: 'Нужны Python, опыт с Kubernetes и английский язык',
  resume: 'Аврора Лунина: Python пять лет, живёт в Туле',
}
const how = {
  decidedAt: '2026-01-02T03:04:05.000Z',
  verdictMinScore: 50,
  model: 'gpt-x',
  promptVersion: 'prompt-9-abc',
  promptTokens: 100,
  completionTokens: 20,
}
const stated = (requirement: string, quote: string) => ({ requirement, quote, evidence: 'stated' as const })

async function reasonsOf(requirements: Parameters<typeof verifyAnswer>[0]['requirements']) {
  const answer = { requirements, score: 90, recommendation: 'Кандидат подходит.' }
  const verified = await verifyAnswer(answer, texts, 50)
  return encodeReasons(verified.score, verified, texts, how)
}

test('each requirement is told with what the model said, whether it counted, and why not', async () => {
  const json = await reasonsOf([
    stated('Python', 'python пять лет'),
    stated('Kubernetes', 'эксперт Kubernetes'),
    { requirement: 'Английский', quote: '', evidence: 'not_mentioned' },
  ])
  const reasons = readReasons(json)
  expect(reasons).toMatchObject({
    score: 20,
    model_score: 90,
    requirements: [
      { requirement: 'Python', evidence: 'stated', proved: true, why_not: null },
      { requirement: 'Kubernetes', evidence: 'stated', proved: false, why_not: 'not_in_resume' },
      { requirement: 'Английский', evidence: 'not_mentioned', proved: false, why_not: null },
    ],
    omitted: 0,
  })
  if (reasons === null) throw new Error('no reasons')
  const lines = explainReasons(42n, reasons)
  expect(lines).toContain('Proved 1 of 3:')
  expect(lines).toContain('      stated, said the model; rejected: the quote does not stand in the resume')
})

test('nothing of the resume is kept, whatever the model calls a requirement', async () => {
  const json = await reasonsOf([stated('Опыт с Python: Аврора Лунина живёт в Туле', 'живёт в Туле')])
  expect(json).not.toMatch(/аврора|лунина|туле|живёт|пять лет/i)
  expect(readReasons(json)?.requirements[0]?.requirement).toBe('Опыт с Python: …')
})

test('a result keeps a bounded number of bytes, and says how many requirements had no room', async () => {
  const many = Array.from({ length: 200 }, (_, index) => ({
    requirement: `Kubernetes ${index} ${'английский язык и опыт '.repeat(5)}`,
    quote: '',
    evidence: 'not_mentioned' as const,
  }))
  const verified = await verifyAnswer({ requirements: many, score: 10, recommendation: 'Нет.' }, texts, 50)
  const finding = verified.findings[0]
  if (finding === undefined) throw new Error('no finding')
  const findings = many.map(() => finding)
  const json = encodeReasons(verified.score, { ...verified, findings }, texts, how)
  const reasons = readReasons(json)
  expect(Buffer.byteLength(json)).toBeLessThanOrEqual(REASONS_MAX_BYTES)
  expect(Buffer.byteLength(takeOver(json, how.decidedAt) ?? '')).toBeLessThanOrEqual(REASONS_MAX_BYTES)
  expect(reasons?.omitted).toBeGreaterThan(0)
  expect((reasons?.omitted ?? 0) + (reasons?.requirements.length ?? 0)).toBe(200)
})

test('a result from the cache is explained by the request that was asked about', async () => {
  const json = await reasonsOf([stated('Python', 'python пять лет'), stated('Kubernetes', 'эксперт Kubernetes')])
  const taken = readReasons(takeOver(json, '2026-01-03T00:00:00.000Z') ?? '')
  if (taken === null) throw new Error('no reasons')
  const lines = explainReasons(1n, taken).join('\n')
  expect(lines).toContain('Request 1, 2026-01-03T00:00:00.000Z')
  expect(lines).toContain(
    "taken from an earlier request with the same texts, scored 2026-01-02T03:04:05.000Z, the model's own score was 90",
  )
  expect(lines).toContain('Proved 1 of 2')
})

test('nothing is taken over of what cannot be read', () => {
  expect(takeOver('{', '2026-01-03T00:00:00.000Z')).toBeNull()
})

test('a result from a cache entry without reasons has no findings, and says where it comes from', async () => {
  const verified = await verifyAnswer({ requirements: [], score: 10, recommendation: 'Нет.' }, texts, 50)
  const reasons = readReasons(encodeReasons(verified.score, null, texts, how))
  expect(reasons?.model_score).toBeNull()
  if (reasons === null) throw new Error('no reasons')
  expect(explainReasons(1n, reasons).join('\n')).toContain('taken from an earlier request with the same texts')
})

test.each(['', '{}', 'no json', '{"score":1}'])('what was not written by it is no reasons: %s', (json) => {
  expect(readReasons(json)).toBeNull()
})
