/** `status`: budgets, holds, backlog and workers, read from Redis and Kafka; no worker has to run. */
import type { Command } from './define.ts'
import { withRedis } from './connections.ts'
import { defineCommand } from './define.ts'
import { readBacklog, readStatusOf, timeFor } from './fleet-status.ts'
import { statusLines } from './status-lines.ts'

export const run: Command = defineCommand(
  {
    usage: ['resume-scoring-worker status', '  Budgets, holds, backlog and how long the budgets take for it, workers.'],
    options: {},
  },
  async ({ config, signal }) => {
    const status = await withRedis(config.redis, signal, (redis, keys) => readStatusOf(redis, keys, config))
    const backlog = await readBacklog(config).catch((error: unknown) => {
      signal.throwIfAborted()
      return { error: (error as Error).message }
    })
    const time = 'error' in backlog ? null : timeFor(status.budget, backlog, config)
    const document = { ...status, backlog, timeForBacklog: time }
    return { document, lines: statusLines(status, backlog, time), exitCode: 'error' in backlog ? 1 : 0 }
  },
)
