/** `npm run bench -- --short`, for CI: a minute and a half, judged by figures.ts. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Figures, Runs } from './figures.ts'
import { figuresOf, judge } from './figures.ts'
import type { Stage } from './measure.ts'
import { measure } from './measure.ts'
import { runBare, startModelServer } from './processes.ts'
import { ALONE, BASE } from './scenario.ts'
import { ratiosOf } from './table.ts'

const ROUNDS = 3
const MESSAGES = 1_500
/** Enough calls for the loop's memory to reach its full size. */
const BARE_CALLS = 3_000

/** The figures as they were when they were last written down, with `--keep`. */
const KEPT = join(import.meta.dirname, 'kept.json')

/**
 * @param keep saves the figures as those that later runs compare with
 * @returns the exit code: 1 when a figure is worse than the kept one by more than its bound
 */
export async function benchShort(stage: Stage, keep: boolean, say: (line: string) => void): Promise<number> {
  const figures = figuresOf(await run(stage, say))
  const kept = JSON.parse(readFileSync(KEPT, 'utf8')) as Figures
  const verdicts = judge(figures, kept)
  for (const { line } of verdicts) say(line)
  if (!keep) return verdicts.every(({ isGood }) => isGood) ? 0 : 1
  writeFileSync(KEPT, `${JSON.stringify(figures, null, 2)}\n`)
  return 0
}

async function run(stage: Stage, say: (line: string) => void): Promise<Runs> {
  const slow = await startModelServer(ALONE.latencyMs)
  const alone = await measure(ALONE, stage, slow, say).finally(() => slow.stop())
  const rounds = []
  const model = await startModelServer(BASE.latencyMs)
  try {
    for (let round = 1; round <= ROUNDS; round++) {
      say(`round ${round} of ${ROUNDS}`)
      const bare = await runBare(model.baseUrl, { ...BASE, calls: BARE_CALLS })
      await model.answeredAt()
      const worker = await measure({ ...BASE, messages: MESSAGES }, stage, model, (line) => say(`  ${line}`))
      rounds.push({ worker, ratios: ratiosOf(worker, bare) })
    }
  } finally {
    model.stop()
  }
  return { alone, rounds }
}
