/** What `doctor` checks at the provider. */
import type { BudgetDecision } from '../budget/budget.ts'
import { budgetSettings, createBudget } from '../budget/budget.ts'
import type { Config } from '../config.ts'
import { FAILURES } from '../errors.ts'
import { silent } from '../logging/log.ts'
import { createAdaptations } from '../provider/adaptations.ts'
import { createProvider } from '../provider/client.ts'
import type { KeySource } from '../provider/key.ts'
import { createKeySource } from '../provider/key.ts'
import type { Reply } from '../provider/reply.ts'
import type { ProviderAccess } from '../provider/check-access.ts'
import { checkAccess } from '../provider/check-access.ts'
import type { Transport } from '../provider/transport.ts'
import { createTransport } from '../provider/transport.ts'
import type { Trial } from '../provider/trial.ts'
import { buildPrompt } from '../scoring/prompt.ts'
import { duration } from '../lib/text.ts'
import { shownAddress } from '../lib/address.ts'
import { withRedis } from './connections.ts'
import type { Check } from './doctor-checks.ts'
import { fail, ok, warn } from './doctor-checks.ts'
import { tellWait } from './silence.ts'

export async function checkProvider(
  config: Config,
  { isPaid, signal, complain }: { isPaid: boolean; signal: AbortSignal; complain: (line: string) => void },
): Promise<Check[]> {
  const transport = createTransport(config.provider.proxyUrl)
  const key = createKeySource(config.provider, silent)
  try {
    const asking = checkAccess({ settings: config.provider, key, transport }, signal)
    const access = await tellWait(`the provider at ${shownAddress(config.provider.baseUrl)}`, complain, asking)
    const checks = [accessCheck(access, config.provider.model)]
    if (!isPaid || access.kind === 'refused') return checks
    return [...checks, await paidCheck(config, { key, transport, signal })]
  } finally {
    await transport.close()
  }
}

function accessCheck(access: ProviderAccess, model: string): Check {
  const { kind, detail } = access
  if (kind === 'refused') return fail('provider', `${detail}: ${FAILURES[access.code].remedy ?? access.code}`)
  if (kind === 'unreachable') return fail('provider', `cannot be reached: ${detail}`)
  if (kind === 'unknown') {
    const what = access.advice ?? 'whether it takes the key shows with --paid'
    return warn('provider', `${detail}; ${what}`)
  }
  if (access.knowsModel === false)
    return fail('provider', `does not list the model ${model}: check OPENAI_MODEL. ${detail}`)
  return ok('provider', `${detail}; model ${model}${access.knowsModel === null ? ' (not listed there)' : ''}`)
}

/** More tokens than the prompt with the shortest texts and its answer need. */
const PAID_RESERVATION = { tokens: 4_000, user: '', urgent: false, alone: false }
const SHORTEST = { requirements: 'Go', resume: 'Go' }
const PAID_PATIENCE_MS = 30_000

interface Paid {
  key: KeySource
  transport: Transport
  signal: AbortSignal
}

/**
 * Asks the worker's own question with the shortest texts, in each form that the server makes a worker try. Every call is paid from
 * the fleet's budget, unless that was never created or is shut.
 */
async function paidCheck(config: Config, { key, transport, signal }: Paid): Promise<Check> {
  return withRedis(config.redis, signal, async (redis, keys) => {
    const budget = createBudget({
      ...budgetSettings(config.budget, keys),
      maxWaitMs: PAID_PATIENCE_MS,
      redis,
      retryWhileAway: <T>(_what: string, operation: () => Promise<T>) => operation(),
      worker: `doctor-${process.pid}`,
      log: silent,
      subscribe: () => () => {},
      onLost: () => {},
    })
    const adaptations = createAdaptations({ redis, keys, server: config.provider, log: silent })
    await adaptations.load()
    const provider = createProvider({ settings: config.provider, key, transport, adaptations })
    const prompt = buildPrompt(SHORTEST, { ...config.provider, verdictMinScore: config.verdictMinScore })
    try {
      let trial: Trial | null = null
      for (;;) {
        const grant = (await budget.status()).open ? await budget.reserve(PAID_RESERVATION, signal) : null
        if (grant?.kind === 'refused' || grant?.kind === 'too_long') return notGranted(grant)
        const maxCompletionTokens = provider.capOf(trial)
        const sendByMs = grant?.sendByMs ?? performance.now() + PAID_PATIENCE_MS
        const reply: Reply = await provider.ask({ ...prompt, trial, maxCompletionTokens, sendByMs, signal })
        if (grant !== null && 'usage' in reply) await budget.settle(grant, reply.usage?.totalTokens ?? null, signal)
        if (reply.kind !== 'failure' || reply.next === null) return replyCheck(reply)
        trial = reply.next
      }
    } finally {
      budget.close()
    }
  })
}

const notGranted = (refused: Extract<BudgetDecision, { kind: 'refused' | 'too_long' }>): Check =>
  warn(
    'model call',
    refused.kind === 'refused'
      ? `not made: the budget's next turn is in ${duration(refused.waitMs)}`
      : 'not made: the budget is smaller than the smallest call',
  )

function replyCheck(reply: Reply): Check {
  if (reply.kind === 'answer') {
    return ok('model call', `answered by ${reply.model}, ${reply.usage?.totalTokens ?? 'unknown'} tokens`)
  }
  if (reply.kind !== 'failure') return warn('model call', 'not made in time: try again')
  // The model answered, which is all that this check asks for.
  if (reply.code === 'cut_off' || reply.code === 'unusable_answer') {
    return ok('model call', `answered (${reply.detail})`)
  }
  return fail('model call', `${reply.code}: ${reply.detail}. ${FAILURES[reply.code].remedy ?? ''}`.trim())
}
