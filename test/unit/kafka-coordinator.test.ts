/** A group member whose coordinator is gone finds the next one. */
import { expect, test } from 'vitest'
import type { Coordinated } from '../../src/kafka/coordinator.ts'
import { followCoordinator } from '../../src/kafka/coordinator.ts'

const connectionError = Object.assign(new Error('connect ECONNREFUSED'), { name: 'KafkaJSConnectionError' })
const protocolError = Object.assign(new Error('rebalancing'), {
  name: 'KafkaJSProtocolError',
  type: 'REBALANCE_IN_PROGRESS',
})

function memberWith(failure: Error | null, found: () => Promise<unknown>) {
  const asked: unknown[] = []
  const group: Coordinated = {
    groupId: 'g',
    coordinator: 'dead',
    cluster: { findGroupCoordinatorMetadata: () => Promise.resolve({ coordinator: { nodeId: 2 } }), findBroker: found },
    async heartbeat(this: Coordinated) {
      asked.push(this.coordinator)
      await Promise.resolve()
      if (failure !== null && this.coordinator === 'dead') throw failure
    },
  }
  followCoordinator(group)
  return { group, asked }
}

test('the next heartbeat after one without an answer goes to the coordinator of then', async () => {
  const { group, asked } = memberWith(connectionError, () => Promise.resolve('next'))
  await expect(group.heartbeat({ interval: 0 })).rejects.toBe(connectionError)
  await group.heartbeat({ interval: 0 })
  expect(asked).toEqual(['dead', 'next'])
})

test('while there is none, the error is that of the heartbeat', async () => {
  const { group, asked } = memberWith(connectionError, () => Promise.reject(new Error('no coordinator')))
  await expect(group.heartbeat({ interval: 0 })).rejects.toBe(connectionError)
  await expect(group.heartbeat({ interval: 0 })).rejects.toBe(connectionError)
  expect(asked).toEqual(['dead', 'dead'])
})

test.each([['an answer', protocolError] as const, ['no error', null] as const])(
  'nothing is looked for after %s of the coordinator',
  async (_, error) => {
    let looked = 0
    const { group } = memberWith(error, () => Promise.resolve((looked += 1)))
    const [beat] = await Promise.allSettled([group.heartbeat({ interval: 0 })])
    expect(beat.status === 'rejected' ? beat.reason : null).toBe(error)
    expect(looked).toBe(0)
  },
)

test('heartbeats that fail together look once', async () => {
  let looked = 0
  const { group } = memberWith(connectionError, async () => {
    looked += 1
    await Promise.resolve()
    return 'next'
  })
  await Promise.allSettled([group.heartbeat({ interval: 0 }), group.heartbeat({ interval: 0 })])
  expect(looked).toBe(1)
  await group.heartbeat({ interval: 0 })
})
