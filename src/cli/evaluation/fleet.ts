/** Gives an evaluation the fleet's budget, its gate and a provider. It needs no running worker and no Kafka. */
import { randomUUID } from 'node:crypto'
import { hostname } from 'node:os'
import type { Redis } from 'ioredis'
import type { Budget } from '../../budget/budget.ts'
import { budgetSettings, createBudget } from '../../budget/budget.ts'
import { CallSlots } from '../../budget/call-slots.ts'
import type { Config } from '../../config.ts'
import type { Log } from '../../logging/log.ts'
import { createAdaptations } from '../../provider/adaptations.ts'
import { createProvider } from '../../provider/client.ts'
import { createGate } from '../../provider/gate.ts'
import { createKeySource } from '../../provider/key.ts'
import { createTransport } from '../../provider/transport.ts'
import type { RedisKeys } from '../../redis/keys.ts'
import { createRetryWhileAway } from '../../redis/retry.ts'
import { createSubscriptions } from '../../redis/subscriptions.ts'
import { createTokenRatios } from '../../provider/token-ratios.ts'
import { createTokenEstimator } from '../../provider/tokens.ts'
import { withRedis } from '../connections.ts'
import type { AskingParts } from './asking.ts'

export interface Fleet extends AskingParts {
  redis: Redis
  keys: RedisKeys
}

/**
 * Runs `work` as one more member of the fleet; gives up its leases when it is done.
 * @throws as withRedis does
 */
export function withFleet<T>(
  config: Config,
  log: Log,
  signal: AbortSignal,
  work: (fleet: Fleet) => Promise<T>,
): Promise<T> {
  return withRedis(config.redis, signal, (redis, keys) =>
    withRedis(config.redis, signal, async (listener) => {
      const worker = `evaluate-${hostname()}-${process.pid}-${randomUUID().slice(0, 8)}`
      const retry = createRetryWhileAway({ log, redis })
      const subscriptions = createSubscriptions(listener, log)
      const transport = createTransport(config.provider.proxyUrl)
      const slots = new CallSlots(config.maxCallsInFlight)
      const budget = createBudget({
        redis,
        retryWhileAway: retry,
        ...budgetSettings(config.budget, keys),
        slots,
        worker,
        log,
        subscribe: (channel, receive) => subscriptions.subscribe(channel, receive),
        onLost: () => log.warn(SHUT),
      })
      const key = createKeySource(config.provider, log)
      const adaptations = createAdaptations({ redis, keys, server: config.provider, log })
      await adaptations.load()
      const provider = createProvider({ settings: config.provider, key, transport, adaptations })
      const gate = createGate({ redis, keys, worker, identity: provider.identity, retry, log })
      const { model } = config.provider
      const estimator = createTokenEstimator(model, await createTokenRatios(redis, keys, model, log).load())
      try {
        return await work({ config, redis, keys, budget, gate, provider, estimator, log })
      } finally {
        gate.close()
        budget.close()
        await transport.close()
      }
    }),
  )
}

const SHUT = 'the budget is lost or shut: nothing is asked until a worker has rebuilt it from what was published'

/**
 * Makes sure that the budget grants calls, or warns that it will not until a worker has rebuilt it.
 * @param isNew the user says that nobody has used the provider's key today: in a Redis that no worker has used, a budget is then created,
 *   which grants after a minute
 * @throws Error when no worker has used this Redis and `isNew` is false
 */
export async function initialiseBudget(
  { redis, keys, budget, log }: Pick<Fleet, 'redis' | 'keys' | 'log'> & { budget: Budget },
  isNew: boolean,
  signal: AbortSignal,
): Promise<void> {
  if (await budget.initialise(signal)) return
  // A fleet uses this Redis: its recovery rebuilds the budget from what was spent.
  if ((await redis.exists(keys.state)) === 1) return log.warn(SHUT)
  if (!isNew) {
    throw new Error(
      'no worker has used this Redis yet, or it has lost its data: start a worker, which knows what was spent, ' +
        'or say with --new-budget that nothing was spent today',
    )
  }
  log.warn('a new budget is created: the first call is made in a minute')
  await budget.rebuild([], signal)
}
