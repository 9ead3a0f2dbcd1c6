/** One random disturbance at a time. */
import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import type { FaultName } from '../../tools/openai-stub/faults.ts'
import type { Dice } from './dice.ts'
import { now } from './fleet.ts'
import type { Scene } from './scene.ts'

type Action = (scene: Scene, dice: Dice, say: (line: string) => void) => Promise<void>

const MOST_WORKERS = 4
/** For a while, all calls fail in this way. */
const SPELLS: readonly FaultName[] = ['http_503', 'http_502', 'reset', 'rate_limited']

const kill: Action = async ({ fleet }, dice) => {
  const here = fleet.here()
  if (here.length > 0) await fleet.kill(dice.pick(here.map((each) => [1, each])))
  if (dice.chance(0.5)) await sleep(dice.between(0, 4_000))
  if (fleet.here().length < MOST_WORKERS) fleet.join()
}

/** Freezes a worker for less than a session, or for longer than session and lease. */
const freeze: Action = async ({ fleet }, dice) => {
  const running = fleet.running()
  if (running.length === 0) return
  const member = dice.pick(running.map((each) => [1, each]))
  fleet.freeze(member)
  const forMs = dice.chance(0.5) ? dice.between(500, 5_000) : dice.between(11_000, 16_000)
  // Other disturbances go on meanwhile.
  setTimeout(() => fleet.thaw(member), forMs)
}

const join: Action = async ({ fleet }) => {
  if (fleet.here().length < MOST_WORKERS) fleet.join()
}

const leave: Action = async ({ fleet }, dice) => {
  const running = fleet.running()
  if (running.length < 2) return
  void fleet.leave(dice.pick(running.map((each) => [1, each])))
}

/** Kills or restarts a broker; one at a time, so that two of three always run. */
const restartBroker: Action = async ({ kafka }, dice, say) => {
  const [number, node] = dice.pick(kafka.nodes.map((each, index) => [1, [index + 1, each] as const]))
  const isKilled = dice.chance(0.7)
  say(`broker ${number} is ${isKilled ? 'killed' : 'restarted'}`)
  if (isKilled) {
    await node.kill('SIGKILL')
    await sleep(dice.between(0, 3_000))
  }
  await node.restart()
  say(`broker ${number} is back`)
}

const restartRedis: Action = async ({ redis, happenings }, dice, say) => {
  say('Redis is killed')
  const away = { what: 'redis away' as const, fromMs: now(), toMs: Number.POSITIVE_INFINITY }
  happenings.push(away)
  await redis.kill('SIGKILL')
  await sleep(dice.between(0, 3_000))
  await redis.restart()
  away.toMs = now()
  say('Redis is back')
}

const flushRedis: Action = async ({ redis, happenings }, _dice, say) => {
  say('Redis is flushed')
  await withRedis(redis.url, (client) => client.flushall())
  happenings.push({ what: 'redis emptied', fromMs: now(), toMs: now() })
}

const forgetScripts: Action = async ({ redis }, _dice, say) => {
  say("Redis forgets its scripts, and cuts everyone's connection")
  await withRedis(redis.url, async (client) => {
    await client.script('FLUSH')
    await client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
  })
}

async function withRedis(url: string, use: (client: Redis) => Promise<unknown>): Promise<void> {
  const client = new Redis(url)
  try {
    await use(client)
  } finally {
    client.disconnect()
  }
}

const spoilCalls: Action = async ({ stub }, dice, say) => {
  const fault = dice.pick(SPELLS.map((each) => [1, each]))
  const forMs = dice.between(500, 4_000)
  say(`every call fails for ${forMs} ms: ${fault}`)
  stub.misbehave({ fault, forMs })
}

const ACTIONS: readonly (readonly [number, Action])[] = [
  [4, kill],
  [3, freeze],
  [2, join],
  [2, leave],
  [1, restartBroker],
  [1, restartRedis],
  [1, flushRedis],
  [1, forgetScripts],
  [2, spoilCalls],
]

/** Makes one disturbance; most are over when this resolves, some go on in the background. */
export const act: Action = (scene, dice, say) => dice.pick(ACTIONS)(scene, dice, say)
