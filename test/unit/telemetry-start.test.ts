/** When telemetry is on, what is loaded for it, and what it says of a collector that is away. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import type { ExportResult } from '@opentelemetry/core'
import { ExportResultCode } from '@opentelemetry/core'
import { expect, onTestFinished, test, vi } from 'vitest'
import { loadConfig } from '../../src/config.ts'
import type { LogFields } from '../../src/logging/log.ts'
import { silent } from '../../src/logging/log.ts'
import { startTelemetry } from '../../src/telemetry/start.ts'
import { watched } from '../../src/telemetry/watched.ts'

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
  expect(lines[0]).toContain('OTEL_EXPORTER_OTLP_PROTOCOL is not supported')
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
