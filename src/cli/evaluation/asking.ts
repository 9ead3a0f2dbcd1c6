/** Asks the model as a worker does, through the fleet's gate and budget, about texts that come from a file instead of Kafka. */
import { randomInt, randomUUID } from 'node:crypto'
import { pause } from '../../lib/abortable.ts'
import type { AskingResult } from '../../pipeline/asking.ts'
import { askRepeatedly } from '../../pipeline/asking.ts'
import { createAsk, afterFormSearch } from '../../pipeline/attempt.ts'
import type { Budget } from '../../budget/budget.ts'
import type { Config } from '../../config.ts'
import type { ClaimOwner } from '../../claims/dedupe.ts'
import { FAILURES } from '../../errors.ts'
import type { Journey } from '../../outcomes/effort.ts'
import { startJourney } from '../../outcomes/effort.ts'
import type { Log } from '../../logging/log.ts'
import type { FailedCall } from '../../provider/attempts.ts'
import type { Provider } from '../../provider/client.ts'
import type { Gate } from '../../provider/gate.ts'
import { readAnswer } from '../../scoring/answer.ts'
import type { Result, Task } from './labelled-set.ts'
import { buildPrompt } from '../../scoring/prompt.ts'
import { sanitize } from '../../lib/sanitize.ts'
import type { TokenEstimator } from '../../provider/tokens.ts'
import { verifyAnswer } from '../../scoring/verify.ts'
import { duration } from '../../lib/text.ts'

/** The same warning is repeated no more often than this. */
const TELL_EVERY_MS = 60_000

export interface AskingParts {
  config: Pick<Config, 'provider' | 'maxCallsInFlight' | 'verdictMinScore'>
  budget: Budget
  gate: Gate
  provider: Provider
  estimator: TokenEstimator
  log: Log
}

/**
 * @returns a function that asks one question and retries as a worker would. It rejects with the signal's reason, or, when the provider
 * refuses every call, with an Error that says what to do
 */
export function createAsking({ config, budget, gate, provider, estimator, log }: AskingParts) {
  const attempt = createAsk({
    budget,
    gate,
    provider,
    log,
    // An evaluation makes no claims, so no other worker can take one over; the budget itself notices when Redis loses its data.
    dedupe: {
      begin: async (id, owner) => ({ kind: 'begun', lease: leaseOf(id, owner), ...NO_STARTS }),
      end: async () => {},
    },
    untilTrusted: () => Promise.resolve(),
    metrics: { callFinished: () => {} },
  })
  const ask = afterFormSearch(provider, attempt)
  // The gate tells requests apart by id, so these ids must differ from those of real requests.
  let lastId = -BigInt(randomInt(2 ** 47)) * 2n ** 15n
  let toldMs = -TELL_EVERY_MS

  async function settle(prompt: Prompted, journey: Journey, signal: AbortSignal): Promise<Answered> {
    const read = (content: string) => readAnswer(content, log)
    const question = { ...prompt, id: --lastId, owner: NOBODY, user: '', alone: false, journey, read }
    const mostTokens = (cap: number) => prompt.estimate.tokens + cap
    const { capOf } = provider
    const port = { ask, capOf, mostTokens, onFailure: endIfHopeless, outlast }
    const settled = await askRepeatedly(question, port, { wait: signal, call: signal })
    if (settled.kind === 'answer' || settled.kind === 'failed') return settled
    throw new TypeError(`a question of no claim cannot end as ${settled.kind}`)
  }

  /** Waits for a turn of the budget that is far away, where a worker would refuse the request. */
  async function outlast(waitMs: number, signal: AbortSignal): Promise<void> {
    const nowMs = performance.now()
    if (nowMs - toldMs >= TELL_EVERY_MS) {
      toldMs = nowMs
      log.warn(`the budget is used up, its next turn comes in ${duration(waitMs)}`)
    }
    await pause(Math.min(waitMs, TELL_EVERY_MS), signal)
  }

  return async (task: Task, signal: AbortSignal): Promise<Result> => {
    const { texts } = sanitize(task)
    const prompt = buildPrompt(texts, { ...config.provider, verdictMinScore: config.verdictMinScore })
    const estimate = estimator.estimate(prompt)
    const journey = startJourney()
    const answered = await settle({ ...prompt, estimate }, journey, signal)
    const { promptTokens, completionTokens } = journey
    const { id, variant, repeat } = task
    const spent = { id, variant, repeat, promptTokens, completionTokens }
    if (answered.kind === 'failed') return { ...spent, ...NO_SCORE, failure: answered.code }
    const told = answered.promptTokens
    if (told !== null && !estimator.isCut(estimate, told)) estimator.learn(estimate, told)
    const { score, findings, modelScore } = await verifyAnswer(answered.answer, texts, config.verdictMinScore)
    const met = findings.filter(({ evidence }) => evidence === 'stated')
    const rejected = met.flatMap(({ why }) => why ?? [])
    return {
      ...spent,
      score: score.score,
      verdict: score.verdict,
      modelScore,
      met: met.length,
      unproved: rejected.length,
      rejected,
      failure: null,
    }
  }
}

type Answered = Extract<AskingResult, { kind: 'answer' | 'failed' }>

type Prompted = ReturnType<typeof buildPrompt> & { estimate: ReturnType<TokenEstimator['estimate']> }

const NO_SCORE = { score: null, verdict: null, modelScore: null, met: 0, unproved: 0, rejected: [] }
const NO_STARTS = { starts: 1, startsAlone: 0 }
const NOBODY: ClaimOwner = { group: '', topic: '', partition: 0, offset: 0n, timestampMs: 0 }

const leaseOf = (id: bigint, owner: ClaimOwner) => ({ id, owner, token: randomUUID(), alone: false })

/**
 * A worker waits while the key, the route or the configuration is refused. An evaluation ends, because its user can mend them, unless other
 * calls were answered and the scope is not held.
 */
function endIfHopeless({ code, evidence }: FailedCall): void {
  const { most, remedy } = FAILURES[code]
  if (most !== null || (evidence.successes > 0 && !evidence.held)) return
  throw new Error(`the provider takes no call (${code}): ${remedy}; what is answered is kept, start again to go on`)
}
