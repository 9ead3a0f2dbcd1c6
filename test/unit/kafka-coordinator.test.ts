/** A member of a group whose coordinator has gone looks for the next one. */
import { expect, test } from 'vitest'
import type { Coordinated } from '../../src/kafka/coordinator.ts'
import { followCoordinator } from '../../src/kafka/coordinator.ts'

const connectionError = Object.assign(new Error('connect ECONNREFUSED'), { name: 'KafkaJSConnectionError' })
const protocolError = Object.assign(new Error('rebalancing'), {
  name: 'KafkaJSProtocolError',
  type: 'REBALANCE_IN_PROGRESS',
})

function memberWith(error: Error | null, found: () => Promise<unknown>) {
  const asked: unknown[] = []
  const answer = async (coordinator: unknown) => {
    if (error !== null && coordinator === 'dead') throw error
  }
  const group: Coordinated = {
    groupId: 'g',
    coordinator: 'dead',
    cluster: { findGroupCoordinator: found },
    heartbeat(this: Coordinated) {
      asked.push(this.coordinator)
      return answer(this.coordinator)
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
    const thrown = await group.heartbeat({ interval: 0 }).then(
      () => null,
      (reason: unknown) => reason,
    )
    expect(thrown).toBe(error)
    expect(looked).toBe(0)
  },
)
