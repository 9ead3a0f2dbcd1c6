/** Telemetry whose spans and metrics stay in memory. */
import { AggregationTemporality, InMemoryMetricExporter } from '@opentelemetry/sdk-metrics'
import type { ReadableSpan } from '@opentelemetry/sdk-trace-base'
import { InMemorySpanExporter } from '@opentelemetry/sdk-trace-base'
import type { SourceMessage } from '../../src/kafka/messages.ts'
import { silent } from '../../src/logging/log.ts'
import type { TelemetryOptions } from '../../src/telemetry/otel.ts'
import { telemetryOver } from '../../src/telemetry/otel.ts'
import type { ModelCall } from '../../src/telemetry/trace.ts'

export const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
export const PARENT = '00f067aa0ba902b7'
export const traceparent = Buffer.from(`00-${TRACE}-${PARENT}-01`)

export const source = (headers: SourceMessage['headers'] = {}): SourceMessage => ({
  topic: 'AI_handler',
  partition: 3,
  offset: 41n,
  timestampMs: 0,
  key: Buffer.from('new_request'),
  value: Buffer.from('the resume of Ada Lovelace'),
  headers,
})

export const OPTIONS: TelemetryOptions = {
  settings: { protocol: null, hasMetrics: true },
  group: 'ai_handler',
  model: 'gpt-x',
  baseUrl: 'https://llm.example/v1',
  worker: 'box-1',
  version: '1.2.3',
  log: silent,
}

export const CALL: ModelCall = {
  sinceMs: performance.now() - 250,
  tookMs: 200,
  maxCompletionTokens: 1_000,
  model: 'gpt-x-2026',
  usage: { promptTokens: 900, completionTokens: 80, totalTokens: 980 },
  failure: null,
}

export function inMemory() {
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
