/** Checks at the start whether the provider accepts address, key and model, before the first request finds out. */
import type { Config } from '../config.ts'
import { FAILURES } from '../errors.ts'
import { pause } from '../lib/abortable.ts'
import type { Log } from '../logging/log.ts'
import type { ProviderAccess } from '../provider/check-access.ts'

/** A repaired key is noticed after this time at most. */
const AGAIN_MS = 15_000

export interface ProviderCheckParts {
  settings: Pick<Config['provider'], 'model'>
  ask: (signal: AbortSignal) => Promise<ProviderAccess>
  log: Log
  signal: AbortSignal
  againMs?: number
}

export interface ProviderCheck {
  /** Why the provider would refuse calls, by its last answer; null when it would not. */
  trouble: () => string | null
  /** Resolves when the check has ended. Never rejects. */
  done: Promise<void>
}

/** Asks at once, and again every 15 s while the provider refuses or cannot be reached. Logs each change. */
export function startProviderCheck(parts: ProviderCheckParts): ProviderCheck {
  const { settings, ask, log, signal, againMs = AGAIN_MS } = parts
  let trouble: string | null = null
  let said: string | null = null

  function tell(access: ProviderAccess): void {
    const { kind, detail } = access
    const line = `${kind} ${detail}`
    if (line === said) return
    const before = said
    said = line
    if (kind === 'refused') {
      const todo = FAILURES[access.code].remedy
      log.error('the provider refuses: no request can be scored', { code: access.code, detail, todo })
    } else if (kind === 'unreachable') {
      log.warn('the provider cannot be reached: requests wait for it', { detail })
    } else if (kind === 'unknown') {
      const { advice } = access
      const fields = { detail, ...(advice === null ? {} : { advice }) }
      log[advice === null ? 'info' : 'warn']('whether the provider takes the key shows at the first request', fields)
    } else if (access.knowsModel === false) {
      log.warn('the provider does not list the model: check OPENAI_MODEL', { model: settings.model, detail })
    } else log[before === null ? 'debug' : 'info']('the provider accepts the key', { detail })
  }

  async function run(): Promise<void> {
    for (;;) {
      const access = await ask(signal)
      if (signal.aborted) return
      tell(access)
      trouble = access.kind === 'refused' ? `calls are refused (${access.code}): ${access.detail}` : null
      if (access.kind === 'accepted' || access.kind === 'unknown') return
      await pause(againMs, signal)
    }
  }

  const done = run().catch((error: unknown) => {
    if (!signal.aborted) log.error('the provider could not be checked', { reason: (error as Error).message })
  })
  return { trouble: () => trouble, done }
}
