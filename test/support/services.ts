/** Services of a test's own, for tests that kill, freeze, flush or configure them; the shared ones come from global-setup.ts. */
import { cacheDir } from '../../tools/services/download.ts'
import type { Downloads } from '../../tools/services/download.ts'
import type { LocalCluster, LocalKafka, LocalKafkaOptions } from '../../tools/services/local-kafka.ts'
import { startLocalCluster as startCluster, startLocalKafka as startKafka } from '../../tools/services/local-kafka.ts'
import type { LocalRedis, LocalRedisOptions } from '../../tools/services/local-redis.ts'
import { startLocalRedis as startRedis, startLocalSentinel as startSentinel } from '../../tools/services/local-redis.ts'

export type { LocalCluster, LocalKafka, LocalKafkaOptions, LocalRedis, LocalRedisOptions }

const downloads = (): Downloads => ({
  cacheDir: cacheDir(process.env),
  say: (line) => process.stderr.write(`${line}\n`),
  signal: AbortSignal.timeout(15 * 60_000),
})

/** A broker of the test's own: 3 s on an idle machine. Stop it in `afterAll`; it ends with this process at the latest. */
export function startLocalKafka(options: LocalKafkaOptions = {}): Promise<LocalKafka> {
  // As for the shared one: the whole suite runs on one release.
  const version = process.env['TEST_KAFKA_VERSION']
  return startKafka({ ...(version ? { version } : {}), ...options }, downloads())
}

/** Three brokers of the test's own, each with a replica of everything; as `startLocalKafka`. */
export function startLocalCluster(options: LocalKafkaOptions = {}): Promise<LocalCluster> {
  const version = process.env['TEST_KAFKA_VERSION']
  return startCluster(3, { ...(version ? { version } : {}), ...options }, downloads())
}

/** A Redis of the test's own: some 0.1 s. Stop it in `afterAll`; it ends with this process at the latest. */
export const startLocalRedis = (options: LocalRedisOptions = {}): Promise<LocalRedis> =>
  startRedis(options, downloads())

/** A Sentinel of the test's own. @param config lines of its configuration */
export const startLocalSentinel = (config: string[]): Promise<LocalRedis> => startSentinel({ config }, downloads())
