import { execFile } from 'node:child_process'
import { inspect, promisify } from 'node:util'
import { SpanKind, SpanStatusCode } from '@opentelemetry/api'
import type { ExportResult } from '@opentelemetry/core'
import { ExportResultCode } from '@opentelemetry/core'
import { AggregationTemporality, InMemoryMetricExporter } from '@opentelemetry/sdk-metrics'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import { InMemorySpanExporter } from '@opentelemetry/sdk-trace-base'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { loadConfig } from '../../src/config.ts'
import type { SourceMessage } from '../../src/kafka/messages.ts'
import type { LogFields } from '../../src/logging/log.ts'
import { silent } from '../../src/logging/log.ts'
import { startJourney } from '../../src/outcomes/effort.ts'
import type { TelemetryOptions } from '../../src/telemetry/otel.ts'
import { telemetryOver } from '../../src/telemetry/otel.ts'
import { startTelemetry } from '../../src/telemetry/start.ts'
import type { ModelCall } from '../../src/telemetry/trace.ts'
import { watched } from '../../src/telemetry/watched.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const PARENT = '00f067aa0ba902b7'
const traceparent = Buffer.from(`00-${TRACE}-${PARENT}-01`)

const source = (headers: SourceMessage['headers'] = {}): SourceMessage => ({
  topic: 'AI_handler',
  partition: 3,
  offset: 41n,
  timestampMs: 0,
  key: Buffer.from('new_request'),
  value: Buffer.from('the resume of Ada Lovelace'),
  headers,
})

const OPTIONS: TelemetryOptions = {
  settings: { protocol: null, hasMetrics: true },
  group: 'ai_handler',
  model: 'gpt-x',
  baseUrl: 'https://llm.example/v1',
  worker: 'box-1',
  version: '1.2.3',
  log: silent,
}

const CALL: ModelCall = {
  sinceMs: performance.now() - 250,
  tookMs: 200,
  maxCompletionTokens: 1_000,
  model: 'gpt-x-2026',
  usage: { promptTokens: 900, completionTokens: 80, totalTokens: 980 },
  failure: null,
}

function inMemory() {
  const spans = new InMemorySpanExporter()
  const metrics = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
  const telemetry = telemetryOver({ spans, metrics }, OPTIONS)
  const finished = async (): Promise<ReadableSpan[]> => {
    await telemetry.flush()
    return spans.getFinishedSpans()
  }
  const points = async () => {
    await telemetry.flush()
    const last =
      metrics
        .getMetrics()
        .at(-1)
        ?.scopeMetrics.flatMap((scope) => scope.metrics) ?? []
    return last.flatMap(({ descriptor, dataPoints }) =>
      dataPoints.map(({ attributes, value }) => ({
        name: descriptor.name,
        attributes,
        value: value as { sum: number },
      })),
    )
  }
  return { telemetry, finished, points }
}

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

/** @returns the packages of OpenTelemetry that a process has loaded with a module, all CommonJS; prom-client loads the bare API */
async function loadedWith(module: string): Promise<string[]> {
  const script = `
    await import(${JSON.stringify(new URL(`../../src/${module}`, import.meta.url).href)})
    const { createRequire } = await import('node:module')
    console.log(JSON.stringify(Object.keys(createRequire('/').cache)))
  `
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script])
  return (JSON.parse(stdout) as string[]).filter((file) => /\/@opentelemetry\/(?!api\/)/.test(file))
}

test('no SDK of OpenTelemetry is loaded with the worker', async () => {
  expect(await loadedWith('worker.ts')).toEqual([])
  expect(await loadedWith('telemetry/otel.ts')).not.toEqual([])
})

test('a worker without an endpoint has no telemetry', async () => {
  expect(await startTelemetry(loadConfig({ OPENAI_KEY: 'key' }), 'box-1', silent)).toBeNull()
})

test('variables that OpenTelemetry cannot use are told by name, never with a value, and stop nothing', async () => {
  vi.stubEnv('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'secret@nonsense')
  vi.stubEnv('OTEL_TRACES_SAMPLER', 'secret')
  vi.stubEnv('OTEL_BSP_MAX_QUEUE_SIZE', 'secret')
  onTestFinished(() => void vi.unstubAllEnvs())
  const lines: string[] = []
  const keep = (message: string, fields?: LogFields) => void lines.push(`${message} ${JSON.stringify(fields)}`)
  const env = {
    OPENAI_KEY: 'key',
    OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1',
    OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc',
  }
  const telemetry = await startTelemetry(loadConfig(env), 'box-1', { ...silent, warn: keep, error: keep })
  telemetry?.close()
  const cannot = 'OpenTelemetry cannot use the value of a variable'
  expect(lines.slice(1)).toEqual([
    `${cannot} {"name":"OTEL_EXPORTER_OTLP_*"}`,
    `${cannot} {"name":"OTEL_BSP_MAX_QUEUE_SIZE"}`,
    `${cannot} {"name":"OTEL_TRACES_SAMPLER"}`,
  ])
  expect(lines[0]).toContain('OTEL_EXPORTER_OTLP_PROTOCOL is not known')
  expect(lines.join('\n')).not.toContain('secret')
})

test('the endpoint turns it on, and has to be an address', () => {
  const env = { OPENAI_KEY: 'key' }
  expect(loadConfig(env).telemetry).toBeNull()
  const endpoint = { ...env, OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }
  expect(loadConfig(endpoint).telemetry).toEqual({ protocol: null, hasMetrics: true })
  expect(loadConfig({ ...endpoint, OTEL_METRICS_EXPORTER: 'none' }).telemetry?.hasMetrics).toBe(false)
  expect(() => loadConfig({ ...env, OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' })).toThrow(
    'OTEL_EXPORTER_OTLP_ENDPOINT must be an http:// or https:// URL',
  )
})

test('a collector that is away is told of at growing intervals, and once when it is back', () => {
  let nowMs = 0
  let result: ExportResult = { code: ExportResultCode.FAILED, error: new Error('connect ECONNREFUSED') }
  const lines: string[] = []
  const keep = (level: string) => (message: string, fields?: LogFields) =>
    void lines.push(`${nowMs / 60_000} ${level} ${message} ${String(fields?.['failed'])}`)
  const log = { ...silent, warn: keep('warn'), info: keep('info') }
  const exporter = watched(
    { export: (_: string[], done: (told: ExportResult) => void) => done(result) },
    'traces',
    log,
    () => nowMs,
  )
  const send = () => exporter.export(['span'], () => {})
  for (; nowMs <= 10 * 60_000; nowMs += 30_000) send()
  result = { code: ExportResultCode.SUCCESS }
  send()
  send()
  const away = 'the collector does not take data: it is dropped'
  expect(lines).toEqual([
    `0 warn ${away} 1`,
    `1 warn ${away} 3`,
    `3 warn ${away} 7`,
    `7 warn ${away} 15`,
    '10.5 info the collector takes data again 21',
  ])
})
