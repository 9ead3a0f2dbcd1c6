/** One worker on servers of other makers whose answers depend on how the worker is configured, not on the form of a request. */
import { describe, expect, test } from 'vitest'
import { FAILURES } from '../../src/errors.ts'
import { readAdaptation } from '../../src/provider/adaptations.ts'
import { redisKeys } from '../../src/redis/keys.ts'
import { runCommand } from '../support/command.ts'
import type { Call } from '../support/scripted-model.ts'
import { waitUntil } from '../support/wait.ts'
import {
  callsOf,
  error,
  google,
  heldSince,
  model,
  nextIds,
  plainly,
  start,
  scored,
  send,
  told,
  worker,
  world,
} from './gateway-traffic.ts'

test(
  'a wrong key under 400 holds the calls after three each, and once it is mended nothing is given up',
  {
    timeout: 180_000,
  },
  async () => {
    expect(await worker.end('SIGTERM')).toBe(0)
    let isMended = false
    // LiteLLM's proxy without a database.
    model.refuses = () => (isMended ? null : plainly(400, 'No connected db.', { type: 'no_db_connection' }))
    // No worker has asked for this model.
    const name = 'wrong-key'
    await start({ OPENAI_MODEL: name })
    const ids = await send(4)
    await worker.saw('calls are held', 60_000)
    for (const id of ids) expect(callsOf(id)).toBeLessThanOrEqual(3)
    isMended = true
    await world.answered(ids, 60_000)
    for (const id of ids) expect(told(id)).toMatchObject([scored])
    const next = await send(3)
    await world.answered(next)
    expect(next.map(callsOf)).toEqual([1, 1, 1])
    const server = { baseUrl: model.baseUrl, model: name }
    expect(await readAdaptation(world.redis, redisKeys(world.keyPrefix), server)).toMatchObject({
      isProved: true,
      instead: [],
    })
  },
)

describe('an address of Azure’s older form', () => {
  const isOurs = ({ path, headers }: Call) =>
    path === '/openai/deployments/ours/chat/completions?api-version=2024-10-21' && headers['api-key'] === 'sk-test'
  const moments = {
    elsewhere: google('User location is not supported for the API use.', 'FAILED_PRECONDITION'),
    tomorrow: error(429, { error: { message: 'Rate limit reached for requests' } }, { 'retry-after': '36000' }),
  }

  test(
    'gets the key in its header; a territory holds the way out, and hours of waiting become a probe',
    {
      timeout: 180_000,
    },
    async () => {
      expect(await worker.end('SIGTERM')).toBe(0)
      model.refuses = (call) => (isOurs(call) ? null : error(401, 'no'))
      const url = `${model.baseUrl.replace(/\/v1$/, '')}/openai/deployments/ours?api-version=2024-10-21`
      await start({ OPENAI_BASE_URL: url, BUDGET_NAME: 'azure' })
      const ids = await send(3)
      await world.answered(ids, 30_000)
      for (const id of ids) expect(told(id)).toMatchObject([scored])
      expect(ids.map(callsOf)).toEqual([1, 1, 1])
      // All are on their way before one is answered. Two of the first kind show that it is not one request's own.
      const [far, further, late] = nextIds(3) as [number, number, number]
      const all = () =>
        waitUntil(
          () => [far, further, late].every((id) => callsOf(id) > 0),
          20_000,
          () => 'not all were asked',
        )
      for (const id of [far, further]) model.scripts.set(String(id), () => all().then(() => moments.elsewhere))
      model.scripts.set(String(late), () => all().then(() => moments.tomorrow))
      await send(3)
      await worker.saw('calls are held', 20_000)
      expect(heldSince(0).join('\n')).toContain(FAILURES.territory.remedy)
      const status = async () =>
        (await runCommand({ ...world.env, OPENAI_BASE_URL: url, BUDGET_NAME: 'azure' }, 'status')).out
      await expect.poll(status, { timeout: 20_000 }).toMatch(/ \((?:\d+s|1m)\): the provider's retry-after holds it$/m)
    },
  )
})
