/** Messages that nobody should send, among honest requests: each is dead-lettered with its reason, and the honest ones are answered. */
import { expect, onTestFinished, test } from 'vitest'
import { startFleet } from '../support/fleet.ts'
import { produceRaw, rawBatch } from '../support/raw-batch.ts'
import { waitUntil } from '../support/wait.ts'
import { request } from '../support/world.ts'

const FIRST = 1_001
const many = (count: number, part: (index: number) => string) =>
  Array.from({ length: count }, (_, index) => part(index))

test('hostile messages are dead-lettered with the reason, beside them requests are answered, and the group is joined once', async () => {
  const { world, workers } = await startFleet(onTestFinished, { env: { KAFKA_START_FROM: 'recent' } })
  const { requests } = world.topics
  const { KAFKA_BOOTSTRAP_SERVERS: servers = '' } = world.env
  const valueOf = (id: number, fields = {}) => String(request(id, fields).value)
  const headers = many(8_000, (index) => index.toString(36)).map((name) => [name, null] as const)
  const ones = `{"processing_id":1,"x":[${'1,'.repeat(500_000)}1]}`
  const batches = [
    { records: [{ value: valueOf(FIRST) }] },
    {
      records: [
        {
          value: valueOf(2, { note: 'many headers' }),
          headers: [...headers, ['traceparent', Buffer.from('00-ab')] as const],
        },
      ],
    },
    { codec: 'gzip' as const, records: [{ value: Buffer.alloc(190_000_000) }] },
    { codec: 'zstd' as const, records: many(32, () => ones.slice(0, 900_000)).map((value) => ({ value })) },
    { codec: 'lz4' as const, records: [{ value: '['.repeat(1_000_000) }] },
    {
      codec: 'snappy' as const,
      records: [{ value: valueOf(3).replace('"processing_id":3', `"processing_id":${'9'.repeat(900_000)}`) }],
    },
    { codec: 'gzip' as const, records: [{ value: valueOf(4, { resume: 'x'.repeat(1_100_000) }) }] },
    // A timestamp in seconds, which reads as 1970; then none at all.
    { records: [{ value: valueOf(FIRST + 1) }], timestamp: BigInt(Math.floor(Date.now() / 1_000)) },
    { records: [{ value: valueOf(FIRST + 2) }], timestamp: -1n },
    { records: [{ key: Buffer.from('"new_request"'), value: valueOf(5) }] },
    { records: [{ value: 'no JSON' }], timestamp: -1n },
    {
      codec: 'lz4' as const,
      records: [{ value: valueOf(6) }],
      // The broker does not verify the checksum of the content, which ends the frame.
      tamper: (packed: Buffer) => void packed.writeUInt32LE(0xbad, packed.length - 4),
    },
    { records: [{ value: valueOf(FIRST + 3) }] },
  ]
  for (const batch of batches) await produceRaw(servers.split(','), requests, 0, await rawBatch(batch))
  await world.answered([FIRST, FIRST + 1, FIRST + 2, FIRST + 3])
  const reasons = () => world.deadLetters().map(({ headers: about }) => String(about['dead-letter-reason']))
  const expected = [
    'headers_too_large',
    'batch_too_large',
    ...many(32, () => 'not_json_object'),
    'not_json_object',
    'bad_id',
    'request_too_large',
    'not_json_object',
    'batch_unreadable',
  ]
  await waitUntil(
    () => reasons().length >= expected.length,
    60_000,
    () => `dead letters: ${reasons().join(', ')}`,
  )
  expect(reasons()).toEqual(expect.arrayContaining(expected))
  expect(reasons().toSorted()).toEqual(expected.toSorted())
  const letters = world.deadLetters()
  const ofHeaders = letters.find(({ headers: about }) => about['dead-letter-reason'] === 'headers_too_large')
  expect(ofHeaders?.headers).toMatchObject({
    traceparent: '00-ab',
    'dead-letter-detail': expect.stringContaining('8001 headers'),
  })
  expect(Object.keys(ofHeaders?.headers ?? {}).length).toBeLessThan(20)
  const ofBatch = letters.find(({ headers: about }) => about['dead-letter-reason'] === 'batch_too_large')
  expect(ofBatch?.headers).toMatchObject({ 'dead-letter-source-first-offset': '2', 'dead-letter-source-offset': '2' })
  const said = (text: string) => workers.flatMap(({ lines }) => lines).filter((line) => line.includes(text))
  expect(said('not quite new_request')).toHaveLength(1)
  expect(said('assigned ')).toHaveLength(1)
}, 180_000)
