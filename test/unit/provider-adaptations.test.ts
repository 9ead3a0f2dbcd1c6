/** What the fleet learns about a server, and what remains when that is deleted. */
import { expect, test } from 'vitest'
import { createAdaptations } from '../../src/provider/adaptations.ts'
import type { AdaptationsOptions } from '../../src/provider/adaptations.ts'
import { firstForm } from '../../src/provider/form.ts'
import { redisKeys } from '../../src/redis/keys.ts'
import { recordedLog } from '../support/provider.ts'

const server = { baseUrl: 'https://provider.example/v1', model: 'm' }
const usual = firstForm(server.baseUrl)
const learned = { ...usual, seed: false }

function fleetOf() {
  const values = new Map<string, string>()
  const redis = {
    get: (key: string) => Promise.resolve(values.get(key) ?? null),
    set: (key: string, value: string) => Promise.resolve(values.set(key, value) && 'OK'),
    time: () => Promise.resolve(['1764000000', '0']),
  } as unknown as AdaptationsOptions['redis']
  const { log } = recordedLog()
  return { values, worker: () => createAdaptations({ redis, keys: redisKeys(''), server, log }) }
}

test('what one worker learned, another knows, with each part of it', async () => {
  const { worker } = fleetOf()
  const form = {
    format: 'none',
    seed: false,
    temperature: false,
    cap: 'max_tokens',
    messages: 'folded',
    key: 'every_header',
    capTokens: 4_000,
  } as const
  const one = worker()
  one.accepted(form, true, one.era())
  await expect.poll(() => one.isProved()).toBe(true)
  const other = worker()
  await other.load()
  expect(other.form()).toEqual(form)
})

test('what two workers learned apart is not proved together: no request was sent so yet', async () => {
  const { values, worker } = fleetOf()
  const [one, other] = [worker(), worker()]
  one.accepted(learned, true, one.era())
  await expect.poll(() => values.size).toBe(1)
  other.accepted({ ...usual, temperature: false }, true, other.era())
  await expect.poll(() => other.form()).toEqual({ ...learned, temperature: false })
  expect(other.isProved()).toBe(false)
  await one.load()
  expect([one.form(), one.isProved()]).toEqual([{ ...learned, temperature: false }, false])
})

test('a part of what another worker has proved takes nothing from its proof', async () => {
  const { values, worker } = fleetOf()
  const [one, other] = [worker(), worker()]
  const whole = { ...learned, temperature: false }
  one.accepted(whole, true, one.era())
  await expect.poll(() => values.size).toBe(1)
  other.accepted(learned, true, other.era())
  await expect.poll(() => other.form()).toEqual(whole)
  expect(other.isProved()).toBe(true)
  await one.load()
  expect([one.form(), one.isProved()]).toEqual([whole, true])
})

test('a request that began before all was forgotten does not teach it again', async () => {
  const { values, worker } = fleetOf()
  const adaptations = worker()
  adaptations.accepted(learned, true, adaptations.era())
  await expect.poll(() => values.size).toBe(1)
  await adaptations.load()
  const begunIn = adaptations.era()
  values.clear()
  await adaptations.load()
  expect(adaptations.form()).toEqual(usual)

  adaptations.accepted(learned, true, begunIn)
  expect(adaptations.form()).toEqual(usual)
  adaptations.accepted(learned, true, adaptations.era())
  expect(adaptations.form()).toEqual(learned)
})
