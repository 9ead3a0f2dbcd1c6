/** Which Kafka and Redis the demo runs on. */
import type { Config } from '../../src/config.ts'
import { withRedis } from '../../src/cli/connections.ts'
import { KAFKA_VERSION } from '../services/local-kafka.ts'
import type { Services } from '../services/services.ts'

/** @returns such as `Kafka 4.3.1, Redis 7.0.15`; a Kafka that was given does not tell its version */
export async function versionsOf(
  { rung }: Services,
  config: Config['redis'],
  env: Record<string, string | undefined>,
  signal: AbortSignal,
): Promise<string> {
  const info = await withRedis(config, signal, (redis) => redis.info('server'))
  const redis = /^redis_version:(\S+)/m.exec(info)?.[1] ?? 'of unknown version'
  const kafka = {
    local: `Kafka ${env['TEST_KAFKA_VERSION'] || KAFKA_VERSION}`,
    containers: env['KAFKA_IMAGE'] || `Kafka ${KAFKA_VERSION}`,
    given: 'Kafka as given',
  }
  return `${kafka[rung]}, Redis ${redis}`
}
