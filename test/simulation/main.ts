/** `npm run simulate -- [--seed N] [--lives M]`: lives of a fleet on a Redis of its own; a failure is shrunk and printed. */
import { randomInt } from 'node:crypto'
import { readOptions, refuse } from '../../tools/lib/options.ts'
import { cacheDir } from '../../tools/services/download.ts'
import { startLocalRedis } from '../../tools/services/local-redis.ts'
import { simulate } from './run.ts'

const USAGE = `usage: npm run simulate -- [--seed N] [--lives N]
  Runs a fleet through so many lives (1000) on a Redis of its own. The same seed gives the same lives.`

const values = readOptions(USAGE, {
  seed: { type: 'string', default: String(randomInt(1_000_000_000)) },
  lives: { type: 'string', default: '1000' },
})
const [seed, lives] = [Number(values.seed), Number(values.lives)]
if (!Number.isSafeInteger(seed) || seed < 0) refuse('--seed must be a whole number of 0 or more', USAGE)
if (!Number.isSafeInteger(lives) || lives < 1) refuse('--lives must be a whole number of 1 or more', USAGE)
const say = (line: string) => void process.stdout.write(`${line}\n`)
const redis = await startLocalRedis(
  { persist: false },
  { cacheDir: cacheDir(process.env), say, signal: new AbortController().signal },
)
say(`seed ${seed}`)
const startedMs = performance.now()
const { failure, ...counts } = await simulate(redis.socket, seed, lives)
await redis.stop()
const seconds = (performance.now() - startedMs) / 1_000
say(`${JSON.stringify(counts)} in ${seconds.toFixed(1)} s: ${Math.round((counts.lives / seconds) * 60)} lives a minute`)
if (failure !== null) say(failure)
process.exitCode = failure === null ? 0 : 1
