/** `doctor`: checks everything that a worker relies on, before one is started; one line for each check. */
import type { Config } from '../config.ts'
import { ConfigError, loadConfig } from '../config.ts'
import { findStrangers } from '../ops/settings-check.ts'
import { checkFiles } from '../setting-files.ts'
import { withKafka, withRedis } from './connections.ts'
import type { Command, Report } from './define.ts'
import { defineCommand } from './define.ts'
import type { Check } from './doctor-checks.ts'
import { checkBudgets, checkKafkaServices, checkRedisServices } from './doctor-checks.ts'
import { checkProvider } from './doctor-provider.ts'
import { EXIT } from './exit-codes.ts'

export const run: Command = defineCommand(
  {
    usage: [
      'resume-scoring-worker doctor [--paid]',
      '  Looks at settings, Kafka, Redis, the provider and the budgets, a line each: ok, warn or FAIL. Changes nothing.',
      '  Exit code 0: a worker can work, whatever the warnings; 1: it cannot; 78: the settings are wrong.',
      '  --paid  also ask the model, with the shortest texts, as a worker would: once, or once more for each form that the server',
      '          refuses; paid from the shared budget if there is one',
    ],
    example: 'doctor',
    options: { paid: { type: 'boolean', default: false } },
  },
  async ({ values, env, signal, complain }) => {
    const settings = checkSettings(env)
    if (settings.config === null) return report(settings.checks, EXIT.config)
    const { config } = settings
    const tried = await Promise.all([
      or('Kafka', signal, () =>
        withKafka(config.kafka, complain, (clients) => checkKafkaServices(clients, config, signal)),
      ),
      or('Redis', signal, () =>
        withRedis(config.redis, signal, async (redis, keys) => [
          ...(await checkRedisServices(redis, keys, config)),
          ...(await checkBudgets(redis, keys, config)),
        ]),
      ),
      or('provider', signal, () => checkProvider(config, { isPaid: values.paid, signal, complain })),
    ])
    const checks = [...settings.checks, ...tried.flat()]
    return report(checks, checks.some(({ state }) => state === 'FAIL') ? EXIT.failed : EXIT.ok)
  },
)

/** @returns the checks; and the config, or null when a worker would not start with it */
function checkSettings(env: Record<string, string | undefined>): { config: Config | null; checks: Check[] } {
  const strangers = findStrangers(env).map(({ name, advice }): Check => {
    return { what: 'settings', state: 'warn', told: `${name} is not read: ${advice}` }
  })
  const failed = (problems: readonly string[]) =>
    problems.map((told): Check => ({ what: 'settings', state: 'FAIL', told }))
  try {
    const config = loadConfig(env)
    checkFiles(config)
    return { config, checks: [{ what: 'settings', state: 'ok', told: 'complete and well-formed' }, ...strangers] }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return { config: null, checks: [...failed(error.problems), ...strangers] }
  }
}

/** Turns a check that cannot run into one failed line, so that the other checks still run. */
async function or(what: string, signal: AbortSignal, look: () => Promise<Check[]>): Promise<Check[]> {
  try {
    return await look()
  } catch (error) {
    signal.throwIfAborted()
    return [{ what, state: 'FAIL', told: error instanceof Error ? error.message : String(error) }]
  }
}

function report(checks: readonly Check[], exitCode: number): Report {
  const width = Math.max(...checks.map(({ what }) => what.length))
  return {
    document: { ok: exitCode === EXIT.ok, checks },
    lines: checks.map(({ what, state, told }) => `${state.padEnd(4)}  ${what.padEnd(width)}  ${told}`),
    exitCode,
  }
}
