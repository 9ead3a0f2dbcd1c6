/** A collector receives the steps of each request, and none of its texts. */
import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { attributesOf, startOtlpReceiver } from '../support/otlp-receiver.ts'
import type { OtlpSpan } from '../support/otlp-receiver.ts'
import { request } from '../support/world.ts'
import { world, worldOfTheFile } from '../support/worlds.ts'

/** In every text that must not be seen, and nowhere else. */
const SECRET = 'Zyxwvut'
const CLIENT = 3
const CONSUMER = 5
/** A worker without traces stops much sooner. One that waited for the stuck collector would take 10 s. */
const STOP_LIMIT_MS = 8_000

worldOfTheFile({ env: { OPENAI_KEY: `sk-${SECRET}`, OPENAI_RPM: '600' } })

const texts = {
  callback_url: `https://callback.example/?token=${SECRET}`,
  requirements: `${SECRET}; Kafka`,
  resume: `Инженер. Пять лет работаю с ${SECRET}. Знаю Kafka.`,
}

/** A request whose result is not in the cache. */
const another = (id: number) => request(id, { ...texts, resume: `${texts.resume} ${id}` })

const inOrder = (spans: OtlpSpan[]) =>
  spans.toSorted((a, b) => Number(BigInt(a.startTimeUnixNano) - BigInt(b.startTimeUnixNano)))

test('one request is followed from the incoming traceparent to the publication, without its texts', async ({
  onTestFinished,
}) => {
  const collector = await startOtlpReceiver()
  onTestFinished(() => collector.stop())
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint, OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' }
  const worker = world.start({ ...env, OTEL_SERVICE_NAME: 'scoring', OTEL_RESOURCE_ATTRIBUTES: 'team=hr' })
  const [traceId, producer] = [randomBytes(16).toString('hex'), randomBytes(8).toString('hex')]
  const traceparent = `00-${traceId}-${producer}-01`
  const headers = { traceparent, tracestate: `v=${SECRET}`, baggage: `name=${SECRET}` }
  await world.send([
    { ...request(1, texts), headers },
    request(2, { ...texts, resume: null }),
    { key: SECRET, value: SECRET },
  ])
  await world.answered([1, 2])
  expect(await worker.end()).toBe(0)

  const spans = collector.spans()
  const [processing, ...others] = spans.filter(({ kind, traceId: id }) => kind === CONSUMER && id === traceId)
  expect(others).toEqual([])
  expect(processing).toMatchObject({ parentSpanId: producer, links: [{ traceId, spanId: producer }] })
  expect(attributesOf(processing!)).toMatchObject({
    'messaging.system': 'kafka',
    'messaging.destination.name': world.topics.requests,
    'messaging.destination.partition.id': '0',
    'messaging.kafka.offset': 0,
    'messaging.consumer.group.name': world.groupId,
    'resume_scoring.processing_id': '1',
    'resume_scoring.outcome': 'success',
  })
  const children = inOrder(spans.filter(({ parentSpanId }) => parentSpanId === processing!.spanId))
  const model = 'gpt-4.1-mini-2025-04-14'
  expect(children.map(({ name }) => name)).toEqual([
    'wait for budget',
    `chat ${model}`,
    'verify answer',
    `send ${world.topics.notifications}`,
  ])
  const chat = children[1]!
  expect(chat).toMatchObject({ kind: CLIENT, traceId })
  const { 'gen_ai.usage.input_tokens': promptTokens, 'gen_ai.usage.output_tokens': completionTokens } =
    attributesOf(chat)
  const [record] = world.seenRecords()
  expect([promptTokens, completionTokens].map(String)).toEqual([
    record?.headers['scoring-prompt-tokens'],
    record?.headers['scoring-completion-tokens'],
  ])
  // The header is passed on as it came, whatever this worker traced.
  expect(record?.headers).toMatchObject({ ...headers })

  const invalid = spans.filter(({ kind, traceId: id }) => kind === CONSUMER && id !== traceId)
  expect(invalid.map(attributesOf)).toMatchObject([{ 'error.type': 'invalid_request' }])
  const tokens = collector.metrics().find(({ name }) => name === 'gen_ai.client.token.usage')
  expect(tokens?.histogram.dataPoints.map(({ sum }) => sum)).toEqual([promptTokens, completionTokens])
  expect(collector.metrics().map(({ name }) => name)).toContain('gen_ai.client.operation.duration')
  expect(collector.resources()[0]).toMatchObject({ 'service.name': 'scoring', team: 'hr' })
  for (const { body } of collector.bodies) expect(body.includes(SECRET)).toBe(false)
})

test('a collector that takes data and never answers holds neither a request nor the stop', async ({
  onTestFinished,
}) => {
  const collector = await startOtlpReceiver({ answer: false })
  onTestFinished(() => collector.stop())
  // Each span at once: the first export is stuck while the others come.
  const worker = world.start({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint, OTEL_BSP_SCHEDULE_DELAY: '1' })
  await world.send([another(11)])
  await world.answered([11])
  await world.send([another(12)])
  await world.answered([12])
  const stoppedMs = performance.now()
  expect(await worker.end()).toBe(0)
  expect(performance.now() - stoppedMs).toBeLessThan(STOP_LIMIT_MS)
  const traces = collector.bodies.filter(({ path }) => path === '/v1/traces')
  expect(new Set(traces.map(({ type }) => type))).toEqual(new Set(['application/x-protobuf']))
  expect(traces.some(({ body }) => body.includes('resume_scoring.wait.result'))).toBe(true)
  for (const { body } of collector.bodies) expect(body.includes(SECRET)).toBe(false)
})
