/** The worker as its users run it: a child process on a real Kafka and Redis, read by a read-committed consumer. */
import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { lostGrants, range } from '../support/fleet.ts'
import { waitUntil } from '../support/wait.ts'
import { countById, idIn, request } from '../support/world.ts'
import { stub, world, worldOfEachTest } from '../support/worlds.ts'

worldOfEachTest({ partitions: 2 })

describe('a worker', () => {
  test('scores requests side by side within one partition, and tells both topics in the words of the contract', async () => {
    world.start()
    await world.send(range(40).map((id) => ({ ...request(id), partition: 0 })))
    await world.answered(range(40))
    expect(world.notifications()).toHaveLength(40)
    expect(world.records()).toHaveLength(40)
    const [first] = world.notifications()
    expect(first).toMatchObject({ success: true, message_error: null, wait_seconds: null })
    expect(Object.keys(first?.response ?? {})).toEqual([
      'score',
      'matches',
      'recommendation',
      'verdict',
      'callback_url',
      'processing_id',
      'user_id',
      'requirements_id',
      'resume_id',
    ])
    expect(first?.response).toMatchObject({ score: 100, verdict: 'Подходит', user_id: 1, resume_id: 2 })
    expect(Object.keys(world.records()[0] ?? {})).not.toContain('callback_url')
    expect(world.seenNotifications()[0]?.key).toBe('new_notifications')
    expect(world.seenRecords()[0]?.key).toBe('new_processing')
    expect(stub.arrivals()).toHaveLength(40)
    const mark = `${world.keyPrefix}processed_messages:7`
    await waitUntil(
      async () => (await world.redis.get(mark)) === '_',
      30_000,
      () => 'the mark of 7 is not set',
    )
    expect(await world.redis.ttl(mark)).toBeGreaterThan(259_000)
  })

  test('passes ids on to the last digit', async () => {
    world.start()
    const id = 9223372036854775807n
    await world.send([request(id, { user_id: 1 })])
    await world.answered([id])
    expect(world.seenRecords()[0]?.value).toContain('"processing_id":9223372036854775807')
  })

  test('answers an id once, however often and on however many partitions it is sent', async () => {
    await world.send([0, 1, 0, 1, 0].map((partition) => ({ ...request(5), partition })))
    world.start()
    await world.answered([5])
    await world.send([
      { ...request(5), partition: 1 },
      { ...request(6), partition: 0 },
    ])
    await world.answered([6])
    expect(countById(world.seenNotifications())).toEqual(
      new Map([
        ['5', 1],
        ['6', 1],
      ]),
    )
    expect(stub.arrivals()).toHaveLength(2)
  })

  test('dead-letters what cannot be answered, tells the caller what is wrong with the rest, and goes on', async () => {
    const broken = Buffer.from([0xff, 0x00, 0x7b])
    await world.send([
      { key: 'new_request', value: broken, headers: { traceparent: 'abc' } },
      { key: 'new_request', value: '{"processing_id":"42"}' },
      { key: 'new_user', value: '{}' },
      { key: null, value: 'x' },
      request(1, { resume: 5 }),
      request(2),
    ])
    const { lines } = world.start()
    await world.answered([1, 2])
    await waitUntil(
      () => world.deadLetters().length === 2,
      30_000,
      () => `${world.deadLetters().length} of 2 dead letters\n${lines.slice(-15).join('\n')}`,
    )
    expect(world.deadLetters()[0]).toMatchObject({
      key: 'new_request',
      headers: {
        traceparent: 'abc',
        'dead-letter-reason': 'not_utf8',
        'dead-letter-source-topic': world.topics.requests,
        'dead-letter-source-offset': '0',
      },
    })
    expect(world.deadLetters()[1]?.headers['dead-letter-reason']).toBe('bad_id')
    const failure = world.notifications().find(({ success }) => !success)
    expect(failure).toEqual({
      success: false,
      response: { callback_url: expect.any(String), processing_id: 1, user_id: 1, requirements_id: 3, resume_id: 2 },
      message_error: 'Запрос составлен неверно: поле «resume» должно быть непустой строкой.',
      wait_seconds: null,
    })
    expect(world.records()).toHaveLength(1)
  })

  test('refuses what its budget has no room for soon, once, and processes the id when it is sent again', async () => {
    const worker = world.start({ OPENAI_RPM: '1', OPENAI_RPD: '1', BUDGET_MAX_WAIT_SECONDS: '2' })
    await world.send([request(1), request(2), request(2)])
    await world.answered([1, 2])
    const refused = world.notifications().filter(({ success }) => !success)
    const ids = refused.map(({ response }) => response['processing_id'] as number)
    // On a busy machine the one grant may come too late to be sent, and is spent all the same.
    expect(ids.toSorted((a, b) => a - b)).toEqual(lostGrants(world) === 0 ? [2] : [1, 2])
    for (const { wait_seconds: seconds } of refused) {
      expect(seconds).toBeGreaterThan(86_000)
      expect(seconds).toBeLessThanOrEqual(86_403)
    }
    expect(await world.redis.exists(...ids.map((id) => `${world.keyPrefix}processed_messages:${id}`))).toBe(0)
    expect(await worker.end()).toBe(0)
    world.start({ BUDGET_NAME: 'another' })
    await world.send(ids.map((id) => request(id)))
    await waitUntil(
      () => world.records().length === 2,
      30_000,
      () => 'the id that was refused is not processed',
    )
    await world.caughtUp()
    const twice = (id: number): [string, number] => [`${id}`, ids.includes(id) ? 2 : 1]
    expect(countById(world.seenNotifications())).toEqual(new Map([1, 2].map(twice)))
  })

  test('stops on SIGTERM with its calls finished and published, hands the rest back, and the next one goes on', async () => {
    const worker = world.start({ MAX_CALLS_IN_FLIGHT: '4' })
    // At a server that nobody knows, the first request goes alone.
    await world.send([request(1)])
    await world.answered([1])
    stub.configure({ latencyMs: 1_500 })
    await world.send(range(12).map((id) => request(id)))
    await waitUntil(
      () => stub.arrivals().length >= 1 + 4,
      30_000,
      () => 'no calls',
    )
    expect(await worker.end('SIGTERM')).toBe(0)
    await world.caughtUp()
    expect(world.records()).toHaveLength(1 + 4)
    stub.configure({ latencyMs: 0 })
    world.start()
    await world.answered(range(12))
    expect(new Set(countById(world.seenNotifications()).values())).toEqual(new Set([1]))
    expect(stub.arrivals()).toHaveLength(12)
  })

  test('logs one line for each finished request, and nothing of what is private', async () => {
    const worker = world.start({ LOG_LEVEL: 'debug', OPENAI_KEY: 'sk-very-secret-key' })
    await world.send([request(77, { resume: 'Меня зовут Пётр Тайный. Пишу на TypeScript.' })])
    await world.answered([77])
    await worker.saw('request finished')
    const log = worker.lines.join('\n')
    expect(worker.lines.filter((line) => line.includes('request finished'))).toHaveLength(1)
    expect(log).toMatch(/request finished.*id=77.*partition=.*offset=.*outcome=success.*tokens=\d+.*attempts=1/)
    for (const secret of ['Тайный', 'TypeScript', 'sk-very-secret-key', 'token=secret'])
      expect(log).not.toContain(secret)
  })

  test('with wrong settings says all of them and exits with 78', async () => {
    const worker = world.start({ OPENAI_KEY: '', OPENAI_RPM: 'many', REDIS_PORT: '0' })
    expect(await worker.exited).toBe(78)
    const said = worker.lines.join('\n')
    for (const name of ['OPENAI_KEY', 'OPENAI_RPM', 'REDIS_PORT']) expect(said).toContain(name)
  })
})

test('the contract of the package: its name, and the commands of the README', () => {
  const { name, scripts, bin } = JSON.parse(readFileSync('package.json', 'utf8')) as {
    name: string
    scripts: Record<string, string>
    bin: Record<string, string>
  }
  expect(name).toBe('resume-scoring-worker')
  expect(Object.keys(bin)).toEqual(['resume-scoring-worker'])
  expect(Object.keys(scripts)).toEqual(
    expect.arrayContaining(['demo', 'test', 'build', 'start', 'send', 'openai-stub']),
  )
})

// Keeps the helper honest: JSON.parse would round the id.
test('idIn reads ids beyond 2^53', () => {
  expect(idIn('{"processing_id":9007199254740993}')).toBe('9007199254740993')
})
