import { expect, it } from 'vitest'
import type { Runs } from '../bench/worker/figures.ts'
import { figuresOf, judge } from '../bench/worker/figures.ts'
import { FULL, nameOf, scenariosFor } from '../bench/worker/scenario.ts'

const figures = {
  scriptsAlone: 7,
  commandsAlone: 70,
  kafkaWritesAlone: 5,
  commandsTogether: 30,
  rss: 0.7,
  cpu: 2.2,
  redis: 0.2,
  rate: 0.4,
}
const worse = (changed: Partial<typeof figures>) =>
  judge({ ...figures, ...changed }, figures)
    .filter(({ isGood }) => !isGood)
    .map(({ line }) => line)

it('finds nothing worse in the same figures', () => {
  expect(worse({})).toEqual([])
})

it('tells of one script more a message, and of a ratio that is worse by more than a third', () => {
  expect(worse({ scriptsAlone: 8, cpu: 3 })).toEqual([
    'WORSE: Redis scripts a message, one at a time: 8.00, kept 7.00, bound 7.70',
    "WORSE: CPU, of the bare loop's: 3.00, kept 2.20, bound 2.93",
  ])
  expect(worse({ cpu: 2.8 })).toEqual([])
})

it('knows that a higher rate is better', () => {
  expect(worse({ rate: 4 })).toEqual([])
  expect(worse({ rate: 0.19 })).toHaveLength(1)
})

it('takes what is not a number for worse', () => {
  expect(worse({ rate: Number.NaN, rss: Number.NaN })).toHaveLength(2)
})

it('takes the median of the rounds', () => {
  const measured = { redisScripts: 7, redisCommands: 70, kafkaWrites: 5 }
  const rounds = [2.5, 1.9, 9].map((cpu) => ({ worker: measured, ratios: { cpu, rate: 1, rss: 1, redis: 1 } }))
  expect(figuresOf({ alone: measured, rounds } as unknown as Runs)).toMatchObject({ cpu: 2.5, scriptsAlone: 7 })
})

it('chooses the scenarios whose name matches, and lists all names when none does', () => {
  expect(scenariosFor('')).toEqual(FULL)
  expect(scenariosFor('8 part').map(({ partitions }) => partitions)).toEqual([8, 8])
  const names = FULL.map((each) => `  ${nameOf(each)}`).join('\n')
  expect(() => scenariosFor('nothing')).toThrow(`no scenario matches --only nothing; there are:\n${names}`)
  expect(() => scenariosFor('(')).toThrow(/^--only must be a regular expression: /)
})
