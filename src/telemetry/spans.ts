/**
 * A request as spans, by OpenTelemetry's conventions for messaging and GenAI clients.
 *
 *   process AI_handler (CONSUMER)
 *     ├─ wait for budget      gate, line and budget; one for each attempt
 *     ├─ chat MODEL (CLIENT)  one for each HTTP request
 *     ├─ verify answer
 *     └─ send notifications (CLIENT), or commit AI_handler   from the answer to the commit
 */
import type { Attributes, Context, Histogram, Link, Meter, Span, Tracer } from '@opentelemetry/api'
import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { parseTraceParent } from '@opentelemetry/core'
import type { Headers, SourceMessage } from '../kafka/messages.ts'
import type { ModelCall, RequestTrace, WaitResult } from './trace.ts'

export interface SpanSettings {
  /** The consumer group. */
  group: string
  model: string
  /** The provider's. */
  baseUrl: string
}

export type SpanTools = ReturnType<typeof createSpanTools>

/** Endings that are not errors: the request was scored, its caller was told to wait, or is answered through another message. */
const FINE = new Set(['success', 'refused', 'duplicate'])
/** Bounds for the histograms, as the conventions give them. */
const SECONDS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]
const TOKENS = Array.from({ length: 14 }, (_, power) => 4 ** power)
/** What may be a model's name. A server could answer with any text, and no text of a request may reach an attribute. */
const MODEL_NAME = /^[\w.:/@+-]{1,100}$/

/** @returns what all requests share */
export function createSpanTools(tracer: Tracer, meter: Meter, settings: SpanSettings) {
  const { hostname, port, protocol } = new URL(settings.baseUrl)
  const client: Attributes = {
    'gen_ai.operation.name': 'chat',
    // The conventions want the provider whose API is used; the address tells whose server it is.
    'gen_ai.provider.name': 'openai',
    'gen_ai.request.model': settings.model,
    'server.address': hostname,
    'server.port': Number(port) || (protocol === 'http:' ? 80 : 443),
  }
  const duration = meter.createHistogram('gen_ai.client.operation.duration', {
    unit: 's',
    description: 'HTTP requests to the model, from their sending to the end of the answer.',
    advice: { explicitBucketBoundaries: SECONDS },
  })
  const usage = meter.createHistogram('gen_ai.client.token.usage', {
    unit: '{token}',
    description: 'Tokens of a request to the model, as billed.',
    advice: { explicitBucketBoundaries: TOKENS },
  })
  return { tracer, settings, client, duration, usage }
}

/** @returns the trace of one request, which begins now */
export function traceRequest(tools: SpanTools, source: SourceMessage): RequestTrace {
  return new RequestSpans(tools, source)
}

class RequestSpans implements RequestTrace {
  readonly #tools: SpanTools
  readonly #source: SourceMessage
  readonly #request: Span
  readonly #within: Context
  #publication: Span | null = null

  constructor(tools: SpanTools, source: SourceMessage) {
    this.#tools = tools
    this.#source = source
    const { context, links } = creationOf(source.headers)
    const attributes = { ...this.#messaging('process', source.topic), 'messaging.operation.type': 'process' }
    const options = { kind: SpanKind.CONSUMER, startTime: performance.now(), links, attributes }
    this.#request = tools.tracer.startSpan(`process ${source.topic}`, options, context)
    this.#within = trace.setSpan(ROOT_CONTEXT, this.#request)
  }

  waited(sinceMs: number, result: WaitResult): void {
    this.#child('wait for budget', SpanKind.INTERNAL, sinceMs, { 'resume_scoring.wait.result': result }).end()
  }

  called({ sinceMs, tookMs, maxCompletionTokens, model, usage, failure }: ModelCall): void {
    const { client, duration, usage: tokens, settings } = this.#tools
    const shared = {
      ...client,
      ...(model !== null && MODEL_NAME.test(model) ? { 'gen_ai.response.model': model } : {}),
    }
    const ended = failure === null ? shared : { ...shared, 'error.type': failure }
    const span = this.#child(`chat ${settings.model}`, SpanKind.CLIENT, sinceMs, {
      ...ended,
      'gen_ai.output.type': 'json',
      'gen_ai.request.max_tokens': maxCompletionTokens,
      ...(usage === null
        ? {}
        : { 'gen_ai.usage.input_tokens': usage.promptTokens, 'gen_ai.usage.output_tokens': usage.completionTokens }),
    })
    if (failure !== null) span.setStatus({ code: SpanStatusCode.ERROR })
    span.end(sinceMs + tookMs)
    duration.record(tookMs / 1_000, ended)
    if (usage === null) return
    record(tokens, usage.promptTokens, shared, 'input')
    record(tokens, usage.completionTokens, shared, 'output')
  }

  verified(sinceMs: number): void {
    this.#child('verify answer', SpanKind.INTERNAL, sinceMs, {}).end()
  }

  answered(topics: readonly string[]): void {
    const [topic] = topics
    const [operation, type] = topic === undefined ? ['commit', 'settle'] : ['send', 'send']
    const destination = topic ?? this.#source.topic
    // CLIENT, not PRODUCER: the published messages carry the trace context of the request's producer, not that of this span.
    this.#publication = this.#child(`${operation} ${destination}`, SpanKind.CLIENT, performance.now(), {
      'messaging.system': 'kafka',
      'messaging.operation.name': operation,
      'messaging.operation.type': type,
      'messaging.destination.name': destination,
      ...(topics.length > 1 ? { 'messaging.batch.message_count': topics.length } : {}),
    })
  }

  ended(outcome: string, id: bigint | null): void {
    this.#publication?.end()
    this.#request.setAttribute('resume_scoring.outcome', outcome)
    // As a string, because not every backend keeps 64-bit integers.
    if (id !== null) this.#request.setAttribute('resume_scoring.processing_id', id.toString())
    if (!FINE.has(outcome)) {
      this.#request.setAttribute('error.type', outcome)
      this.#request.setStatus({ code: SpanStatusCode.ERROR })
    }
    this.#request.end()
  }

  handedBack(): void {
    this.#publication?.end()
    this.#request.setAttribute('resume_scoring.outcome', 'handed_back')
    this.#request.end()
  }

  #messaging(operation: string, topic: string): Attributes {
    const { partition, offset } = this.#source
    return {
      'messaging.system': 'kafka',
      'messaging.operation.name': operation,
      'messaging.destination.name': topic,
      'messaging.destination.partition.id': String(partition),
      'messaging.kafka.offset': Number(offset),
      'messaging.consumer.group.name': this.#tools.settings.group,
    }
  }

  #child(name: string, kind: SpanKind, startTime: number, attributes: Attributes): Span {
    return this.#tools.tracer.startSpan(name, { kind, startTime, attributes }, this.#within)
  }
}

function record(tokens: Histogram, count: number, shared: Attributes, type: 'input' | 'output'): void {
  tokens.record(count, { ...shared, 'gen_ai.token.type': type })
}

/**
 * By the messaging conventions, a span that processes a single message may be a child of the message's creation context and should link
 * to it. A request is one message and one span without an outer span, so it does both: the trace then runs from the producer to the
 * result. `tracestate` is left out, because it is free text of the producer.
 */
function creationOf(headers: Headers): { context: Context; links: Link[] } {
  const held = Object.entries(headers).find(([name]) => name.toLowerCase() === 'traceparent')?.[1]
  const parent = held === undefined || Array.isArray(held) ? null : parseTraceParent(held.toString())
  if (parent === null) return { context: ROOT_CONTEXT, links: [] }
  const creation = { ...parent, isRemote: true }
  return { context: trace.setSpanContext(ROOT_CONTEXT, creation), links: [{ context: creation }] }
}
