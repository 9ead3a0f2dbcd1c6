/** Where `inspect` says that a request stands. */
import { expect, test } from 'vitest'
import type { Facts, OutcomeCopy, RequestCopy } from '../../src/cli/verdict.ts'
import { conclude, concludeHalf } from '../../src/cli/verdict.ts'
import type { KnownClaim } from '../../src/claims/inspect.ts'

const NOTHING: Facts = { markedForMs: null, claim: null, ownerStanding: null, requests: [], outcomes: [], letters: [] }
const at = { partition: 0, offset: 1n, timestampMs: 1_000 }

const claim = (fields: Partial<KnownClaim>): KnownClaim => ({
  owner: { group: 'g', topic: 't', ...at },
  state: 'open',
  hasAnswer: false,
  isAsked: false,
  refusedAtMs: null,
  starts: 0,
  startsAlone: 0,
  fruitless: 0,
  ...fields,
})
const copy = (fields: Partial<RequestCopy>): RequestCopy => ({
  ...at,
  standing: 'due',
  foreignKey: null,
  duplicateOf: null,
  conflict: false,
  ...fields,
})
const outcome = (fields: Partial<OutcomeCopy>): OutcomeCopy => ({
  ...at,
  success: false,
  score: null,
  verdict: null,
  messageError: null,
  waitSeconds: null,
  headers: {},
  ...fields,
})
const letter = { ...at, reason: 'kills_the_worker', detail: '3 calls' }
const success = outcome({ success: true, score: 87n })
const refusal = outcome({ waitSeconds: 30n, messageError: 'later' })
const committed = copy({ standing: 'committed' })

test.each<[string, Partial<Facts>, string, string]>([
  ['nothing of it anywhere', {}, 'unknown', 'nothing of it was found'],
  ['it waits in Kafka', { requests: [copy({})] }, 'in_backlog', 'no worker has claimed it'],
  ['it is claimed', { claim: claim({}), ownerStanding: 'due', requests: [copy({})] }, 'waiting', 'no call'],
  ['a worker asks the model', { claim: claim({ isAsked: true }), ownerStanding: 'due' }, 'being_asked', 'lease'],
  [
    'its partition passed on while the call goes on',
    { claim: claim({ isAsked: true }), ownerStanding: 'gone' },
    'being_asked',
    'lease',
  ],
  [
    'its answer is stored',
    { claim: claim({ state: 'answered', hasAnswer: true }), ownerStanding: 'due' },
    'answered',
    '',
  ],
  ['its outcome is there', { markedForMs: 9, outcomes: [success] }, 'published', 'score 87'],
  ['the mark is all that is left', { markedForMs: 9 }, 'published', 'without being published'],
  ['its caller was told a failure', { outcomes: [outcome({ messageError: 'why' })] }, 'failed', 'why'],
  [
    'it was refused',
    { claim: claim({ state: 'refused' }), ownerStanding: 'committed', outcomes: [refusal] },
    'refused',
    '30 s',
  ],
  ['it was refused, and sent again', { outcomes: [refusal], requests: [committed, copy({})] }, 'in_backlog', ''],
  ['it was refused, sent again and scored', { outcomes: [refusal, success] }, 'published', 'score 87'],
  ['it was dead-lettered', { letters: [letter], requests: [committed] }, 'dead_lettered', 'kills_the_worker: 3 calls'],
  [
    'it was dead-lettered, and the letter is not found any more',
    { claim: claim({ state: 'dead' }), ownerStanding: 'committed', requests: [committed] },
    'dead_lettered',
    'older than --since',
  ],
  [
    'it was dead-lettered, and the offsets were set back',
    { claim: claim({ state: 'dead' }), ownerStanding: 'due', letters: [letter] },
    'dead_lettered',
    'kills_the_worker',
  ],
  ['it was dead-lettered and sent back', { letters: [letter], requests: [committed, copy({})] }, 'in_backlog', ''],
  ['its key is not ours', { requests: [copy({ foreignKey: '"new_req"' })] }, 'skipped', '"new_req", not new_request'],
  ['it has no key', { requests: [copy({ foreignKey: 'none', standing: 'committed' })] }, 'skipped', 'it has no key'],
  ['it was sent again with the right key', { requests: [copy({ foreignKey: 'none' }), copy({})] }, 'in_backlog', ''],
  ['it was consumed and left no trace', { requests: [committed] }, 'unknown', 'neither an outcome nor a claim'],
])('%s', (_name, facts, state, because) => {
  const told = conclude({ ...NOTHING, ...facts })
  expect(told.state).toBe(state)
  expect(told.because).toContain(because)
})

test.each<[string, Partial<Facts>, 'Redis' | 'Kafka', string]>([
  ['without Kafka a mark does not tell which outcome there was', { markedForMs: 9 }, 'Kafka', 'unknown'],
  ['without Kafka a call is known', { claim: claim({ isAsked: true }) }, 'Kafka', 'being_asked'],
  ['without Redis a backlog may be claimed', { requests: [copy({})] }, 'Redis', 'unknown'],
  ['without Redis an outcome is known', { outcomes: [success] }, 'Redis', 'published'],
  ['without Redis a refusal may be followed by another attempt', { outcomes: [refusal] }, 'Redis', 'unknown'],
])('%s', (_name, facts, away, state) => {
  expect(concludeHalf({ ...NOTHING, ...facts }, away).state).toBe(state)
})
