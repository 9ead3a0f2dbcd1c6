/** An OpenTelemetry collector's HTTP port that keeps what it is sent, in OTLP's JSON form. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface OtlpValue {
  stringValue?: string
  intValue?: number | string
  doubleValue?: number
  boolValue?: boolean
}

interface OtlpAttribute {
  key: string
  value: OtlpValue
}

export interface OtlpSpan {
  traceId: string
  spanId: string
  parentSpanId?: string
  name: string
  kind: number
  startTimeUnixNano: string
  endTimeUnixNano: string
  attributes: OtlpAttribute[]
  links: { traceId: string; spanId: string }[]
  status: { code?: number; message?: string }
}

interface OtlpMetric {
  name: string
  unit: string
  histogram: { dataPoints: { attributes: OtlpAttribute[]; count: number | string; sum: number }[] }
}

export type OtlpReceiver = Awaited<ReturnType<typeof startOtlpReceiver>>

/** @param answer whether to answer at all; a collector that is stuck takes the request and says nothing */
export async function startOtlpReceiver({ answer = true } = {}) {
  /** What came, whatever its form. */
  const bodies: { path: string; type: string; body: Buffer }[] = []
  const server = createServer((request, response) => {
    void read(request).then((body) => {
      bodies.push({ path: request.url ?? '', type: request.headers['content-type'] ?? '', body })
      if (answer) response.end()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const json = (path: string) => bodies.filter((each) => each.path === path).map(({ body }) => JSON.parse(String(body)))
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    bodies,
    resources: (): Record<string, unknown>[] =>
      json('/v1/traces')
        .flatMap(({ resourceSpans }) => resourceSpans)
        .map(({ resource }) => attributesOf(resource)),
    spans: (): OtlpSpan[] =>
      json('/v1/traces')
        .flatMap(({ resourceSpans }) => resourceSpans)
        .flatMap(({ scopeSpans }) => scopeSpans)
        .flatMap(({ spans }) => spans),
    metrics: (): OtlpMetric[] =>
      json('/v1/metrics')
        .flatMap(({ resourceMetrics }) => resourceMetrics)
        .flatMap(({ scopeMetrics }) => scopeMetrics)
        .flatMap(({ metrics }) => metrics),
    stop(): void {
      server.closeAllConnections()
      server.close()
    },
  }
}

export function attributesOf({
  attributes,
}: {
  attributes: OtlpAttribute[]
}): Record<string, string | number | boolean> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, plain(value)]))
}

const plain = ({ stringValue, intValue, doubleValue, boolValue }: OtlpValue) =>
  stringValue ?? (intValue === undefined ? (doubleValue ?? boolValue ?? '') : Number(intValue))

async function read(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
