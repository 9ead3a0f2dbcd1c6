/** Describes for a person a life that failed: the shortest plan that still fails, and what happened under this plan. */
import type { Scene, Verdict } from './life.ts'
import { live } from './life.ts'
import type { Deviation, Plan } from './plan.ts'

/** A failing plan is shrunk for at most this long. */
const SHRINKING_MS = 20_000
const LONGEST_TRACE = 150

export async function describeFailure(scene: Scene, seed: number, verdict: Verdict): Promise<string> {
  const plan = await shrink(scene, seed, verdict.taken)
  const { trace, violations } = await live(scene, seed, plan, true)
  const kept = `${verdict.taken.size} deviations, shrunk to ${plan.size}`
  const lines = [
    `npm run simulate -- --seed ${seed} --lives 1`,
    `${kept}: ${violations.join('; ')}`,
    ...shortened(trace),
  ]
  return lines.join('\n')
}

/** Leaves out ever smaller parts of the plan, as long as the life still fails. */
async function shrink(scene: Scene, seed: number, taken: Map<number, Deviation>): Promise<Plan> {
  const fails = async (part: Plan) => (await live(scene, seed, part)).violations.length > 0
  let kept = [...taken]
  const endsAtMs = performance.now() + SHRINKING_MS
  for (let size = Math.ceil(kept.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2)) {
    for (let from = 0; from < kept.length && performance.now() < endsAtMs;) {
      const without = kept.toSpliced(from, size)
      if (await fails(new Map(without))) kept = without
      else from += size
    }
  }
  return new Map(kept)
}

/** A life that is stuck goes on for long: its beginning and its end tell enough. */
function shortened(trace: string[]): string[] {
  if (trace.length <= LONGEST_TRACE) return trace
  return [...trace.slice(0, LONGEST_TRACE), `... ${trace.length - LONGEST_TRACE} lines`, ...trace.slice(-4)]
}
