import { readFileSync } from 'node:fs'

import { describe, expect, it } from 'vitest'

import { loadConfig, settingNames } from '../../src/config.ts'

/** What compose and the container tests read beside the worker's settings. */
const COMPOSE_ONLY = ['KAFKA_IMAGE', 'REDIS_IMAGE', 'NODE_IMAGE', 'KAFKA_HOST_PORT', 'OPS_HOST_PORT']

/** An assignment, active or commented out, and whether a comment stands over it or over its group. */
function assignments(file: string) {
  let explained = false
  return readFileSync(file, 'utf8')
    .split('\n')
    .flatMap((line) => {
      const [, name, value] = /^(?:# )?([A-Z][A-Z_]+)=(.*)$/.exec(line) ?? []
      if (name === undefined || value === undefined) explained = line.startsWith('# ') && !line.startsWith('# ---')
      return name === undefined || value === undefined ? [] : [{ name, value, explained }]
    })
}

describe.each(['.env.example', '.test.env.example'])('%s', (file) => {
  const found = assignments(file)

  it('lists every setting of the schema once, and none that nobody reads', () => {
    const names = found.map(({ name }) => name).filter((name) => !COMPOSE_ONLY.includes(name))
    expect(names.toSorted()).toEqual([...settingNames].toSorted())
  })

  it('explains every setting', () => {
    expect(found.filter(({ explained }) => !explained)).toEqual([])
  })

  it('shows the defaults that the worker has', () => {
    const shown = Object.fromEntries(found.map(({ name, value }) => [name, value]))
    expect(loadConfig({ ...shown, OPENAI_KEY: 'key' })).toEqual(loadConfig({ OPENAI_KEY: 'key' }))
  })
})

it('.env.example is in the order of the schema', () => {
  const names = assignments('.env.example').map(({ name }) => name)
  expect(names.filter((name) => !COMPOSE_ONLY.includes(name))).toEqual(settingNames)
})
