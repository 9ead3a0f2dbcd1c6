/** Finds variables of the environment that look like settings but are not read. */
import { settingNames } from '../config.ts'
import { closest } from '../lib/similar.ts'

/** A variable that looks like a setting but is not read. */
export interface Stranger {
  name: string
  advice: string
}

/** Variables with these prefixes are probably meant for the worker. */
const OURS = /^(KAFKA|REDIS|OPENAI|BUDGET)_/
/** Variables of other software: Kubernetes (for each of its services), Kafka's scripts, our compose file and tests, OpenTelemetry. */
const OF_OTHERS =
  /_(SERVICE_(HOST|PORT)(_\w+)?|PORT_\d+_(TCP|UDP)(_\w+)?)$|^KAFKA_(HEAP_OPTS|OPTS|JVM_PERFORMANCE_OPTS|LOG4J_OPTS|IMAGE|HOST_PORT)$|^REDIS_IMAGE$|^OTEL_/
/** Names that other software reads for the same thing. */
const KNOWN_ADVICE: Readonly<Record<string, string>> = {
  REDIS_URL: 'set REDIS_HOST, REDIS_PORT, REDIS_PASSWORD and REDIS_DB instead',
  OPENAI_API_KEY: 'set OPENAI_KEY instead',
  OPENAI_API_BASE: 'set OPENAI_BASE_URL instead',
  KAFKA_BROKERS: 'set KAFKA_BOOTSTRAP_SERVERS instead',
}

/**
 * @param env the process's environment, with what .env added
 * @returns what looks like a setting of the worker and is not read, by name; never a value, which may be a secret
 */
export function findStrangers(env: Record<string, string | undefined>): Stranger[] {
  const known = new Set(settingNames)
  const set = Object.keys(env).filter((name) => env[name] !== '' && env[name] !== undefined && !known.has(name))
  return set.toSorted().flatMap((name) => {
    if (OF_OTHERS.test(name)) return []
    const advice = KNOWN_ADVICE[name]
    if (advice !== undefined) return [{ name, advice }]
    const meant = closest(name, settingNames)
    // Without a prefix of `OURS`, report only a near miss of a setting's name: the environment belongs to other software, too.
    const isNear = meant !== null && name.length > 6 && meant[0] === name[0]
    if (!OURS.test(name) && !isNear) return []
    return [{ name, advice: meant === null ? 'there is no such setting' : `did you mean ${meant}?` }]
  })
}
