import { describe, expect, it } from 'vitest'
import { reconcile } from '../../src/kafka/reconcile.ts'

const ask = { start: () => Promise.resolve(40n), recent: () => Promise.resolve(70n) }
const log = { low: 0n, high: 100n }
const known = { base: 50n, next: 60n, ahead: [{ from: 55n, to: 57n }] }

describe('after fencing', () => {
  it('a group without an offset begins where told, and commits that at once', async () => {
    const result = await reconcile(null, { offset: null, metadata: '' }, log, ask)
    expect(result).toMatchObject({ base: 40n, next: 40n, note: 'no_offset', commit: true })
  })

  it('a partition taken over goes on from what is committed, without what is done above it', async () => {
    const result = await reconcile(null, { offset: 50n, metadata: '1;1e;2,3' }, log, ask)
    expect(result).toMatchObject({ base: 50n, next: 50n, ahead: [{ from: 52n, to: 55n }], commit: false })
  })

  it('a partition that this worker had keeps its uncommitted messages and its position', async () => {
    const result = await reconcile(known, { offset: 52n, metadata: '' }, log, ask)
    expect(result).toMatchObject({ base: 52n, next: 60n, forget: false, note: 'as_committed' })
  })

  it('a worker that was overtaken goes on from where the other got to', async () => {
    const result = await reconcile(known, { offset: 80n, metadata: '' }, log, ask)
    expect(result).toMatchObject({ base: 80n, next: 80n, forget: false })
  })

  it('an offset that vanished under a worker that knows it is committed again', async () => {
    const result = await reconcile(known, { offset: null, metadata: '' }, log, ask)
    expect(result).toMatchObject({ base: 50n, next: 60n, note: 'offset_restored', commit: true, forget: false })
  })

  it('a topic made anew is begun at its recent messages, and what was uncommitted is forgotten', async () => {
    const shorter = { low: 0n, high: 30n }
    for (const committed of [
      { offset: 50n, metadata: '' },
      { offset: null, metadata: '' },
    ]) {
      const result = await reconcile(known, committed, shorter, ask)
      expect(result).toMatchObject({ base: 70n, next: 70n, note: 'log_shorter', commit: true, forget: true })
    }
  })

  it('an offset that somebody set back is followed', async () => {
    const result = await reconcile(known, { offset: 10n, metadata: '' }, log, ask)
    expect(result).toMatchObject({ base: 10n, next: 10n, note: 'moved_back', forget: true })
  })

  it('messages removed by retention are passed', async () => {
    const result = await reconcile(null, { offset: 50n, metadata: '' }, { low: 65n, high: 100n }, ask)
    expect(result).toMatchObject({ base: 50n, next: 65n, note: 'retention' })
  })

  it('metadata of another tool is told and not believed', async () => {
    const result = await reconcile(null, { offset: 50n, metadata: 'NO_METADATA' }, log, ask)
    expect(result).toMatchObject({ base: 50n, ahead: [], note: 'foreign_metadata' })
  })
})
