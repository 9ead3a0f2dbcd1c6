/** Topics, group and clients of its own for each test of a file. */
import { afterEach, beforeEach, inject } from 'vitest'
import type { KafkaWorld } from '../support/kafka-testing.ts'
import { kafkaWorld } from '../support/kafka-testing.ts'

/** The world of the running test. */
export let world: KafkaWorld

export interface WorldOfEachTestOptions {
  /** Partitions of the requests topic. */
  partitions?: number
  /** Called before each test; the suite's brokers when it is not given. */
  brokers?: () => string[]
}

/** Opens a world before each test of the file and closes it afterwards. */
export function worldOfEachTest({ brokers, ...options }: WorldOfEachTestOptions = {}): void {
  beforeEach(async () => {
    world = await kafkaWorld(brokers?.() ?? inject('kafkaBrokers'), options)
  })
  afterEach(() => world.close())
}

/** @returns the offset that the group has committed in partition 0; -1 when there is none */
export const committedOffset = async (): Promise<bigint> => (await world.committed())[0]?.offset ?? -1n
