/** What a worker takes while a long backlog waits behind a spent budget. */
import { setTimeout as sleep } from 'node:timers/promises'
import { createWorld } from '../../support/world.ts'
import { COMPILED } from './compile.ts'
import type { Stage } from './measure.ts'
import { load, NODE_OPTIONS } from './measure.ts'
import type { ModelServer } from './processes.ts'
import { cpuMsOf, memoryMbOf } from './processes.ts'

/** After this time the worker holds as many messages as it ever holds at once. */
const SETTLE_SECONDS = 10
const READINGS = 4
const READING_SECONDS = 15

/**
 * @param messages how many wait
 * @returns lines for a person: memory and CPU in one quarter of a minute after another
 */
export async function measureWaiting(stage: Stage, model: ModelServer, messages: number): Promise<string[]> {
  const world = await createWorld({
    kafkaBrokers: stage.kafka.brokers,
    redisUrl: stage.redis.url,
    baseUrl: model.baseUrl,
    workerMain: COMPILED.main,
    // One request is let through, and none is refused for its long wait.
    env: { OPENAI_RPM: '1', OPENAI_RPD: '1', OPENAI_TPM: '1000000', BUDGET_MAX_WAIT_SECONDS: '1000000000' },
  })
  try {
    await load(world, { messages, textKb: 4, partitions: 1 })
    const worker = world.start({ NODE_OPTIONS })
    await worker.saw('working')
    await sleep(SETTLE_SECONDS * 1_000)
    const lines = []
    for (let n = 0; n < READINGS; n++) {
      const before = cpuMsOf(worker.pid)
      await sleep(READING_SECONDS * 1_000)
      const perSecond = (cpuMsOf(worker.pid) - before) / READING_SECONDS
      lines.push(`${memoryMbOf(worker.pid, 'VmRSS').toFixed(0)} MB, ${perSecond.toFixed(1)} ms of CPU a second`)
    }
    return lines
  } finally {
    await world.close()
  }
}
