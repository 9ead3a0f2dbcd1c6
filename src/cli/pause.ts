/** `pause`: keeps the whole fleet from starting calls until `resume`, even across restarts. */
import { pauseFleet } from '../provider/holds.ts'
import type { Command } from './define.ts'
import { withRedis } from './connections.ts'
import { defineCommand } from './define.ts'

export const run: Command = defineCommand(
  {
    usage: [
      'resume-scoring-worker pause',
      '  No model call of the fleet begins until `resume`. Calls in flight go on, and what has an answer is published.',
    ],
    example: 'pause',
    options: {},
  },
  ({ config, signal }) =>
    withRedis(config.redis, signal, async (redis, keys) => {
      const changed = await pauseFleet(redis, keys)
      const since = new Date(Number(await redis.hget(keys.pause, 'since'))).toISOString()
      const line = changed
        ? 'paused: no call begins until `npm run resume`; calls in flight go on'
        : `was paused already, since ${since}`
      return { document: { paused: true, changed, since }, lines: [line] }
    }),
)
