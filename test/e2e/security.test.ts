/** A worker and its operator's commands on a Kafka and a Redis that require TLS, a login and a right for each operation. */
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { runCommand } from '../support/command.ts'
import type { Mechanism, Secured } from '../support/secured.ts'
import { allow, login, MECHANISMS, startSecured, worldOn } from '../support/secured.ts'
import { waitUntil } from '../support/wait.ts'
import { countById, request } from '../support/world.ts'
import { world, worldOfEachTest } from '../support/worlds.ts'

let secured: Secured

beforeAll(async () => {
  secured = await startSecured()
}, 180_000)
afterAll(() => secured.stop())
worldOfEachTest(() => worldOn(secured))
beforeEach(() => world.redis.call('ACL', 'LOG', 'RESET'))

/** @returns what users asked Redis for without the right to, as `context object` */
async function refusedByRedis(): Promise<string[]> {
  const entries = (await world.redis.call('ACL', 'LOG')) as string[][]
  return entries.map((entry) => {
    const value = (name: string) => entry[entry.indexOf(name) + 1]
    return `${value('reason')} ${value('object')}`
  })
}

const letters = (count: number) =>
  waitUntil(
    () => world.deadLetters().length === count,
    20_000,
    () => `${world.deadLetters().length} dead letters, not ${count}`,
  )

test.each(Object.keys(MECHANISMS) as Mechanism[])(
  'over TLS with a CA file of its own, logged in by %s, with the documented rights alone, a worker answers and dead-letters',
  async (mechanism) => {
    await allow(world, { user: mechanism })
    const worker = world.start(login(secured, mechanism))
    await world.send([request(1), { key: 'new_request', value: 'broken' }])
    await world.answered([1])
    await letters(1)
    expect(world.records()).toHaveLength(1)
    expect(await worker.end()).toBe(0)
    const trouble = worker.lines.filter((line) => / (WARN|ERROR) /.test(line))
    expect(trouble).toEqual([expect.stringContaining('dead-lettered')])
    // The worker asks for these once at the start and does not need them.
    expect(await refusedByRedis()).toEqual(['command config|get'])
  },
)

test('the same rights do for another database of Redis, and nothing is written into the first', async () => {
  await allow(world, { user: 'plain' })
  await world.send([request(1)])
  world.start({ ...login(secured, 'plain'), REDIS_DB: '3' })
  await world.answered([1])
  const keysOf = async (db: number) => {
    await world.redis.select(db)
    const [, keys] = await world.redis.scan('0', 'MATCH', `${world.keyPrefix}*`, 'COUNT', 10_000)
    return keys
  }
  expect(await keysOf(3)).toContain(`${world.keyPrefix}state`)
  expect(await keysOf(0)).toEqual([])
  expect(await refusedByRedis()).toEqual(['command config|get'])
})

test('the same rights do for rebuilding what Redis has lost: nothing is answered twice', async () => {
  await allow(world, { user: 'plain' })
  await world.send([request(1)])
  const worker = world.start(login(secured, 'plain'))
  await world.answered([1])
  for await (const keys of world.redis.scanStream({ match: `${world.keyPrefix}*` })) {
    if ((keys as string[]).length > 0) await world.redis.unlink(...(keys as string[]))
  }
  await worker.saw('Redis is complete again', 60_000)
  await world.send([request(1), request(2)])
  await world.answered([2])
  expect([...countById(world.seenNotifications()).values()]).toEqual([1, 1])
})

test('with the documented rights for the commands an operator sends, sees, pauses, forgets, replays and adopts', async () => {
  await allow(world, { user: 'plain', forCommands: true })
  const env = { ...world.env, ...login(secured, 'plain') }
  const command = async (...args: string[]) => {
    const { code, out, err } = await runCommand(env, ...args)
    expect(`${args.join(' ')}: ${code}${err}`).toBe(`${args.join(' ')}: 0`)
    return out
  }
  await world.send([request(1), { key: 'new_request', value: 'broken' }])
  const worker = world.start(login(secured, 'plain'))
  await world.answered([1])
  await letters(1)
  const file = join(await mkdtemp(join(tmpdir(), 'send-')), 'text')
  await writeFile(file, 'Пишу на TypeScript.')
  expect(await command('send', '--resume', file, '--requirements', file)).toMatch(/of 100/)
  await command('pause')
  expect(await command('status')).toMatch(/workers/)
  await command('resume')
  expect(await command('inspect', '1')).toMatch(/success/)
  await command('forget', '1')
  expect(await command('replay-dead-letters')).toContain('sent back 1')
  await letters(2)
  await worker.end()
  await waitUntil(
    async () => (await world.admin.describeGroups([world.groupId])).groups[0]?.members.length === 0,
    20_000,
    () => 'the worker is still a member',
  )
  await command('adopt-offsets', '--from', world.groupId)
  expect(await refusedByRedis()).toEqual(['command config|get'])
}, 180_000)
