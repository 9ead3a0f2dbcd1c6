import { expect, test } from 'vitest'
import type { Expected } from '../../tools/demo/samples.ts'
import { demoSamples } from '../../tools/demo/samples.ts'
import { decodeRequest } from '../../src/contracts.ts'
import { answer } from '../../tools/openai-stub/answer.ts'
import { countTokens } from '../../tools/openai-stub/tokens.ts'

const samples = demoSamples(1_000n)
const decoded = samples.map((sample) => ({ sample, message: decodeRequest(Buffer.from(sample.value)) }))

test('the samples are what their table says of them', () => {
  const kinds: Record<Expected, string> = {
    scored: 'request',
    duplicate: 'request',
    dead_letter: 'unanswerable',
    invalid: 'invalid',
    too_long: 'request',
  }
  for (const { sample, message } of decoded) {
    expect(message.kind).toBe(kinds[sample.expected])
    const id = message.kind === 'request' ? message.request.address.processingId : sample.processingId
    expect(id).toBe(sample.processingId)
  }
  expect(new Set(samples.map(({ expected }) => expected)).size).toBe(Object.keys(kinds).length)
})

test('only the duplicate repeats an id, and it comes after its original', () => {
  const duplicate = samples.findIndex(({ expected }) => expected === 'duplicate')
  const twins = samples.filter(({ processingId }) => processingId === samples[duplicate]?.processingId)
  expect(twins.map(({ expected }) => expected)).toEqual(['scored', 'duplicate'])
  expect(new Set(samples.map(({ processingId }) => processingId)).size).toBe(samples.length - 1)
})

test('one id is beyond what a float holds', () => {
  const lost = samples.filter(({ processingId }) => BigInt(Number(processingId)) !== (processingId ?? 0n))
  expect(lost).toHaveLength(1)
})

test('the over-long one fits into a Kafka message, but into no budget below 100,000 tokens a minute', () => {
  const [long] = samples.filter(({ expected }) => expected === 'too_long')
  expect(Buffer.byteLength(long?.value ?? '')).toBeLessThan(900_000)
  expect(countTokens(long?.value ?? '')).toBeGreaterThan(100_000)
})

test('the resumes are of usual length and of every degree of fit', () => {
  const scores: number[] = []
  for (const { sample, message } of decoded) {
    if (sample.expected !== 'scored' || message.kind !== 'request') continue
    expect(message.request.resume.length).toBeGreaterThan(300)
    expect(message.request.resume.length).toBeLessThan(1_500)
    scores.push(answer(message.request).score)
  }
  const between = (low: number, high: number) => scores.filter((score) => score >= low && score < high).length
  expect(between(0, 20)).toBeGreaterThanOrEqual(3)
  expect(between(20, 60)).toBeGreaterThanOrEqual(3)
  expect(between(60, 101)).toBeGreaterThanOrEqual(4)
})
