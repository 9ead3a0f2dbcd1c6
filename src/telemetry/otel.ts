/**
 * Sets up OpenTelemetry's packages. They read their standard variables themselves (OTEL_SERVICE_NAME,
 * OTEL_RESOURCE_ATTRIBUTES, OTEL_EXPORTER_OTLP_*, OTEL_TRACES_SAMPLER, OTEL_BSP_*): main.ts has merged .env into the environment.
 *
 * A collector that is slow or away costs only the queue's memory (2,048 spans; further ones are dropped).
 */
import type { DiagLogger } from '@opentelemetry/api'
import { diag, DiagLogLevel } from '@opentelemetry/api'
import type { PushMetricExporter } from '@opentelemetry/sdk-metrics'
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics'
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources'
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-base'
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base'
import type { ResourceMetrics } from '@opentelemetry/sdk-metrics'
import type { Config } from '../config.ts'
import type { Log } from '../logging/log.ts'
import type { SpanSettings } from './spans.ts'
import { createSpanTools, traceRequest } from './spans.ts'
import type { Telemetry } from './trace.ts'
import { watched } from './watched.ts'

type Settings = NonNullable<Config['telemetry']>

export interface TelemetryOptions extends SpanSettings {
  settings: Settings
  /** Names this process among all. */
  worker: string
  version: string
  log: Log
}

interface Exporters {
  spans: SpanExporter
  /** null: metrics are off. */
  metrics: PushMetricExporter | null
}

const NAME = 'resume-scoring-worker'
const JSON_PROTOCOL = 'http/json'
const PROTOCOLS = ['http/protobuf', JSON_PROTOCOL]

/** Starts tracing and metrics; does not wait for the collector. */
export async function openTelemetry(options: TelemetryOptions): Promise<Telemetry> {
  const { settings, log } = options
  if (settings.protocol !== null && !PROTOCOLS.includes(settings.protocol)) {
    const advice =
      'the worker sends OTLP over HTTP only: OTEL_EXPORTER_OTLP_ENDPOINT has to be the HTTP port, usually 4318'
    log.warn('OTEL_EXPORTER_OTLP_PROTOCOL is not supported: using http/protobuf', { advice })
  }
  // Set first: the packages report unusable variables while they read them.
  diag.setLogger(namesOnly(log), DiagLogLevel.WARN)
  try {
    return telemetryOver(await createExporters(settings), options)
  } finally {
    diag.disable()
  }
}

/** Logs only the names of unusable variables, each once: the packages' own messages contain values, which may be secrets. */
function namesOnly(log: Log): DiagLogger {
  const told = new Set<string>()
  const tell = (message: string) => {
    const name = /OTEL_\w+/.exec(message)?.[0] ?? 'OTEL_EXPORTER_OTLP_*'
    if (!told.has(name)) log.warn('OpenTelemetry cannot use the value of a variable', { name })
    told.add(name)
  }
  const quiet = () => {}
  return { error: tell, warn: tell, info: quiet, debug: quiet, verbose: quiet }
}

/** @param exporters where spans and metrics go: to the collector, or into a test's memory */
export function telemetryOver({ spans, metrics }: Exporters, options: TelemetryOptions): Telemetry {
  const { worker, version, log } = options
  const own = { 'service.name': NAME, 'service.version': version, 'service.instance.id': worker }
  const resource = defaultResource()
    .merge(resourceFromAttributes(own))
    .merge(detectResources({ detectors: [envDetector] }))
  const traces = new BasicTracerProvider({
    resource,
    spanProcessors: [new BatchSpanProcessor(watched<ReadableSpan[], SpanExporter>(spans, 'traces', log))],
  })
  const readers =
    metrics === null
      ? []
      : [
          new PeriodicExportingMetricReader({
            exporter: watched<ResourceMetrics, PushMetricExporter>(metrics, 'metrics', log),
          }),
        ]
  const meters = new MeterProvider({ resource, readers })
  const tools = createSpanTools(traces.getTracer(NAME, version), meters.getMeter(NAME, version), options)
  return {
    request: (source) => traceRequest(tools, source),
    async flush() {
      await Promise.all([traces.forceFlush(), meters.forceFlush()])
      // Also waits for a batch that was being sent already.
      await spans.forceFlush?.()
    },
    close() {
      // What could not be sent by now is dropped; the log says so already.
      for (const provider of [traces, meters]) provider.shutdown().catch(() => {})
    },
  }
}

async function createExporters({ protocol, hasMetrics }: Settings): Promise<Exporters> {
  const [traces, metrics] = await Promise.all(
    protocol === JSON_PROTOCOL
      ? [import('@opentelemetry/exporter-trace-otlp-http'), import('@opentelemetry/exporter-metrics-otlp-http')]
      : [import('@opentelemetry/exporter-trace-otlp-proto'), import('@opentelemetry/exporter-metrics-otlp-proto')],
  )
  return { spans: new traces.OTLPTraceExporter(), metrics: hasMetrics ? new metrics.OTLPMetricExporter() : null }
}
