/** `resume`: ends the operator's pause. */
import { readHolds, resumeFleet } from '../provider/holds.ts'
import type { Command } from './define.ts'
import { withRedis } from './connections.ts'
import { defineCommand } from './define.ts'

export const run: Command = defineCommand(
  { usage: ['resume-scoring-worker resume', '  Ends the pause of the fleet.'], example: 'resume', options: {} },
  ({ config, signal }) =>
    withRedis(config.redis, signal, async (redis, keys) => {
      const changed = await resumeFleet(redis, keys)
      const holds = (await readHolds(redis, keys)).filter(({ holdsOthers }) => holdsOthers)
      const line = changed ? 'resumed: workers go on within seconds' : 'was not paused'
      const held = holds.map(({ scope, code, remedy }) => `still held by ${scope} (${code ?? 'pause'}): ${remedy}`)
      return { document: { paused: false, changed, stillHeld: holds }, lines: [line, ...held] }
    }),
)
