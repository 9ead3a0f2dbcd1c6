/** OPENAI_KEY_FILE: a refused key pauses only the workers that use it; a new key in the file lets them go on. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { hashKey } from '../../tools/openai-stub/decide.ts'
import { range, startFleet } from '../support/fleet.ts'
import { waitUntil } from '../support/wait.ts'

const OLD = 'sk-proj-old-key-000000000000'
const NEW = 'sk-proj-new-key-111111111111'

test('a rotated key ends the pause without a restart, and stops no worker that has it already', async ({
  onTestFinished,
}) => {
  const directory = mkdtempSync(join(tmpdir(), 'keys-'))
  onTestFinished(() => rmSync(directory, { recursive: true }))
  const files = { a: join(directory, 'a'), b: join(directory, 'b') }
  writeFileSync(files.a, `${OLD}\n`)
  writeFileSync(files.b, `${NEW}\n`)
  const { stub, world, workers, send } = await startFleet(onTestFinished, {
    stub: { keys: [OLD, NEW] },
    env: { OPENAI_KEY: '', MAX_CALLS_IN_FLIGHT: '4' },
    start: [{ OPENAI_KEY_FILE: files.a }, { OPENAI_KEY_FILE: files.b }],
  })
  const [withOld, withNew] = workers
  await send(range(4))
  await world.answered(range(4))
  stub.configure({ keys: [NEW] })
  await send(range(40, 11))
  await withOld?.saw('calls are held')
  // Each worker has one partition: these are the outcomes of the worker with the new key.
  await waitUntil(
    () => world.notifications().length >= 24,
    30_000,
    () => `${world.notifications().length} outcomes`,
  )
  await sleep(2_000)
  expect(world.notifications()).toHaveLength(24)
  expect(withNew?.lines.filter((line) => line.includes('calls are held'))).toEqual([])
  // Swapped in one step, as secret stores do.
  writeFileSync(`${files.a}.new`, `${NEW}\n`)
  renameSync(`${files.a}.new`, files.a)
  await world.answered(range(40, 11), 30_000)
  expect(world.notifications().every(({ success }) => success)).toBe(true)
  expect(stub.arrivals().filter(({ status, key }) => status === 401 && key !== hashKey(OLD))).toEqual([])
  expect(stub.summary().byStatus['401']).toBeLessThanOrEqual(4 + 5)
  const log = workers.flatMap(({ lines }) => lines).join('\n')
  expect(log).toContain('the API key was changed')
  for (const key of [OLD, NEW]) expect(log).not.toContain(key)
})
