import { describe, expect, test } from 'vitest'
import type { DecisionRecord } from '../../src/scoring/decision-record.ts'
import { explain } from '../../src/cli/decision-lines.ts'
import { readDecision } from '../../src/scoring/decision-record.ts'
import { encodeDecision, keepDecision, readKept } from '../../src/scoring/decision.ts'
import { passOn, provenanceHeaders } from '../../src/outcomes/headers.ts'
import { redecide } from '../../src/cli/verdict-flips.ts'
import { digestFields } from '../../src/scoring/text-key.ts'
import { verifyAnswer } from '../../src/scoring/verify.ts'

const texts = { requirements: 'Нужны Python и Kubernetes', resume: 'Аврора Лунина: Python пять лет' }
const address = {
  callbackUrl: 'https://example.com/hook?token=secret',
  processingId: 2n ** 62n + 1n,
  userId: 2n,
  resumeId: 3n,
  requirementsId: 4n,
}
const circumstances = {
  decidedAt: '2026-01-02T03:04:05.000Z',
  verdictMinScore: 50,
  model: 'gpt-x',
  promptVersion: 'prompt-9-abc',
  promptTokens: 100,
  completionTokens: 20,
}
const answer = {
  requirements: [
    { requirement: 'Python', quote: 'python пять лет', evidence: 'stated' as const },
    { requirement: 'Kubernetes', quote: 'эксперт Kubernetes', evidence: 'stated' as const },
    { requirement: 'Английский', quote: '', evidence: 'not_mentioned' as const },
  ],
  score: 90,
  recommendation: 'Кандидат подходит.',
}

async function decide() {
  const verified = await verifyAnswer(answer, texts, 50)
  const kept = keepDecision(verified, circumstances)
  return {
    verified,
    json: encodeDecision(address, verified.score, readKept(JSON.parse(JSON.stringify(kept))), texts),
  }
}

describe('a decision', () => {
  test('comes out whole of what was kept', async () => {
    const { json } = await decide()
    const decision = readDecision(Buffer.from(json))
    expect(decision).toMatchObject({
      processing_id: address.processingId,
      score: 20,
      model_score: 90,
      cached: false,
      verdict: 'Не подходит',
      corrections: ['proofs_dropped', 'score_lowered', 'recommendation_contradicts_verdict'],
      requirements: [
        { requirement: 'Python', met_by_model: true, proved: true, quote: 'Python пять лет', why_not: null },
        { requirement: 'Kubernetes', met_by_model: true, proved: false, quote: null, why_not: 'not_in_resume' },
        { requirement: 'Английский', met_by_model: false, proved: false, quote: null, why_not: null },
      ],
      resume_hash: digestFields([texts.resume]),
      model: 'gpt-x',
    })
    expect(json).not.toContain('example.com')
    expect(json).toContain('"processing_id":4611686018427387905,')
  })

  test('taken from the cache says so, and where its proofs are to be found', async () => {
    const { verified } = await decide()
    const decision = readDecision(
      Buffer.from(encodeDecision(address, verified.score, keepDecision(null, circumstances), texts)),
    )
    expect(decision).toMatchObject({ cached: true, model_score: null, requirements: [] })
    expect(decision?.resume_hash).toBe(digestFields([texts.resume]))
  })

  test('is explained in words', async () => {
    const decision = readDecision(Buffer.from((await decide()).json))
    const lines = explain(decision as DecisionRecord).join('\n')
    expect(lines).toContain('Request 4611686018427387905')
    expect(lines).toContain('Не подходит: score 20, positive from 50')
    expect(lines).toContain('"Python пять лет"')
    expect(lines).toContain('the quote does not stand in the resume')
  })

  test.each([null, Buffer.from('{'), Buffer.from('{"score":1}'), Buffer.from('[]')])('is not read into %s', (value) => {
    expect(readDecision(value)).toBeNull()
  })
})

describe('another threshold', () => {
  const decision = (id: bigint, score: number, verdict: 'Подходит' | 'Не подходит') =>
    ({ processing_id: id, score, verdict }) as DecisionRecord

  test('flips the verdicts between the two', () => {
    const records = [decision(1n, 40, 'Не подходит'), decision(2n, 55, 'Подходит'), decision(3n, 80, 'Подходит')]
    expect(redecide(records, 60)).toEqual({
      decisions: 3,
      flips: [{ processingId: 2n, score: 55, from: 'Подходит', to: 'Не подходит' }],
      accepted: 0,
      rejected: 1,
    })
    expect(redecide(records, 40)).toMatchObject({ accepted: 1, rejected: 0 })
    expect(redecide(records, 50).flips).toEqual([])
  })

  test('counts a request once, as last recorded', () => {
    const records = [decision(1n, 40, 'Не подходит'), decision(1n, 70, 'Подходит')]
    expect(redecide(records, 60)).toMatchObject({ decisions: 1, flips: [] })
  })
})

describe('headers', () => {
  const provenance = {
    ...circumstances,
    model: 'модель\n2',
    modelScore: 90,
    flags: ['resume:fake_answer', 'a:b'],
    review: ['flagged'],
  }

  test('tell how a result came about, in text that every reader takes', () => {
    expect(provenanceHeaders(provenance)).toEqual({
      'scoring-cached': 'false',
      'scoring-model': '???????2',
      'scoring-prompt-version': 'prompt-9-abc',
      'scoring-prompt-tokens': '100',
      'scoring-completion-tokens': '20',
      'scoring-model-score': '90',
      'scoring-flags': 'resume:fake_answer,a:b',
      'scoring-review': 'true',
    })
    const cached = provenanceHeaders({ ...provenance, modelScore: null, flags: [], review: [] })
    expect(cached).toMatchObject({ 'scoring-cached': 'true', 'scoring-flags': '' })
    expect(cached).not.toHaveProperty('scoring-review')
    expect(cached).not.toHaveProperty('scoring-model-score')
  })

  test('of the request are passed on, but for those that pretend to be ours', () => {
    const traceparent = Buffer.from('00-abc-def-01')
    const theirs = { traceparent, many: ['a', 'b'], 'Scoring-Billed-Tokens': '999999', 'scoring-cached': 'true' }
    expect(passOn(theirs, { 'scoring-cached': 'false' })).toEqual({
      traceparent,
      many: ['a', 'b'],
      'scoring-cached': 'false',
    })
  })
})
