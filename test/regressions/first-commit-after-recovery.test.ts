/**
 * A worker on a new system commits where its partitions begin. Recovery takes a committed offset as the sign that the group has
 * worked before, so a new system whose recovery came second was taken for one whose Redis had lost everything.
 */
import { expect, test } from 'vitest'
import { redisKeys } from '../../src/redis/keys.ts'
import { waitUntil } from '../support/wait.ts'
import { request } from '../support/world.ts'
import { world, worldOfEachTest } from '../support/worlds.ts'

worldOfEachTest()

async function hasCommitted(): Promise<boolean> {
  const [answer] = await world.admin.fetchOffsets({ groupId: world.groupId, topics: [world.topics.requests] })
  return answer?.partitions.some(({ offset }) => Number(offset) >= 0) ?? false
}

test('a new system is known for one although its partitions are taken over before recovery may look', async () => {
  const { recovery } = redisKeys(world.keyPrefix)
  // Somebody else's lease keeps this worker from leading the recovery until its partition is there.
  await world.redis.set(recovery, 'somebody')
  const worker = world.start()
  await worker.saw(' assigned topic=')
  // Long enough for the takeover to commit, if it does so too early.
  const enoughMs = performance.now() + 3_000
  await waitUntil(
    async () => (await hasCommitted()) || performance.now() > enoughMs,
    30_000,
    () => 'unreachable',
  )
  expect(await hasCommitted()).toBe(false)
  await world.redis.del(recovery)
  await world.send([request(1)])
  await world.answered([1])
  const told = worker.lines.filter((line) => / (WARN|ERROR) |a new system/.test(line)).join('\n')
  expect(told).toMatch(/a new system: nothing to rebuild$/)
}, 180_000)
