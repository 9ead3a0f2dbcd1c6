/** `replay-dead-letters`: each letter once, whoever runs it, however often, and however it dies. No worker is needed. */
import { setTimeout as sleep } from 'node:timers/promises'
import { ConfigResourceTypes, Kafka, logLevel } from 'kafkajs'
import { afterEach, beforeEach, expect, inject, test } from 'vitest'
import type { DeadLetterReason } from '../../src/contracts.ts'
import { deadLetter, withoutValue } from '../../src/outcomes/dead-letter.ts'
import { ownerText } from '../../src/claims/judge.ts'
import { runCommand, startCommand } from '../support/command.ts'
import { fuse, kafkaRequest, startKafkaProxy } from '../support/taps.ts'
import { waitUntil } from '../support/wait.ts'
import { request } from '../support/world.ts'
import { world, worldOfEachTest } from '../support/worlds.ts'

interface Document {
  sent: number
  unsendable: number
  letters: { partition: number; offset: number; reason: string; fate: string; processingId: number | null }[]
}

let kafka: Kafka

worldOfEachTest()
beforeEach(() => {
  kafka = new Kafka({ brokers: inject('kafkaBrokers'), logLevel: logLevel.NOTHING })
})
afterEach(async () => {
  await world.admin.deleteTopics({ topics: [`${world.topics.deadLetters}_replayed`] }).catch(() => 'never made')
})

/** A message of the requests topic as it was consumed. */
function source(offset: number, value: string) {
  const headers = { trace: Buffer.from(`t${offset}`) }
  const bytes = Buffer.from(value)
  const at = { topic: world.topics.requests, partition: 0, offset: BigInt(offset), timestampMs: 1_800_000_000_000 }
  return { ...at, key: Buffer.from('new_request'), value: bytes, headers }
}

const letter = (offset: number, reason: DeadLetterReason, value = `broken ${offset}`) =>
  deadLetter(world.topics.deadLetters, source(offset, value), reason, 'a detail')

async function publish(letters: ReturnType<typeof letter>[]): Promise<void> {
  const producer = kafka.producer()
  await producer.connect()
  const messages = letters.map(({ key, value, headers }) => ({
    key,
    value,
    headers: headers as Record<string, Buffer>,
  }))
  await producer.send({ topic: world.topics.deadLetters, messages })
  await producer.disconnect()
}

async function replay(...args: string[]): Promise<Document> {
  const { code, out, err } = await runCommand(world.env, 'replay-dead-letters', '--json', ...args)
  expect(err).toBe('')
  expect(code).toBe(0)
  return JSON.parse(out) as Document
}

/** Runs a replay that gets this signal at the very moment when it commits its letter of this number. */
async function replayUntil(letterNumber: number, signal: NodeJS.Signals) {
  const commits = Array.from({ length: letterNumber }, () => kafkaRequest('EndTxn'))
  let act = () => {}
  const proxy = await startKafkaProxy(
    world.admin,
    fuse(commits, () => act()),
  )
  try {
    const env = { ...world.env, KAFKA_BOOTSTRAP_SERVERS: `localhost:${proxy.port}` }
    const { child, ended } = startCommand(env, 'replay-dead-letters')
    act = () => child.kill(signal)
    return { ...(await ended), signalCode: child.signalCode }
  } finally {
    await proxy.stop()
  }
}

/** What a read-committed consumer finds in the requests topic. */
async function requests(atLeast: number) {
  const consumer = kafka.consumer({ groupId: `${world.groupId}.check.${Math.random()}`, maxWaitTimeInMs: 100 })
  const seen: { key: string | undefined; value: string; headers: Record<string, string> }[] = []
  await consumer.connect()
  await consumer.subscribe({ topic: world.topics.requests, fromBeginning: true })
  await consumer.run({
    eachMessage: async ({ message: { key, value, headers = {} } }) => {
      const texts = Object.entries(headers).map(([name, text]) => [name, String(text)])
      seen.push({
        key: key?.toString(),
        value: String(value),
        headers: Object.fromEntries(texts) as Record<string, string>,
      })
    },
  })
  await waitUntil(
    () => seen.length >= atLeast,
    30_000,
    () => `only ${seen.length} of ${atLeast} requests came`,
  )
  // What should not be there comes a little later.
  await sleep(500)
  await consumer.disconnect()
  return seen
}

test('a dry run lists the letters and changes nothing; a run sends them back as they were, and only once', async () => {
  await publish([letter(3, 'not_json_object'), letter(4, 'kills_the_worker', String(request(4).value))])
  const listed = await replay('--dry-run')
  expect(listed.letters.map(({ reason, processingId }) => [reason, processingId])).toEqual([
    ['not_json_object', null],
    ['kills_the_worker', 4],
  ])
  expect(await replay('--dry-run')).toMatchObject({ sent: 0, letters: { length: 2 } })
  expect(await replay()).toMatchObject({ sent: 2 })
  expect(await replay()).toMatchObject({ sent: 0, letters: [] })
  expect(await replay('--dry-run')).toMatchObject({ letters: [] })
  expect(await requests(2)).toEqual([
    { key: 'new_request', value: 'broken 3', headers: { trace: 't3' } },
    { key: 'new_request', value: request(4).value, headers: { trace: 't4' } },
  ])
})

test('reasons and a limit choose, and the others are sent by a later run', async () => {
  const reasons = ['bad_id', 'not_utf8', 'bad_id', 'not_utf8', 'bad_id'] as const
  await publish(reasons.map((reason, index) => letter(index, reason)))
  expect((await replay('--reason', 'bad_id', '--limit', '2')).letters.map(({ offset }) => offset)).toEqual([0, 2])
  expect((await replay('--limit', '1')).letters.map(({ offset }) => offset)).toEqual([1])
  expect((await replay()).letters.map(({ offset }) => offset)).toEqual([3, 4])
  expect((await requests(5)).map(({ value }) => value).toSorted()).toEqual(reasons.map((_, index) => `broken ${index}`))
})

test('a run that is killed in the middle and run again has sent every letter once', async () => {
  const count = 300
  await publish(Array.from({ length: count }, (_, index) => letter(index, index % 3 === 0 ? 'bad_id' : 'not_utf8')))
  expect((await replayUntil(20, 'SIGKILL')).signalCode).toBe('SIGKILL')
  const rest = await replay()
  expect(rest.sent).toBeGreaterThan(0)
  expect(rest.sent).toBeLessThan(count)
  const values = (await requests(count)).map(({ value }) => value)
  expect(values.length).toBe(count)
  expect(new Set(values).size).toBe(count)
})

test('of two runs at once one gives way, and every letter is sent once', async () => {
  const count = 100
  await publish(Array.from({ length: count }, (_, index) => letter(index, 'bad_id')))
  const first = startCommand(world.env, 'replay-dead-letters', '--json')
  const second = startCommand(world.env, 'replay-dead-letters', '--json')
  await Promise.all([first.ended, second.ended])
  await replay()
  const values = (await requests(count)).map(({ value }) => value)
  expect(values.length).toBe(count)
  expect(new Set(values).size).toBe(count)
})

test('the claim that a dead worker left to its letter is freed, and no other', async () => {
  const message = source(7, String(request(7).value))
  const owner = { group: world.groupId, topic: message.topic, partition: 0, timestampMs: message.timestampMs }
  const claim = (id: number) => `${world.keyPrefix}claim:${id}`
  await world.redis.hset(claim(7), { owner: ownerText({ ...owner, offset: 7n }), state: 'open', v: '1' })
  await world.redis.hset(claim(8), { owner: ownerText({ ...owner, offset: 99n }), state: 'open', v: '1' })
  await publish([
    letter(7, 'kills_the_worker', String(request(7).value)),
    letter(8, 'kills_the_worker', String(request(8).value)),
  ])
  expect(await replay()).toMatchObject({ sent: 2 })
  expect(await world.redis.hget(claim(7), 'state')).toBe('dead')
  expect(await world.redis.hget(claim(8), 'state')).toBe('open')
})

test('a letter whose value was too large to be kept is named, and the others are sent', async () => {
  await publish([withoutValue(letter(1, 'bad_id')), letter(2, 'bad_id')])
  expect(await replay()).toMatchObject({
    sent: 1,
    unsendable: 1,
    letters: [{ fate: 'without_value' }, { fate: 'sent' }],
  })
  expect((await requests(1)).map(({ value }) => value)).toEqual(['broken 2'])
})

/** Lets the requests topic take messages of so many bytes at most. */
const allow = (bytes: number) =>
  world.admin.alterConfigs({
    validateOnly: false,
    resources: [
      {
        type: ConfigResourceTypes.TOPIC,
        name: world.topics.requests,
        configEntries: [{ name: 'max.message.bytes', value: String(bytes) }],
      },
    ],
  })

test('a letter that Kafka refuses is sent by a later run, once, though letters after it were sent meanwhile', async () => {
  await publish([letter(0, 'bad_id', 'x'.repeat(5_000)), ...[1, 2].map((offset) => letter(offset, 'bad_id'))])
  await allow(2_000)
  const refusedAtFirst = await runCommand(world.env, 'replay-dead-letters', '--json')
  expect(refusedAtFirst.code).toBe(1)
  expect(JSON.parse(refusedAtFirst.out)).toMatchObject({ sent: 2, letters: [{ fate: 'refused' }, {}, {}] })
  // It is refused again, and stays to be sent.
  expect((await runCommand(world.env, 'replay-dead-letters')).code).toBe(1)
  expect((await replay('--dry-run')).letters.map(({ offset }) => offset)).toEqual([0])
  await allow(1_000_000)
  expect(await replay()).toMatchObject({ sent: 1, letters: [{ offset: 0, fate: 'sent' }] })
  expect(await replay()).toMatchObject({ sent: 0, letters: [] })
  expect((await requests(3)).map(({ value }) => value.slice(0, 8)).toSorted()).toEqual([
    'broken 1',
    'broken 2',
    'xxxxxxxx',
  ])
})

test('it can be interrupted', async () => {
  await publish(Array.from({ length: 500 }, (_, index) => letter(index, 'bad_id')))
  expect((await replayUntil(5, 'SIGINT')).code).toBe(130)
  expect((await replay('--dry-run')).letters.length).toBeGreaterThan(0)
})
