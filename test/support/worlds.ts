/** A model server with a world on it: for each test of a file, for all tests of a file, or for one run. */
import { afterAll, afterEach, beforeAll, beforeEach, inject } from 'vitest'
import type { Stub, StubOptions } from '../../tools/openai-stub/server.ts'
import { startStub } from '../../tools/openai-stub/server.ts'
import type { World, WorldOptions } from './world.ts'
import { createWorld } from './world.ts'

/** The running test's, or the file's. */
export let stub: Stub
/** The running test's, or the file's. */
export let world: World

/** Without `kafkaBrokers` and `redisUrl`, the world stands on the suite's services. */
export interface OwnWorldOptions extends Partial<Omit<WorldOptions, 'baseUrl'>> {
  /** How the model server behaves; it answers after 20 ms by default. */
  stub?: StubOptions
}

/** A function is called when the world is opened: it may name what an earlier hook of the file has started. */
type Given = OwnWorldOptions | (() => OwnWorldOptions)

/** Opens a world before each test of the file and closes it afterwards. Later hooks may use it; their clean-up comes first. */
export function worldOfEachTest(given: Given = {}): void {
  beforeEach(() => keep(given))
  afterEach(close)
}

/** As `worldOfEachTest`, with one world for all tests of the file. */
export function worldOfTheFile(given: Given = {}): void {
  beforeAll(() => keep(given))
  afterAll(close)
}

/** For tests that run side by side: runs with a model server and a world that nobody else sees. */
export async function withWorld(
  options: OwnWorldOptions,
  run: (world: World, stub: Stub) => Promise<void>,
): Promise<void> {
  const own = await open(options)
  try {
    await run(own.world, own.stub)
  } finally {
    await own.world.close()
    await own.stub.stop()
  }
}

async function keep(given: Given): Promise<void> {
  ;({ stub, world } = await open(typeof given === 'function' ? given() : given))
}

async function close(): Promise<void> {
  await world.close()
  await stub.stop()
}

async function open({ stub: behaviour, ...options }: OwnWorldOptions): Promise<{ stub: Stub; world: World }> {
  const server = await startStub({ latencyMs: 20, ...behaviour })
  const services = { kafkaBrokers: inject('kafkaBrokers'), redisUrl: inject('redisUrl') }
  return { stub: server, world: await createWorld({ ...services, ...options, baseUrl: server.baseUrl }) }
}
