/** Services to develop against, at ports that stay the same from one start to the next, and the lines of `.env` that lead to them. */
import { getServices } from './ladder.ts'
import type { Services } from './services.ts'

/** Not the usual ports: another Kafka or Redis of this machine may use those. */
export const PORTS = { kafka: 19_092, redis: 16_379 }

/** Starts them whatever KAFKA_BOOTSTRAP_SERVERS says. @throws Error that names the port that is taken */
export async function fixedServices(say: (line: string) => void, signal: AbortSignal): Promise<Services> {
  return getServices({ env: process.env, say, signal, ports: PORTS })
}

/** @returns the settings that lead to the services; empty ones as well, since a login of .env must not reach them */
export const settingsFor = ({ env }: Services): Record<string, string> => ({
  ...env,
  REDIS_USERNAME: '',
  REDIS_PASSWORD: '',
})

export const envLines = (settings: Record<string, string>): string[] =>
  Object.entries(settings).map(([name, value]) => `${name}=${value}`)
