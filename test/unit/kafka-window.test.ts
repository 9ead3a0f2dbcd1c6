import { describe, expect, it } from 'vitest'
import type { Seat } from '../../src/kafka/window.ts'
import { createWindow } from '../../src/kafka/window.ts'

const nobody = () => {}
function fill(seat: Seat, bytes = 1): number {
  let entered = 0
  while (entered < 10_000 && seat.enter(bytes)) entered++
  return entered
}

describe('window', () => {
  it('is all for the only partition', () => {
    expect(fill(createWindow({ messages: 256, bytes: 1_000_000 }).join(nobody))).toBe(256)
  })

  it('is mostly for the partition that has all the messages, as with one constant key', () => {
    const window = createWindow({ messages: 256, bytes: 1_000_000 })
    const [busy] = Array.from({ length: 8 }, () => window.join(nobody))
    expect(fill(busy!)).toBeGreaterThanOrEqual(192)
  })

  it('keeps room for a partition whose neighbour is full of held messages', () => {
    const window = createWindow({ messages: 256, bytes: 1_000_000 })
    const held = window.join(nobody)
    const other = window.join(nobody)
    fill(held)
    expect(fill(other)).toBeGreaterThanOrEqual(32)
  })

  it('is bounded in bytes, but lets each partition have one message, however large', () => {
    const window = createWindow({ messages: 256, bytes: 1_000 })
    const seat = window.join(nobody)
    expect(fill(seat, 300)).toBe(3)
    expect(window.join(nobody).enter(5_000)).toBe(true)
  })

  it('wakes a refused partition when there is room, and gives back what a lost partition had', () => {
    const window = createWindow({ messages: 4, bytes: 1_000_000 })
    let woken = 0
    const lost = window.join(nobody)
    fill(lost)
    const waiting = window.join(() => woken++)
    fill(waiting)
    lost.close()
    expect(woken).toBe(1)
    expect(fill(waiting)).toBe(3)
    expect(window.used().messages).toBe(4)
  })
})
