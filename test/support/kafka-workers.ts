/** Starts `kafka-worker.ts` as a child process and follows what it says. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import type { KafkaWorld } from './kafka-testing.ts'
import { until } from './kafka-testing.ts'
import type { WorkerArguments } from './kafka-worker.ts'

/** Short, so that tests need not wait long for a dead worker's session; the broker's minimum is 6 s. */
const SESSION_MS = 6_000

export function startKafkaWorker(world: KafkaWorld, options: { maxHandleMs: number }) {
  const settings: WorkerArguments = {
    brokers: world.brokers,
    group: world.group,
    requests: world.requests,
    outputs: [world.out, world.records],
    sessionMs: SESSION_MS,
    ...options,
  }
  const script = fileURLToPath(new URL('kafka-worker.ts', import.meta.url))
  const args = [script, JSON.stringify(settings)]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const events: Record<string, unknown>[] = []
  createInterface({ input: child.stdout }).on('line', (line) =>
    events.push(JSON.parse(line) as Record<string, unknown>),
  )
  const isOver = () => child.exitCode !== null || child.signalCode !== null

  async function end(signal: NodeJS.Signals): Promise<void> {
    if (isOver()) return
    child.kill('SIGCONT')
    child.kill(signal)
    if (!isOver()) await once(child, 'exit')
  }
  world.onClose(() => end('SIGKILL'))

  return {
    events,
    handled: () => events.filter((event) => 'handled' in event).length,
    /** Whether the worker has logged a message with this beginning at least `times` times. */
    has: (message: string, times = 1) =>
      events.filter((event) => String(event['message']).startsWith(message)).length >= times,
    signal: (signal: NodeJS.Signals) => void child.kill(signal),
    kill: () => end('SIGKILL'),
    /** Sends SIGTERM: the worker drains and leaves the group. */
    async stop(): Promise<void> {
      child.kill('SIGTERM')
      await until('the worker has ended', isOver)
    },
  }
}
