/** A Kafka and a Redis to develop against, started as the tests start theirs; they end with Ctrl-C, and their data with them. */
import { setTimeout as sleep } from 'node:timers/promises'
import { getServices } from './ladder.ts'

const stop = new AbortController()
for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => stop.abort(new Error(name)))
// Given ones run already.
const env = { ...process.env, KAFKA_BOOTSTRAP_SERVERS: '', REDIS_HOST: '' }
const services = await getServices({ env, say: console.error, signal: stop.signal })
// Empty ones as well: a login of .env must not reach them.
const settings = Object.entries({ ...services.env, REDIS_USERNAME: '', REDIS_PASSWORD: '' })
console.log(`export ${settings.map(([name, value]) => `${name}=${value}`).join(' ')}`)
console.error('Ctrl-C ends them')
// Nothing else keeps this process: the services' own handles do not.
const LONGEST_MS = 2 ** 31 - 1
await sleep(LONGEST_MS, undefined, { signal: stop.signal }).catch(() => {})
await services.stop()
