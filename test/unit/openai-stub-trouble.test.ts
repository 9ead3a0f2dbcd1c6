/** When and to whom the stub misbehaves. */
import { describe, expect, test } from 'vitest'
import type { Spell } from '../../tools/openai-stub/misbehaviour.ts'
import { createMisbehaviour } from '../../tools/openai-stub/misbehaviour.ts'
import { stubWith, ask } from '../support/stub-faults.ts'

describe('trouble', () => {
  const suspect = (text = '', key = 'k') => ({ texts: [text], hash: text, key, wish: null })
  const always = () => true

  test('meets requests by count, by text, by key, by turn and for a time, and is lifted', () => {
    let nowMs = 0
    const { start, meet, lift, active } = createMisbehaviour(() => nowMs)
    const met = (text?: string, key?: string) => meet(suspect(text, key), always)?.name ?? null
    start({ fault: 'reset', match: 'poison', count: 2 })
    start({ fault: 'unauthorized', key: 'old' })
    start({ fault: 'http_500', forMs: 1_000, every: 3 })
    expect([met('a poison'), met('well'), met('b poison'), met('c poison')]).toEqual(['reset', null, 'reset', null])
    expect([met('well', 'old'), met('well'), met('well')]).toEqual(['unauthorized', 'http_500', null])
    nowMs = 1_001
    expect([met(), met(), met()]).toEqual([null, null, null])
    expect(active().map(({ fault }) => fault)).toEqual(['unauthorized'])
    lift()
    expect(met('well', 'old')).toBe(null)
  })

  test('that has nothing to do with a request is not used up by it', () => {
    const { start, meet } = createMisbehaviour(() => 0)
    start({ fault: 'refuse_parameter', count: 1 })
    expect(meet(suspect(), () => false)).toBe(null)
    expect(meet(suspect(), always)?.name).toBe('refuse_parameter')
    expect(meet(suspect(), always)).toBe(null)
  })

  test('that a text asks for is met by its first attempts only, and by no neighbour', async () => {
    const stub = await stubWith()
    const resumes = ['Go [[stub:http_503*2]]', 'Go']
    const statuses: number[][] = []
    for (let round = 0; round < 3; round += 1) {
      statuses.push(await Promise.all(resumes.map(async (resume) => (await ask(stub, resume)).status)))
    }
    expect(statuses).toEqual([
      [503, 200],
      [503, 200],
      [200, 200],
    ])
  })

  test('of every third request leaves the two between alone', async () => {
    const stub = await stubWith()
    stub.misbehave({ fault: 'http_500', every: 3 })
    const statuses: number[] = []
    for (let i = 0; i < 6; i += 1) statuses.push((await ask(stub)).status)
    expect(statuses).toEqual([200, 200, 500, 200, 200, 500])
    expect(stub.arrivals().map(({ fault }) => fault)).toEqual([null, null, 'http_500', null, null, 'http_500'])
  })

  test('of a parameter ends when the parameter is left out', async () => {
    const stub = await stubWith()
    stub.misbehave({ fault: 'refuse_parameter', parameter: 'max_completion_tokens' })
    expect((await ask(stub)).status).toBe(400)
    stub.lift()
    stub.misbehave({ fault: 'refuse_parameter', parameter: 'seed' })
    expect((await ask(stub)).status).toBe(200)
  })

  test('is told over HTTP, listed, and lifted', async () => {
    const stub = await stubWith()
    const url = `http://127.0.0.1:${stub.port}/__stub/misbehave`
    const start = async (spell: unknown) => {
      const response = await fetch(url, { method: 'POST', body: JSON.stringify(spell) })
      return [response.status, await response.json()]
    }
    expect(await start({ fault: 'http_status', status: 529 } satisfies Spell)).toEqual([200, { id: 1 }])
    expect(await start({ fault: 'http_status', count: 0 })).toMatchObject([400, {}])
    expect(await start({ fault: 'no_such' })).toMatchObject([
      400,
      { error: expect.stringContaining('echo_key') as string },
    ])
    expect((await ask(stub)).status).toBe(529)
    expect(await (await fetch(url)).json()).toMatchObject([{ id: 1, fault: 'http_status', seen: 1 }])
    await fetch(`${url}?id=1`, { method: 'DELETE' })
    expect((await ask(stub)).status).toBe(200)
  })
})
