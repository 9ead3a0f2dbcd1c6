/** A transactional producer remembers its coordinators for as long as they answer. */
import { expect, test } from 'vitest'
import type { CoordinatedCluster, CoordinatingBroker } from '../../src/kafka/mend-coordinators.ts'
import { mendCoordinators } from '../../src/kafka/mend-coordinators.ts'

const OF_GROUP = 0
const OF_TRANSACTIONS = 1

/** Two brokers; what is asked of either fails with `failure`, and a lookup finds the one at `index`. */
function clusterOf() {
  const state = { failure: null as Error | null, index: 0, lookups: [] as string[], connected: true }
  const request = async (): Promise<unknown> => {
    await Promise.resolve()
    if (state.failure !== null) throw state.failure
    return {}
  }
  const broker: CoordinatingBroker = {
    initProducerId: request,
    addPartitionsToTxn: request,
    addOffsetsToTxn: request,
    txnOffsetCommit: request,
    endTxn: request,
    isConnected: () => state.connected,
  }
  const brokers = [Object.create(broker), Object.create(broker)] as CoordinatingBroker[]
  const prototype: CoordinatedCluster = {
    async findGroupCoordinator({ groupId, coordinatorType }) {
      await Promise.resolve()
      state.lookups.push(`${coordinatorType}/${groupId}`)
      return brokers[state.index]!
    },
  }
  mendCoordinators(prototype, broker)
  const open = () => Object.create(prototype) as CoordinatedCluster
  return { state, brokers, open, cluster: open() }
}

const transactions = { groupId: 'tx', coordinatorType: OF_TRANSACTIONS }
const group = { groupId: 'g', coordinatorType: OF_GROUP }
const protocolError = (type: string) => Object.assign(new Error(type), { name: 'KafkaJSProtocolError', type })

test('each of its coordinators is looked for once', async () => {
  const { state, brokers, cluster } = clusterOf()
  for (let times = 0; times < 3; times++) {
    expect(await cluster.findGroupCoordinator(transactions)).toBe(brokers[0])
    expect(await cluster.findGroupCoordinator(group)).toBe(brokers[0])
  }
  expect(state.lookups).toEqual(['1/tx', '0/g'])
})

test('another producer, and another transactional id, look for their own', async () => {
  const { state, open, cluster } = clusterOf()
  await cluster.findGroupCoordinator(transactions)
  await cluster.findGroupCoordinator({ ...transactions, groupId: 'other' })
  await open().findGroupCoordinator(transactions)
  expect(state.lookups).toEqual(['1/tx', '1/other', '1/tx'])
})

test.each([
  ['that it is not the coordinator', protocolError('NOT_COORDINATOR_FOR_GROUP')],
  ['nothing', new Error('Connection timeout')],
])('one that answers %s is looked for again, and the new one is remembered', async (_, failure) => {
  const { state, brokers, cluster } = clusterOf()
  const coordinator = await cluster.findGroupCoordinator(transactions)
  state.failure = failure
  await expect(coordinator.endTxn({})).rejects.toBe(failure)
  state.index = 1
  expect(await cluster.findGroupCoordinator(transactions)).toBe(brokers[1])
  expect(await cluster.findGroupCoordinator(transactions)).toBe(brokers[1])
  expect(state.lookups).toHaveLength(2)
})

test('one that was doubted, and is found again, is remembered again', async () => {
  const { state, cluster } = clusterOf()
  const coordinator = await cluster.findGroupCoordinator(transactions)
  state.failure = protocolError('GROUP_LOAD_IN_PROGRESS')
  await expect(coordinator.addPartitionsToTxn({})).rejects.toBe(state.failure)
  await cluster.findGroupCoordinator(transactions)
  await cluster.findGroupCoordinator(transactions)
  expect(state.lookups).toHaveLength(2)
})

test('one that still ends the transaction before is the right one', async () => {
  const { state, cluster } = clusterOf()
  const coordinator = await cluster.findGroupCoordinator(transactions)
  state.failure = protocolError('CONCURRENT_TRANSACTIONS')
  await expect(coordinator.addOffsetsToTxn({})).rejects.toBe(state.failure)
  await cluster.findGroupCoordinator(transactions)
  expect(state.lookups).toHaveLength(1)
})

test('one whose connection is gone is looked for again', async () => {
  const { state, cluster } = clusterOf()
  await cluster.findGroupCoordinator(transactions)
  state.connected = false
  await cluster.findGroupCoordinator(transactions)
  expect(state.lookups).toHaveLength(2)
})

test('consumers and admin clients, which have no transactions, ask each time', async () => {
  const { state, cluster } = clusterOf()
  await cluster.findGroupCoordinator(group)
  await cluster.findGroupCoordinator(group)
  expect(state.lookups).toHaveLength(2)
})
