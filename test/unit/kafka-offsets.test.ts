import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { OffsetRange } from '../../src/kafka/offset-metadata.ts'
import { decodeDone, encodeDone } from '../../src/kafka/offset-metadata.ts'
import { isDone, progressOf } from '../../src/kafka/progress.ts'
import { transactionalIdOf } from '../../src/kafka/transactional-id.ts'

/** A log from `first` on: which offsets are still uncommitted; the rest is done, or was never a message. */
const logs = fc.record({
  first: fc.bigInt({ min: 0n, max: 2n ** 62n }),
  uncommitted: fc.array(fc.boolean(), { maxLength: 300 }),
})

function ranges(first: bigint, flags: boolean[]): OffsetRange[] {
  return flags.flatMap((flag, index) => (flag ? [{ from: first + BigInt(index), to: first + BigInt(index) + 1n }] : []))
}

describe('progress', () => {
  it('calls done exactly what was fetched and is not uncommitted', () => {
    fc.assert(
      fc.property(logs, ({ first, uncommitted }) => {
        const position = first + BigInt(uncommitted.length)
        const progress = progressOf(ranges(first, uncommitted), position, [])
        uncommitted.forEach((isUncommitted, index) =>
          expect(isDone(first + BigInt(index), progress)).toBe(!isUncommitted),
        )
        expect(isDone(position, progress)).toBe(false)
      }),
    )
  })

  it('never moves the committed offset past an uncommitted one, and moves it to the first of them', () => {
    fc.assert(
      fc.property(logs, ({ first, uncommitted }) => {
        const position = first + BigInt(uncommitted.length)
        expect(progressOf(ranges(first, uncommitted), position, []).offset).toBe(
          ranges(first, uncommitted)[0]?.from ?? position,
        )
      }),
    )
  })

  it('keeps what an earlier commit says is done above the position', () => {
    fc.assert(
      fc.property(logs, fc.nat(300), ({ first, uncommitted }, taken) => {
        const known = progressOf(ranges(first, uncommitted), first + BigInt(uncommitted.length), [])
        // After a restart: only a part of it is fetched again, and what is done in it is skipped.
        const position = known.offset + BigInt(taken)
        const stillUncommitted = ranges(first, uncommitted).filter(({ from }) => from < position)
        const progress = progressOf(stillUncommitted, position, known.done)
        for (const { from, to } of known.done) {
          expect(isDone(from, progress)).toBe(true)
          expect(isDone(to - 1n, progress)).toBe(true)
        }
        for (const { from } of stillUncommitted) expect(isDone(from, progress)).toBe(false)
      }),
    )
  })
})

describe('offset metadata', () => {
  it('gives back what was written', () => {
    fc.assert(
      fc.property(logs, ({ first, uncommitted }) => {
        const { offset, done } = progressOf(ranges(first, uncommitted), first + BigInt(uncommitted.length), [])
        expect(decodeDone(offset, encodeDone(offset, done))).toEqual(done)
      }),
    )
  })

  it('is not believed when the offset was moved by somebody else', () => {
    fc.assert(
      fc.property(logs, fc.bigInt({ min: 1n, max: 1_000n }), ({ first, uncommitted }, moved) => {
        const { offset, done } = progressOf(ranges(first, uncommitted), first + BigInt(uncommitted.length), [])
        fc.pre(done.length > 0)
        expect(decodeDone(offset + moved, encodeDone(offset, done))).toBeNull()
      }),
    )
  })

  it('is not believed when it is not ours', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (text) => {
        fc.pre(!text.startsWith('1;'))
        expect(decodeDone(0n, text)).toBeNull()
      }),
    )
    expect(decodeDone(0n, '1;0;0,5')).toBeNull()
    expect(decodeDone(0n, '1;0;5')).toBeNull()
  })

  it('takes 4096 bytes for a thousand gaps, not for a long run', () => {
    const alternate = Array.from({ length: 1_000 }, (_, i) => ({ from: BigInt(2 * i + 1), to: BigInt(2 * i + 2) }))
    expect(encodeDone(0n, alternate).length).toBeLessThan(4_096)
    expect(encodeDone(0n, [{ from: 1n, to: 2n ** 62n }]).length).toBeLessThan(30)
  })
})

describe('transactional id', () => {
  it('differs for different groups, topics and partitions', () => {
    const topic = fc.stringMatching(/^[\w.-]{1,20}$/)
    const triple = fc.tuple(fc.string({ minLength: 1, unit: 'grapheme' }), topic, fc.nat(20))
    fc.assert(
      fc.property(triple, triple, (a, b) => {
        const same = a.every((part, index) => part === b[index])
        expect(transactionalIdOf(...a) === transactionalIdOf(...b)).toBe(same)
      }),
    )
    expect(transactionalIdOf('a/b', 'c', 1)).not.toBe(transactionalIdOf('a', 'b/c', 1))
  })
})
