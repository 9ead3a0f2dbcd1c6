import type { TestSpecification } from 'vitest/node'
import { BaseSequencer } from 'vitest/node'
import { defineConfig } from 'vitest/config'

const UNIT = 'test/unit/**/*.test.ts'
/** Three brokers take both cores while they start. */
const HEAVY = ['test/kafka/cluster.test.ts']
/** How much of a budget ten workers use says nothing about the budget while they are starved. */
const MEASURING = ['test/e2e/budgets-fleet.test.ts']

/** Begins with the heavy files and ends with those that measure, so that they never run side by side. */
class HeavyFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isOneOf = (paths: string[], { moduleId }: TestSpecification) => paths.some((path) => moduleId.endsWith(path))
    const rank = (file: TestSpecification) => (isOneOf(HEAVY, file) ? 0 : isOneOf(MEASURING, file) ? 2 : 1)
    // oxlint-disable-next-line unicorn/no-array-sort -- the sequencer's own method, which returns a new array
    const sorted = await super.sort(files)
    return sorted.toSorted((a, b) => rank(a) - rank(b))
  }
}

export default defineConfig({
  test: {
    // Real services and child processes: waits have their own limits with a message; this one only ends a hang.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    // As waitUntil's in the tests; vitest's own second is short for a busy machine.
    expect: { poll: { timeout: 20_000 } },
    // Two cores: a broker, Redis and workers already share them with the tests.
    maxWorkers: 2,
    globalSetup: ['test/support/temporary.ts'],
    sequence: { sequencer: HeavyFirst },
    // kafkajs 2.2.4 schedules its checks with negative delays.
    execArgv: ['--disable-warning=TimeoutNegativeWarning'],
    projects: [
      { extends: true, test: { name: 'unit', include: [UNIT] } },
      {
        extends: true,
        test: {
          name: 'services',
          include: ['test/**/*.test.ts'],
          exclude: [UNIT],
          globalSetup: ['test/support/global-setup.ts'],
        },
      },
    ],
  },
})
