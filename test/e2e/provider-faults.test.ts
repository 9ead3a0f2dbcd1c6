/** Every failure of the table in src/errors.ts, met by two workers that also serve other requests: those must not suffer. */
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { FailureCode } from '../../src/errors.ts'
import { FAILURES } from '../../src/errors.ts'
import type { FaultName } from '../../tools/openai-stub/faults.ts'
import type { Fleet } from '../support/fleet.ts'
import { range, resumeOf, startFleet } from '../support/fleet.ts'

interface Row {
  fault: FaultName
  /** How many of its calls meet the fault; all of them when it is not given. */
  times?: number
  outcome: 'success' | FailureCode
  /** At the most, or exactly these. */
  calls: number | readonly number[]
}

/** A failure of this request alone: three calls, and one more for each that was made while calls were held. */
const OWN_FAILURE = [3, 4, 5]
const AGAIN = [2, 3, 4]

const ROWS: Row[] = [
  { fault: 'rate_limited', times: 1, outcome: 'success', calls: AGAIN },
  { fault: 'rate_limited_no_hint', times: 1, outcome: 'success', calls: AGAIN },
  { fault: 'request_too_large', outcome: 'too_long', calls: 1 },
  { fault: 'context_length', outcome: 'too_long', calls: 1 },
  { fault: 'rejected_text', outcome: 'content_filter', calls: 1 },
  { fault: 'content_filter_prompt', outcome: 'content_filter', calls: 1 },
  { fault: 'http_500', outcome: 'outage', calls: OWN_FAILURE },
  { fault: 'http_500', times: 1, outcome: 'success', calls: AGAIN },
  { fault: 'http_502', times: 1, outcome: 'success', calls: AGAIN },
  { fault: 'http_503', times: 1, outcome: 'success', calls: AGAIN },
  { fault: 'http_504', times: 1, outcome: 'success', calls: AGAIN },
  { fault: 'reset', outcome: 'outage', calls: OWN_FAILURE },
  { fault: 'reset', times: 1, outcome: 'success', calls: AGAIN },
  { fault: 'close', times: 1, outcome: 'success', calls: AGAIN },
  { fault: 'reset_body', times: 1, outcome: 'success', calls: AGAIN },
  { fault: 'close_body', times: 1, outcome: 'success', calls: AGAIN },
  { fault: 'hang', times: 1, outcome: 'success', calls: AGAIN },
  { fault: 'stall', times: 1, outcome: 'success', calls: AGAIN },
  { fault: 'stall_body', outcome: 'timeout', calls: OWN_FAILURE },
  { fault: 'trickle', times: 1, outcome: 'success', calls: AGAIN },
  { fault: 'refusal', outcome: 'refused_by_model', calls: 1 },
  { fault: 'content_filter', outcome: 'content_filter', calls: 1 },
  { fault: 'length', outcome: 'cut_off', calls: 2 },
  { fault: 'length', times: 1, outcome: 'success', calls: 2 },
  { fault: 'length_parses', outcome: 'cut_off', calls: 2 },
  { fault: 'not_json', outcome: 'unusable_answer', calls: 2 },
  { fault: 'not_json', times: 1, outcome: 'success', calls: 2 },
  { fault: 'trailing_words', outcome: 'success', calls: 1 },
  // About another vacancy: asked for once more.
  { fault: 'off_topic', times: 1, outcome: 'success', calls: 2 },
  { fault: 'off_topic', outcome: 'success', calls: 2 },
  { fault: 'wrong_schema', outcome: 'unusable_answer', calls: 2 },
  { fault: 'score_101', outcome: 'unusable_answer', calls: 2 },
  { fault: 'null_content', outcome: 'unusable_answer', calls: 2 },
  { fault: 'html_200', outcome: 'no_completion', calls: AGAIN },
  { fault: 'html_200', times: 1, outcome: 'success', calls: AGAIN },
  { fault: 'empty_choices', times: 1, outcome: 'success', calls: AGAIN },
  { fault: 'broken_200', times: 1, outcome: 'success', calls: AGAIN },
  { fault: 'error_200', times: 1, outcome: 'success', calls: AGAIN },
  { fault: 'code_fence', outcome: 'success', calls: 1 },
  { fault: 'extra_keys', outcome: 'success', calls: 1 },
  { fault: 'no_usage', outcome: 'success', calls: 1 },
  { fault: 'limit_garbage', outcome: 'success', calls: 1 },
]

/** Faults that a worker ends itself, at its time limit. */
const ENDLESS = new Set<string | null>(['hang', 'stall', 'stall_body', 'trickle'])

const KEY = 'sk-proj-never-told-0123456789'
const NAME = 'Пётр Тайный'
/** Between two that are sent with a fault. */
const NEIGHBOURS = 5
const idOf = (row: number) => 1_000 + row * 10
const neighboursOf = (row: number) => range(NEIGHBOURS, idOf(row) + 1)
const named = (id: number, wish = '') => `${NAME}. ${resumeOf(id, wish)}`

const cleanups: (() => Promise<void>)[] = []
let fleet: Fleet

beforeAll(async () => {
  const env = { OPENAI_KEY: KEY, OPENAI_TIMEOUT_SECONDS: '4', LOG_LEVEL: 'debug' }
  fleet = await startFleet((cleanup) => cleanups.push(cleanup), { env, start: [{}, {}], stub: { latencyMs: 100 } })
  const { send, world } = fleet
  for (const [row, { fault, times }] of ROWS.entries()) {
    const wish = `[[stub:${fault}${times === undefined ? '' : `*${times}`}]]`
    await send([...neighboursOf(row).slice(0, 3), idOf(row), ...neighboursOf(row).slice(3)], (id) => ({
      resume: named(id, id === idOf(row) ? wish : ''),
    }))
    await sleep(100)
  }
  await world.answered(
    ROWS.flatMap((_, row) => [idOf(row), ...neighboursOf(row)]),
    120_000,
  )
}, 180_000)
afterAll(async () => {
  for (const cleanup of cleanups.toReversed()) await cleanup()
})

const outcomes = (id: number) => fleet.world.notifications().filter(({ response }) => response['processing_id'] === id)

describe('in live traffic', () => {
  test.each(
    ROWS.map((row, index) => ({ ...row, index, name: `${row.fault}${row.times === undefined ? '' : ' once'}` })),
  )('$name: $outcome', ({ index, outcome, calls }) => {
    const id = idOf(index)
    const expected =
      outcome === 'success'
        ? { success: true, message_error: null, wait_seconds: null }
        : { success: false, message_error: FAILURES[outcome].message, wait_seconds: null }
    expect(outcomes(id)).toMatchObject([expected])
    // Where the machine is so busy that a call was cut at its limit, it was repeated for that reason alone.
    const made = fleet.stub
      .arrivals()
      .filter(({ ref, fault, aborted }) => ref === String(id) && (!aborted || ENDLESS.has(fault)))
    expect([calls].flat()).toContain(made.length)
  })

  test('the neighbours are all answered, by one call each', () => {
    for (const id of ROWS.flatMap((_, row) => neighboursOf(row))) {
      expect(outcomes(id)).toMatchObject([{ success: true }])
      // Where the machine is so busy that a call was cut at its limit, it is not one that was answered.
      const answered = fleet.stub.arrivals().filter(({ ref, aborted }) => ref === String(id) && !aborted)
      expect(answered, `calls for ${id}`).toHaveLength(1)
    }
  })

  test('the neighbours are answered while others are still failing', () => {
    const order = fleet.world.notifications().map(({ response }) => response['processing_id'])
    for (const [row, { calls }] of ROWS.entries()) {
      // Two backoffs of about 2 and 8 s.
      if (calls !== OWN_FAILURE) continue
      const failedAt = order.indexOf(idOf(row))
      const sooner = neighboursOf(row).filter((id) => order.indexOf(id) < failedAt)
      expect(sooner.length, `neighbours of ${idOf(row)} that were answered sooner`).toBeGreaterThanOrEqual(4)
    }
  })

  test('what was cut off is asked for again with a higher cap', () => {
    const row = ROWS.findIndex(({ fault, times }) => fault === 'length' && times === 1)
    const [cut, whole] = fleet.stub.arrivals().filter(({ ref }) => ref === String(idOf(row)))
    expect(cut?.completionTokens).toBe(1_000)
    expect(whole?.status).toBe(200)
  })

  test('nothing of the texts and no key stands in a notification, a header or a log', () => {
    const told = fleet.world.seenNotifications().filter(({ value }) => value.includes('"success":false'))
    const lines = fleet.workers.flatMap((worker) => worker.lines)
    const all = [...lines, ...told.map((each) => JSON.stringify(each))].join('\n')
    for (const secret of [KEY, 'Тайный', 'TypeScript', 'PostgreSQL']) expect(all).not.toContain(secret)
    for (const { message_error: message } of fleet.world.notifications().filter(({ success }) => !success)) {
      expect(message).toMatch(/^[А-ЯЁ][а-яё ,:.—А-ЯЁ]+\.$/)
    }
  })
})
