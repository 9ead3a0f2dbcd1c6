/** `npm run simulate -- [--seed N] [--lives M]`: lives of a fleet on a Redis of its own; a failure is shrunk and printed. */
import { randomInt } from 'node:crypto'
import { parseArgs } from 'node:util'
import { cacheDir } from '../../tools/services/download.ts'
import { startLocalRedis } from '../../tools/services/local-redis.ts'
import { simulate } from './run.ts'

const { values } = parseArgs({ options: { seed: { type: 'string' }, lives: { type: 'string', default: '1000' } } })
const seed = values.seed === undefined ? randomInt(1_000_000_000) : Number(values.seed)
const say = (line: string) => void process.stdout.write(`${line}\n`)
const redis = await startLocalRedis(
  { persist: false },
  { cacheDir: cacheDir(process.env), say, signal: new AbortController().signal },
)
say(`seed ${seed}`)
const startedMs = performance.now()
const { failure, ...counts } = await simulate(redis.socket, seed, Number(values.lives))
await redis.stop()
const seconds = (performance.now() - startedMs) / 1_000
say(`${JSON.stringify(counts)} in ${seconds.toFixed(1)} s: ${Math.round((counts.lives / seconds) * 60)} lives a minute`)
if (failure !== null) say(failure)
process.exitCode = failure === null ? 0 : 1
