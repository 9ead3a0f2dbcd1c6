/** One worker with a model server that a test scripts, which all tests of a file share. */
import { afterAll, beforeAll, inject } from 'vitest'
import { range, resumeOf } from '../support/fleet.ts'
import type { Said, ScriptedModel } from '../support/scripted-model.ts'
import { startScriptedModel } from '../support/scripted-model.ts'
import type { Worker } from '../support/worker.ts'
import type { World } from '../support/world.ts'
import { createWorld, request } from '../support/world.ts'

/** The name that the worker asks for. */
export const MODEL = 'scripted'

export let model: ScriptedModel
export let world: World
export let worker: Worker

beforeAll(async () => {
  model = await startScriptedModel()
  world = await createWorld({
    kafkaBrokers: inject('kafkaBrokers'),
    redisUrl: inject('redisUrl'),
    baseUrl: model.baseUrl,
    env: { OPENAI_MODEL: MODEL },
  })
  await start()
}, 90_000)
afterAll(async () => {
  await world.close()
  await model.stop()
})

let lastId = 0

/** @returns the ids that the next requests will have */
export const nextIds = (count: number): number[] => range(count, lastId + 1)

/** Sends `count` requests. @returns their ids */
export async function send(count: number): Promise<number[]> {
  const ids = nextIds(count)
  lastId += count
  await world.send(ids.map((id) => request(id, { resume: resumeOf(id) })))
  return ids
}

/** Starts the worker, or the next one after it has ended; resolves when it has its partition. */
export async function start(env: Record<string, string> = {}): Promise<void> {
  worker = world.start(env)
  await worker.saw('assigned ', 60_000)
}

/** @returns the notifications of that id */
export const told = (id: number) => world.notifications().filter(({ response }) => response['processing_id'] === id)
/** @returns how often the model was asked for that id */
export const callsOf = (id: number) => model.calls.filter(({ ref }) => ref === String(id)).length
/** @returns the worker's lines about held calls, from that line on */
export const heldSince = (from: number) => worker.lines.slice(from).filter((line) => line.includes('calls are held'))
export const scored = { success: true, message_error: null, response: { score: 100 } }

export const error = (status: number, body: unknown, headers: Record<string, string> = {}): Said => ({
  status,
  body,
  headers,
})
export const plainly = (status: number, message: string, rest: object = {}) =>
  error(status, { error: { message, type: 'invalid_request_error', param: null, code: null, ...rest } })
export const google = (message: string, status = 'INVALID_ARGUMENT') =>
  error(400, [{ error: { code: 400, message, status } }])
