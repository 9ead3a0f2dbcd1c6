import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    // Real services and child processes: waits have their own limits with a message; this one only ends a hang.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Two cores: a broker, Redis and workers already share them with the tests.
    maxWorkers: 2,
  },
})
