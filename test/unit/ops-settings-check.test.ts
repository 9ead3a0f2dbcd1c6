import { readFileSync } from 'node:fs'
import { parse } from 'dotenv'
import { expect, test } from 'vitest'
import { settingNames } from '../../src/config.ts'
import { closest } from '../../src/lib/similar.ts'
import { findStrangers } from '../../src/ops/settings-check.ts'

test.each([
  ['KAFKA_BOOTSTRAP_SERVER', 'did you mean KAFKA_BOOTSTRAP_SERVERS?'],
  ['REDIS_HOTS', 'did you mean REDIS_HOST?'],
  ['OPENAI_MODLE', 'did you mean OPENAI_MODEL?'],
  ['OPENAI_ORGANIZATION', 'there is no such setting'],
  ['BUDGET_BRUST', 'did you mean BUDGET_BURST?'],
  ['VERDICT_MIN_SCOR', 'did you mean VERDICT_MIN_SCORE?'],
  ['MAX_CALL_IN_FLIGHT', 'did you mean MAX_CALLS_IN_FLIGHT?'],
  ['REDIS_URL', 'set REDIS_HOST, REDIS_PORT, REDIS_PASSWORD and REDIS_DB instead'],
  ['OPENAI_API_KEY', 'set OPENAI_KEY instead'],
])('%s is no setting: %s', (name, advice) => {
  expect(findStrangers({ [name]: 'secret' })).toEqual([{ name, advice }])
})

test('settings, empty values and what belongs to others are passed over', () => {
  const settings = Object.fromEntries(settingNames.map((name) => [name, 'x']))
  const others = {
    PATH: '/bin',
    HOME: '/root',
    LANG: 'C',
    LOGNAME: 'root',
    NODE_ENV: 'production',
    HOSTNAME: 'box',
    REDIS_SERVICE_HOST: '10.0.0.1',
    REDIS_SERVICE_PORT_REDIS: '6379',
    REDIS_PORT_6379_TCP_ADDR: '10.0.0.1',
    KAFKA_HEAP_OPTS: '-Xmx1g',
    OTEL_SERVICE_NAME: 'worker',
    OTEL_EXPORTER_OTLP_HEADERS: 'x=y',
    OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://collector:4318/v1/traces',
    REDIS_URL: '',
  }
  expect(findStrangers({ ...settings, ...others })).toEqual([])
})

test('a copy of .env.example names no stranger, although docker compose reads some of it', () => {
  const names = Object.keys(parse(readFileSync(new URL('../../.env.example', import.meta.url))))
  expect(names).toContain('KAFKA_HOST_PORT')
  expect(findStrangers(Object.fromEntries(names.map((name) => [name, 'x'])))).toEqual([])
})

test('a name is the closest one, or none', () => {
  expect(closest('statsu', ['status', 'send', 'start'])).toBe('status')
  expect(closest('insepct', ['inspect', 'explain'])).toBe('inspect')
  expect(closest('x', ['status'])).toBeNull()
  expect(closest('', ['send'])).toBeNull()
  expect(closest('nonsense', ['send', 'status'])).toBeNull()
})
