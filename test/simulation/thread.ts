/** A thread of run.ts: lives every nth life on a database of its own, and tells how each went. */
import { parentPort, workerData } from 'node:worker_threads'
import { Redis } from 'ioredis'
import { VirtualClock } from './clock.ts'
import { describeFailure } from './failure.ts'
import { live } from './life.ts'
import { ScriptedRedis } from './redis.ts'
import type { Assignment, Lived } from './run.ts'

const { redisSocket, database, seed, step, lives, endsAtMs } = workerData as Assignment
const redis = new Redis(redisSocket, { db: database })
await redis.ping()
const clock = new VirtualClock()
const scene = { clock, redis: new ScriptedRedis(redis, clock) }
clock.install()
// Live one life at least: on a busy machine the start may take all of the time.
for (let index = database; index < lives && (index === database || Date.now() < endsAtMs); index += step) {
  const verdict = await live(scene, seed + index)
  const failure = verdict.violations.length === 0 ? null : await describeFailure(scene, seed + index, verdict)
  const { steps, modelCalls, outcomes, taken } = verdict
  // oxlint-disable-next-line unicorn/require-post-message-target-origin -- the port of a thread has no origin
  parentPort?.postMessage({ steps, modelCalls, outcomes, deviations: taken.size, failure } satisfies Lived)
  if (failure !== null) break
}
redis.disconnect()
