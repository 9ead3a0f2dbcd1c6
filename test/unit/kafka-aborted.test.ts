import { describe, expect, it } from 'vitest'
import { hideAborted } from '../../src/kafka/aborted.ts'

const data = (offset: number, producerId: string, inTransaction = true) => ({
  offset: `${offset}`,
  key: null as Buffer | null,
  isControlRecord: false,
  batchContext: { producerId, inTransaction },
})
const marker = (offset: number, producerId: string, type: 'abort' | 'commit') => ({
  ...data(offset, producerId),
  key: Buffer.from([0, 0, 0, type === 'abort' ? 0 : 1]),
  isControlRecord: true,
})
const visible = (messages: { offset: string; isControlRecord: boolean }[]) =>
  messages.filter(({ isControlRecord }) => !isControlRecord).map(({ offset }) => Number(offset))

describe('a read-committed fetch', () => {
  it('hides aborted transactions that lie among each other, listed in the order of their ends', () => {
    const messages = [
      data(0, 'a'),
      data(1, 'b'),
      data(2, 'other', false),
      data(3, 'a'),
      marker(4, 'b', 'abort'),
      data(5, 'b'),
      marker(6, 'a', 'abort'),
      data(7, 'a'),
      marker(8, 'b', 'commit'),
    ]
    const partition = {
      messages,
      abortedTransactions: [
        { producerId: 'b', firstOffset: '1' },
        { producerId: 'a', firstOffset: '0' },
      ],
    }
    hideAborted(partition)
    expect(visible(messages)).toEqual([2, 5, 7])
    expect(partition.abortedTransactions).toEqual([])
  })

  it('hides them when it begins in the middle of several', () => {
    const messages = [data(10, 'b'), data(11, 'a'), data(12, 'c')]
    hideAborted({
      messages,
      abortedTransactions: [
        { producerId: 'a', firstOffset: '3' },
        { producerId: 'b', firstOffset: '5' },
      ],
    })
    expect(visible(messages)).toEqual([12])
  })

  it('takes a key that looks like a marker for what it is', () => {
    const messages = [data(0, 'a'), { ...data(1, 'a'), key: Buffer.alloc(4) }, data(2, 'a'), marker(3, 'a', 'abort')]
    hideAborted({ messages, abortedTransactions: [{ producerId: 'a', firstOffset: '0' }] })
    expect(visible(messages)).toEqual([])
  })
})
