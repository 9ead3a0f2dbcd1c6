/** The demo with a person's own request and a real model: it says at once what keeps the worker from an answer. */
import { appendFileSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { costLine, tellTroubles } from '../../tools/demo/own.ts'

test('each warning and error of the worker is told once, and nothing else', () => {
  const dir = mkdtempSync(join(tmpdir(), 'demo-own-'))
  const told: string[] = []
  const look = tellTroubles(dir, (line) => void told.push(line))
  const log = (level: string, message: string) =>
    appendFileSync(join(dir, 'auth_service.log'), `2026-11-27T01:00:00.000+00:00 ${level} [vm-1-abc] ${message}\n`)
  look()
  log('INFO ', 'working')
  log('ERROR', 'the provider refuses: no request can be scored code=unauthorized')
  look()
  look()
  expect(told).toEqual(['  the worker says: the provider refuses: no request can be scored code=unauthorized'])
  log('WARN ', 'calls are held')
  look()
  expect(told.slice(1)).toEqual(['  the worker says: calls are held'])
})

test('before a live run the model and its address are named, whatever they are', () => {
  const provider = {
    model: 'qwen3',
    maxCompletionTokens: 1_000,
    responseFormat: 'json_schema',
    baseUrl: 'https://gateway.example/v1?key=secret',
  }
  const stage = { config: { provider, verdictMinScore: 50 } } as unknown as Parameters<typeof costLine>[1]
  expect(costLine({ resume: 'Kafka', requirements: 'Kafka' }, stage)).toMatch(
    /^qwen3 at https:\/\/gateway\.example\/v1 answers: one call of about \d+ prompt tokens/,
  )
})
