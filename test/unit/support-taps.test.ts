/** Several commands may go over one connection in one piece: a tap must recognise the one command or request, and not its neighbours. */
import { expect, test } from 'vitest'
import { fuse, kafkaRequest, scriptCall } from '../support/taps.ts'

const [ANSWER, BEGIN] = ['a'.repeat(40), 'b'.repeat(40)]
const command = (...words: string[]) =>
  `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`
const call = (digest: string, ...keys: string[]) => command('evalsha', digest, String(keys.length), ...keys, 'имя\r\n')
const piece = (...commands: string[]) => Buffer.from(commands.join(''))

test('the call of a script is known by its own arguments, wherever it stands in a piece', () => {
  const answered = scriptCall({ digest: ANSWER }, 'claim:3')
  expect(answered('up', piece(call(ANSWER, 'claim:3')))).toBe(true)
  expect(answered('up', piece(call(BEGIN, 'claim:3'), call(ANSWER, 'claim:1', 'claim:3')))).toBe(true)
  expect(answered('up', piece(call(ANSWER, 'claim:1'), call(BEGIN, 'claim:3')))).toBe(false)
  expect(answered('up', piece(call(BEGIN, 'claim:3'), call(ANSWER, 'claim:1')))).toBe(false)
  expect(answered('down', piece(call(ANSWER, 'claim:3')))).toBe(false)
})

test('the call of a script that is cut off is known by what has come', () => {
  const answered = scriptCall({ digest: ANSWER }, 'claim:3')
  const whole = piece(call(BEGIN, 'claim:1'), call(ANSWER, 'claim:3'))
  expect(answered('up', whole.subarray(0, -3))).toBe(true)
  expect(answered('up', whole.subarray(0, -30))).toBe(false)
})

test('a request to Kafka is known by its own type and text, wherever it stands in a piece', () => {
  const request = (type: number, text: string) => {
    const body = Buffer.concat([Buffer.from([0, type, 0, 0, 0, 0, 0, 1]), Buffer.from(text)])
    const length = Buffer.alloc(4)
    length.writeInt32BE(body.length)
    return Buffer.concat([length, body])
  }
  const produced = kafkaRequest('Produce', 'id 3')
  const [produce, end] = [0, 26]
  expect(produced('up', request(produce, 'id 3'))).toBe(true)
  expect(produced('up', Buffer.concat([request(end, ''), request(produce, 'id 3')]))).toBe(true)
  expect(produced('up', Buffer.concat([request(produce, 'id 1'), request(end, 'id 3')]))).toBe(false)
  expect(produced('up', request(produce, 'id 3').subarray(0, 14))).toBe(false)
})

test('a fuse acts once, at the last moment after the others', () => {
  const acted: string[] = []
  const seen = (text: string) => (_direction: string, chunk: Buffer) => chunk.includes(text)
  const fused = fuse([seen('first'), seen('second')], () => acted.push('now'))
  for (const text of ['second', 'first', 'second', 'first', 'second']) fused('up', Buffer.from(text))
  expect(acted).toEqual(['now'])
})
