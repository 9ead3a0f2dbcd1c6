/** What an operator is told of decisions that are published, by `explain` and `redecide`. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { runCommand } from '../support/command.ts'
import { request } from '../support/world.ts'
import { stub, world, worldOfTheFile } from '../support/worlds.ts'

const BIG = 9_007_199_254_740_993n

let decisions: string

/** It proves two of the five requirements. */
const partial = { resume: 'Пять лет пишу на TypeScript. Работал с Redis.' }

worldOfTheFile({ stub: { latencyMs: 5 }, env: { VERDICT_MIN_SCORE: '50' } })
beforeAll(async () => {
  decisions = `${world.groupId}.decisions`
  world.env['KAFKA_TOPIC_FOR_DECISIONS'] = decisions
  world.start()
  await world.send([request(BIG), request(2, partial), request(3, { resume: '' })])
  await world.answered([BIG, 2, 3])
  // The same texts again, now that their result is cached.
  await world.send([request(4, partial)])
  await world.answered([4])
})
afterAll(() => world.admin.deleteTopics({ topics: [decisions] }))

async function command(expected: number, ...args: string[]): Promise<string> {
  const { code, out, err } = await runCommand(world.env, ...args)
  expect(err).toBe('')
  expect(code).toBe(expected)
  return out
}

test('a decision is told requirement by requirement, with the quotes that prove it', async () => {
  const out = await command(0, 'explain', '2')
  expect(out).toContain('Не подходит: score 40, positive from 50')
  expect(out).toContain('Proved 2 of 5:')
  expect(out).toMatch(/\+ TypeScript\n +"[^"]*TypeScript[^"]*"/)
  expect(out).toMatch(/- PostgreSQL\n +not mentioned, said the model/)
})

test('an id beyond 2^53 is found, and printed with all its digits', async () => {
  const out = await command(0, 'explain', String(BIG), '--json')
  expect(out).toContain(`"processing_id":${BIG}`)
  const { records } = JSON.parse(out) as { records: { score: number; requirements: { quote: string }[] }[] }
  expect(records).toHaveLength(1)
  expect(records[0]?.score).toBe(100)
  expect(records[0]?.requirements.map(({ quote }) => quote)).toHaveLength(5)
})

test('a result that was taken over from another request is told with the proofs of that one', async () => {
  const out = await command(0, 'explain', '4')
  const [taken, origin] = out.split('The earlier request with the same texts:')
  expect(taken).toContain('Request 4')
  expect(taken).not.toContain('"Пять лет')
  expect(origin).toContain('Request 2')
  expect(origin).toMatch(/\+ TypeScript\n +"[^"]*TypeScript[^"]*"/)
})

test('of a failure and of an unknown request there is no record, and the command says so', async () => {
  for (const id of ['3', '99']) {
    const out = await command(3, 'explain', id)
    expect(out).toContain(`no decision record of ${id} in ${decisions}`)
    expect(out).toContain(`nothing is kept of ${id}`)
  }
})

test('while Kafka is away the reasons that Redis keeps are told, and why the quotes are missing', async () => {
  const { code, out } = await runCommand({ ...world.env, KAFKA_BOOTSTRAP_SERVERS: 'localhost:1' }, 'explain', '2')
  expect(code).toBe(1)
  expect(out).toMatch(/\+ TypeScript\n +stated, said the model/)
  expect(out).toMatch(/the quotes are missing\. Kafka at localhost:1: .*ECONNREFUSED/)
})

test('another threshold flips those verdicts that it should, and asks no model', async () => {
  const before = stub.arrivals().length
  const lower = JSON.parse(await command(0, 'redecide', '--threshold', '40', '--dry-run', '--json')) as object
  expect(lower).toMatchObject({ decisions: 3, accepted: 2, rejected: 0 })
  expect(await command(0, 'redecide', '--threshold', '50', '--dry-run')).toContain('would flip 0')
  const people = await command(0, 'redecide', '--threshold', '40', '--dry-run')
  expect(people).toMatch(/^ +2 +40 +Не подходит +Подходит$/m)
  expect(stub.arrivals()).toHaveLength(before)
})

test('without --dry-run nothing is decided anew: published outcomes are final', async () => {
  const { code, out, err } = await runCommand(world.env, 'redecide', '--threshold', '40')
  expect({ code, out }).toEqual({ code: 64, out: '' })
  expect(err).toMatch(/^Published outcomes are final/)
})

test('where no decision topic is set, redecide says which setting is missing', async () => {
  const { code, err } = await runCommand(noTopic(), 'redecide', '--threshold', '40', '--dry-run')
  expect(code).toBe(1)
  expect(err).toContain('KAFKA_TOPIC_FOR_DECISIONS is not set')
})

test('without a decision topic a score is told requirement by requirement, without quotes, until it is forgotten', async () => {
  const { code, out } = await runCommand(noTopic(), 'explain', '2')
  expect(code).toBe(0)
  expect(out).toContain('Не подходит: score 40, positive from 50')
  expect(out).toContain('Proved 2 of 5:')
  expect(out).toMatch(/\+ TypeScript\n +stated, said the model/)
  expect(out).toMatch(/- PostgreSQL\n +not mentioned, said the model/)
  expect(out).not.toContain('Пять лет')
  expect(out).toContain('Without quotes: they are published once KAFKA_TOPIC_FOR_DECISIONS names a topic')
  const keys = await world.redis.keys(`${world.keyPrefix}claim:*`)
  const kept = await Promise.all(keys.map((key) => world.redis.hgetall(key)))
  expect(kept.some(({ reasons }) => reasons !== undefined)).toBe(true)
  expect(JSON.stringify(kept)).not.toMatch(/Пять лет|Работал/)
  await command(0, 'forget', '2')
  const { code: after, out: none } = await runCommand(noTopic(), 'explain', '2')
  expect(after).toBe(3)
  expect(none).toContain('nothing is kept of 2')
})

const noTopic = () => ({ ...world.env, KAFKA_TOPIC_FOR_DECISIONS: '' })
