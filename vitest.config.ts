import { defineConfig } from 'vitest/config'

const UNIT = 'test/unit/**/*.test.ts'

export default defineConfig({
  test: {
    // Real services and child processes: waits have their own limits with a message; this one only ends a hang.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Two cores: a broker, Redis and workers already share them with the tests.
    maxWorkers: 2,
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
          // Workers are killed, frozen and starved here, two test files at a time on two cores: what fails twice is a fault.
          retry: 1,
          globalSetup: ['test/support/global-setup.ts'],
        },
      },
    ],
  },
})
