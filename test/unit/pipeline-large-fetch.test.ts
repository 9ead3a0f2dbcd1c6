/** A fetch hands over many messages at once: the event loop must turn between them, however large they are. */
import { expect, test } from 'vitest'
import type { SourceMessage } from '../../src/kafka/messages.ts'
import { Turns } from '../../src/lib/turns.ts'
import type { PipelineParts } from '../../src/pipeline/pipeline.ts'
import { Pipeline } from '../../src/pipeline/pipeline.ts'
import { longestStallMs } from '../support/cpu-stalls.ts'
import { recordedLog } from '../support/provider.ts'

const MESSAGES = 32
/** Ends in the middle of its list: all of it is read before it is known to be no request. */
const value = Buffer.from(`{"processing_id":1,"x":[${'1,'.repeat(450_000)}`)

function pipelineOf(): Pipeline {
  const topics = { requests: 'r', notifications: 'n', uploadingData: 'u', deadLetters: 'd', decisions: null }
  const parts = {
    config: { kafka: { groupId: 'g', topics }, maxRequestBytes: 1_000_000, budget: {} },
    log: recordedLog().log,
    metrics: { deadLettered: () => {} },
    turns: new Turns(),
  }
  // Nothing else is asked for by a message that is no request.
  return new Pipeline(parts as unknown as PipelineParts)
}

function messageAt(offset: number): SourceMessage {
  const key = Buffer.from('new_request')
  return { topic: 'r', partition: 0, offset: BigInt(offset), timestampMs: 1_764_000_000_000, key, value, headers: {} }
}

test('32 messages of 900 KB that come in one fetch block it no longer than some of them do', async () => {
  const { signal } = new AbortController()
  const stallOf = async (count: number) => {
    const pipeline = pipelineOf()
    const endings: string[] = []
    const all = Array.from({ length: count }, (_, offset) => messageAt(offset))
    const stallMs = await longestStallMs(() =>
      Promise.all(
        all.map(async (source) => {
          const { ending } = await pipeline.handle(source, { wait: signal, call: signal })
          endings.push(ending.kind)
        }),
      ),
    )
    expect(endings).toEqual(Array.from({ length: count }, () => 'letter'))
    return stallMs
  }
  await stallOf(4)
  const one = Math.max(await stallOf(1), await stallOf(1), await stallOf(1))
  expect(await stallOf(MESSAGES)).toBeLessThan((one * MESSAGES) / 4)
})
