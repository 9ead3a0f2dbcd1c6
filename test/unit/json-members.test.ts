import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decodeRequest } from '../../src/contracts.ts'
import { readMembers } from '../../src/lib/json-members.ts'
import { longestStallMs } from '../support/cpu-stalls.ts'

const NAMES = new Set(['a', 'b', '__proto__'])
const read = (text: string) => readMembers(Buffer.from(text), NAMES)

/** @throws what `use` throws and is no SyntaxError */
function accepts(use: () => unknown): boolean {
  try {
    use()
    return true
  } catch (error) {
    if (error instanceof SyntaxError) return false
    throw error
  }
}
const isParsed = (text: string) => accepts(() => JSON.parse(text))
const isRead = (text: string) => accepts(() => read(text))

describe('the members of a JSON object', () => {
  it('are those that JSON.parse finds', () => {
    const name = fc.constantFrom('a', 'b', '__proto__', 'c', 'long'.repeat(20), '\\u0061', 'a\\n')
    const spaced = fc.constantFrom('', ' ', '\n\t\r ')
    const member = fc.tuple(name, spaced, fc.json())
    fc.assert(
      fc.property(fc.array(member), ([...members]) => {
        const text = `{${members.map(([key, space, value]) => `${space}"${key}"${space}:${space}${value}${space}`).join(',')}}`
        const whole = Object.entries(JSON.parse(text) as object)
        const found = [...(read(text) ?? [])].map(([key, source]) => [key, JSON.parse(source.toString())] as const)
        expect(Object.fromEntries(found)).toEqual(Object.fromEntries(whole.filter(([key]) => NAMES.has(key))))
      }),
    )
  })

  it('are refused where JSON.parse refuses the text, and only there', () => {
    const json = fc.json()
    const spoilt = fc.tuple(
      json,
      fc.nat(),
      fc.constantFrom('', '"', '\\', ',', ':', '}', ']', '{', '[', '-', '.', 'e', '0', 'x', '\u0001'),
    )
    const text = fc.oneof(
      json,
      spoilt.map(
        ([whole, at, put]) =>
          whole.slice(0, at % (whole.length + 1)) + put + whole.slice((at % (whole.length + 1)) + 1),
      ),
      fc.string(),
      fc.array(fc.constantFrom(...Array.from('{}[]",:-0.1eE+ \\untrfals'))).map((parts) => parts.join('')),
    )
    fc.assert(
      fc.property(text, (each) => {
        expect({ text: each, isJson: isRead(each) }).toEqual({ text: each, isJson: isParsed(each) })
      }),
      { numRuns: 3_000 },
    )
  })

  it('are read in time linear in whatever else stands there', async () => {
    const fill = (unit: string, bytes = 1_000_000) => unit.repeat(Math.floor(bytes / unit.length))
    const numbered = (part: (index: number) => string) =>
      Array.from({ length: 60_000 }, (_, index) => part(index)).join(',')
    const shapes: Record<string, string> = {
      numbers: `{"x":[${fill('1,')}1]}`,
      'deep arrays': `{"x":${fill('[', 500_000)}${fill(']', 500_000)}}`,
      'deep objects': `{"x":${fill('{"a":', 800_000)}1${'}'.repeat(160_000)}}`,
      names: `{${numbered((index) => `"k${index}":1`)}}`,
      'names in escapes': `{${numbered(() => '"\\u0061":1')}}`,
      'objects with ever new names': `{"x":[${numbered((index) => `{"k${index}":1}`)}]}`,
      'digits of an id': `{"processing_id":${fill('9')}}`,
      escapes: `{"resume":"${fill('\\u0041')}"}`,
      backslashes: `{"resume":"${fill('\\\\')}"}`,
      spaces: `${fill(' ')}{}`,
      'an open string': `{"resume":"${fill('x')}`,
    }
    const slow: string[] = []
    for (const [name, text] of Object.entries(shapes)) {
      const stallMs = await longestStallMs(async () => decodeRequest(Buffer.from(text)))
      slow.push(...(stallMs > 100 ? [`${name}: ${stallMs} ms`] : []))
    }
    expect(slow).toEqual([])
  })
})

describe('a request', () => {
  it('of more bytes than MAX_REQUEST_BYTES is not looked at', () => {
    expect(decodeRequest(Buffer.alloc(1_025), 1_024)).toEqual({
      kind: 'unanswerable',
      reason: 'request_too_large',
      detail: '1025 bytes, at most 1024 (MAX_REQUEST_BYTES)',
    })
  })
})
