/** One minute of `npm run chaos`, from another seed each time; a failure prints the seed and what was done when. */
import { randomInt } from 'node:crypto'
import { expect, test } from 'vitest'
import { describeReport, isClean } from '../support/audit.ts'
import { runChaos } from './run.ts'

/** A minute of trouble, the start before it and the drain after it, on a busy machine. */
const LIMIT_MS = 360_000

test(
  'a minute of chaos doubles nothing, loses nothing, and pays for nothing twice without a reason',
  { timeout: LIMIT_MS },
  async () => {
    const seed = randomInt(1_000_000)
    const story = [`npm run chaos -- --minutes 1 --seed ${seed}`]
    const say = (line: string) => void story.push(line)
    const { report, faults } = await runChaos({ seed, minutes: 1, say }).catch((error: Error) => {
      throw new Error(`${story.join('\n')}\n${error.message}`, { cause: error })
    })
    expect(faults, `what was done:\n${story.join('\n')}`).toEqual([])
    expect(isClean(report), `${story.join('\n')}\n${describeReport(report)}`).toBe(true)
    expect(report.requests).toBeGreaterThan(100)
  },
)
