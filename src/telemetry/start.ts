/** Loads OpenTelemetry only when it is wanted. */
import type { Config } from '../config.ts'
import type { Log } from '../logging/log.ts'
import { VERSION } from '../lib/version.ts'
import type { Telemetry } from './trace.ts'

/**
 * Starts telemetry; does not wait for the collector.
 * @param worker this process's unique name
 * @returns null when no endpoint is set, and when the packages fail to start, which is logged; requests are answered all the same
 */
export async function startTelemetry(config: Config, worker: string, log: Log): Promise<Telemetry | null> {
  const { telemetry: settings, kafka, provider } = config
  if (settings === null) return null
  const { model, baseUrl } = provider
  try {
    const { openTelemetry } = await import('./otel.ts')
    return await openTelemetry({ settings, group: kafka.groupId, model, baseUrl, worker, version: VERSION, log })
  } catch (error) {
    log.error('no traces: OpenTelemetry does not start', { reason: (error as Error).message })
    return null
  }
}
