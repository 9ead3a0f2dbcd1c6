/** What a request's trace and the metrics hold. */
import { inspect } from 'node:util'
import { SpanKind, SpanStatusCode } from '@opentelemetry/api'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import { describe, expect, test } from 'vitest'
import { startJourney } from '../../src/outcomes/effort.ts'
import { TRACE, PARENT, traceparent, source, CALL, inMemory } from '../support/telemetry.ts'

test('one request is one trace: wait, call, verification and publication within the processing', async () => {
  const { telemetry, finished } = inMemory()
  const trace = telemetry.request(source({ traceparent }))
  trace.waited(performance.now() - 500, 'granted')
  trace.called(CALL)
  trace.verified(performance.now() - 5)
  trace.answered(['notifications', 'uploading_data'])
  trace.ended('success', 9_007_199_254_740_993n)
  const spans = await finished()
  expect(spans.map(({ name, kind }) => [name, kind])).toEqual([
    ['wait for budget', SpanKind.INTERNAL],
    ['chat gpt-x', SpanKind.CLIENT],
    ['verify answer', SpanKind.INTERNAL],
    ['send notifications', SpanKind.CLIENT],
    ['process AI_handler', SpanKind.CONSUMER],
  ])
  const [wait, chat, , send, request] = spans as [ReadableSpan, ReadableSpan, ReadableSpan, ReadableSpan, ReadableSpan]
  expect(request.spanContext().traceId).toBe(TRACE)
  expect(request.parentSpanContext?.spanId).toBe(PARENT)
  expect(request.links.map(({ context }) => context.spanId)).toEqual([PARENT])
  for (const child of spans.slice(0, 4)) expect(child.parentSpanContext?.spanId).toBe(request.spanContext().spanId)
  expect(request.attributes).toEqual({
    'messaging.system': 'kafka',
    'messaging.operation.name': 'process',
    'messaging.operation.type': 'process',
    'messaging.destination.name': 'AI_handler',
    'messaging.destination.partition.id': '3',
    'messaging.kafka.offset': 41,
    'messaging.consumer.group.name': 'ai_handler',
    'resume_scoring.outcome': 'success',
    'resume_scoring.processing_id': '9007199254740993',
  })
  expect(wait.attributes).toEqual({ 'resume_scoring.wait.result': 'granted' })
  expect(wait.duration[0] * 1e3 + wait.duration[1] / 1e6).toBeGreaterThanOrEqual(499)
  expect(chat.attributes).toEqual({
    'gen_ai.operation.name': 'chat',
    'gen_ai.provider.name': 'openai',
    'gen_ai.request.model': 'gpt-x',
    'gen_ai.request.max_tokens': 1_000,
    'gen_ai.output.type': 'json',
    'gen_ai.response.model': 'gpt-x-2026',
    'gen_ai.usage.input_tokens': 900,
    'gen_ai.usage.output_tokens': 80,
    'server.address': 'llm.example',
    'server.port': 443,
  })
  expect(chat.duration[0] * 1e3 + chat.duration[1] / 1e6).toBeCloseTo(200, 0)
  expect(send.attributes).toMatchObject({ 'messaging.operation.type': 'send', 'messaging.batch.message_count': 2 })
  expect(request.resource.attributes).toMatchObject({
    'service.name': 'resume-scoring-worker',
    'service.version': '1.2.3',
    'service.instance.id': 'box-1',
  })
  telemetry.close()
})

test('the metrics of the model are those of the conventions', async () => {
  const { telemetry, points } = inMemory()
  const trace = telemetry.request(source())
  trace.called(CALL)
  trace.called({ ...CALL, model: null, usage: null, failure: 'timeout' })
  const shared = { 'gen_ai.operation.name': 'chat', 'gen_ai.provider.name': 'openai', 'gen_ai.request.model': 'gpt-x' }
  const told = await points()
  expect(told.map(({ name, attributes, value }) => [name, attributes['gen_ai.token.type'] ?? null, value.sum])).toEqual(
    [
      ['gen_ai.client.operation.duration', null, 0.2],
      ['gen_ai.client.operation.duration', null, 0.2],
      ['gen_ai.client.token.usage', 'input', 900],
      ['gen_ai.client.token.usage', 'output', 80],
    ],
  )
  for (const { attributes } of told) expect(attributes).toMatchObject(shared)
  expect(told[1]?.attributes['error.type']).toBe('timeout')
  telemetry.close()
})

describe('how a request ends', () => {
  test.each([
    ['success', SpanStatusCode.UNSET],
    ['refused', SpanStatusCode.UNSET],
    ['duplicate', SpanStatusCode.UNSET],
    ['invalid_request', SpanStatusCode.ERROR],
    ['dead_letter', SpanStatusCode.ERROR],
  ])('%s', async (outcome, code) => {
    const { telemetry, finished } = inMemory()
    telemetry.request(source()).ended(outcome, null)
    const [request] = await finished()
    expect(request?.status).toEqual({ code })
    expect(request?.attributes['resume_scoring.outcome']).toBe(outcome)
    expect(request?.attributes['error.type']).toBe(code === SpanStatusCode.ERROR ? outcome : undefined)
    telemetry.close()
  })

  test('one that is handed back is ended, and no error', async () => {
    const { telemetry, finished } = inMemory()
    const trace = telemetry.request(source())
    trace.answered([])
    trace.handedBack()
    const spans = await finished()
    expect(spans.map(({ name, status }) => [name, status.code])).toEqual([
      ['commit AI_handler', SpanStatusCode.UNSET],
      ['process AI_handler', SpanStatusCode.UNSET],
    ])
    telemetry.close()
  })
})

test.each([
  ['none', {}],
  ['no traceparent', { traceparent: Buffer.from('Ada Lovelace') }],
  ['two of them', { traceparent: [traceparent, traceparent] }],
  ['zeros', { traceparent: Buffer.from(`00-${'0'.repeat(32)}-${PARENT}-01`) }],
])('a header that names no parent (%s) begins a trace of its own', async (_, headers) => {
  const { telemetry, finished } = inMemory()
  telemetry.request(source(headers)).ended('success', 1n)
  const [request] = await finished()
  expect(request?.parentSpanContext).toBeUndefined()
  expect(request?.links).toEqual([])
  telemetry.close()
})

test('a request that its producer did not sample is not traced', async () => {
  const { telemetry, finished } = inMemory()
  telemetry.request(source({ TraceParent: `00-${TRACE}-${PARENT}-00` })).ended('success', 1n)
  expect(await finished()).toEqual([])
  telemetry.close()
})

test('neither a text in tracestate nor one that a server gives as its model is shown', async () => {
  const { telemetry, finished } = inMemory()
  const trace = telemetry.request(source({ traceparent, tracestate: 'x=AdaLovelace', baggage: 'name=Ada' }))
  trace.called({ ...CALL, model: 'Ada Lovelace, engineer' })
  trace.ended('success', 1n)
  const spans = await finished()
  const shown = spans.map((span) => {
    const { name, attributes, links, status, events } = span
    return { name, attributes, links, status, events, context: span.spanContext() }
  })
  expect(shown).toHaveLength(2)
  expect(inspect(shown, { depth: 10 })).not.toContain('Ada')
  telemetry.close()
})

test('a journey has no trace unless it is given one', () => {
  expect(startJourney().trace).toBeNull()
})
