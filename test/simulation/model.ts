/** The model: it answers each call with the request's id, after a time, and bills what the workload says. */
import type { Question, Reply } from '../../src/provider/reply.ts'
import type { Lane, VirtualClock } from './clock.ts'
import type { Invariants } from './invariants.ts'
import type { Park } from './scheduler.ts'
import type { Workload } from './workload.ts'

export interface ModelParts {
  clock: VirtualClock
  park: Park
  invariants: Invariants
  workload: Workload
}

/** @returns what stands for the provider's `ask` in a lane */
export function createModel({ clock, park, invariants, workload }: ModelParts) {
  const lost = () => new Error('no answer')

  /** @returns the tokens that the call is billed; null when it is not sent, because its grant has lapsed or it was aborted */
  function arrive(lane: Lane, id: string, { sendByMs, signal }: Question): number | null {
    const isLate = clock.inLane(lane, () => performance.now() >= sendByMs)
    if (isLate || signal.aborted) return null
    const tokens = workload.nextBill()
    invariants.arrived(id, clock.nowMs, tokens)
    return tokens
  }

  return async (lane: Lane, question: Question): Promise<Reply> => {
    const { signal } = question
    const id = String(question.messages[0]?.content)
    let billed: number | null = null
    const { promise: aborted, resolve: onAborted } = Promise.withResolvers<Reply>()
    const onAbort = () => onAborted({ kind: 'aborted', sent: billed !== null })
    signal.addEventListener('abort', onAbort, { once: true })
    const call = async (): Promise<Reply> => {
      billed = await park(lane, { service: 'model', label: `asks for ${id}`, lost }, () => {
        billed = arrive(lane, id, question)
        return billed
      })
      if (billed === null) return { kind: 'not_sent' }
      await new Promise((resolve) => setTimeout(resolve, workload.modelMs))
      const usage = { promptTokens: billed, completionTokens: 0, totalTokens: billed }
      return await park(lane, { service: 'model', label: `answer for ${id}`, lost }, () => {
        invariants.answered(id)
        return { kind: 'answer', content: id, model: 'm', usage, limits: {} } as const
      })
    }
    try {
      return await Promise.race([call().catch(() => timedOut(billed !== null)), aborted])
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }
}

function timedOut(sent: boolean): Reply {
  const about = { code: 'timeout', retryAfterMs: null, detail: '', next: null } as const
  return { kind: 'failure', ...about, sent, usage: null, limits: {} }
}
