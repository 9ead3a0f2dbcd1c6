/**
 * Errors as gateways write them, each with the classes that an operator would accept, the best one first. A class that holds the
 * calls of others for the fault of one text, or tells each caller of a fault that all share, is never among them.
 */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { z } from 'zod'
import { classifyStatus } from '../../src/provider/classify.ts'
import { blamed } from '../support/classified.ts'

const row = z.object({ server: z.string(), status: z.int(), body: z.unknown(), is: z.array(z.string()).min(1) })
const rows = readFileSync(new URL('../fixtures/error-bodies.jsonl', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => row.parse(JSON.parse(line)))

test.each(rows)('$server, $status', ({ status, body, is }) => {
  expect(is).toContain(blamed(status, body))
})

test('an error body of megabytes blocks the event loop for less than 50 ms', () => {
  const items = (bytes: number) => `{"error":[${'{},'.repeat(bytes / 3)}{}]}`
  const cpuMs = (body: string) => {
    const before = process.cpuUsage()
    classifyStatus(400, body)
    return process.cpuUsage(before).user / 1_000
  }
  cpuMs(items(1_000))
  expect(cpuMs(items(4_000_000))).toBeLessThan(50)
  expect(classifyStatus(429, `${' '.repeat(4_000_000)}{}`).code).toBe('rate_limited')
})
