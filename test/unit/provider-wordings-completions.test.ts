/** Answers with 200 in forms that nobody has reported. Each row stands for a kind of server, none for one that exists. */
import { expect, test } from 'vitest'
import { classifyCompletion } from '../../src/provider/classify-completion.ts'

const ok = (message: unknown, choice: object = {}, top: object = {}) => ({
  model: 'm',
  choices: [{ finish_reason: 'stop', message, ...choice }],
  ...top,
})
const counted = (completion: number, reasoning: number) => ({
  prompt_tokens: 9,
  completion_tokens: completion,
  completion_tokens_details: { reasoning_tokens: reasoning },
})
const comps: [string, unknown, string][] = [
  ['or err', ok({ content: '' }, { error: { code: 502, message: 'Upstream' }, finish_reason: 'error' }), 'outage'],
  ['top err', { error: { code: 503, message: 'overloaded' } }, 'outage'],
  ['top err text', { error: 'upstream connect error' }, 'outage'],
  ['err str code', ok({ content: '' }, { error: { code: '529', message: 'x' } }), 'outage'],
  ['err name', { error: { type: 'overloaded_error', message: 'Overloaded' } }, 'outage'],
  ['err 429', { error: { code: 429, message: 'limit' } }, 'rate_limited'],
  ['err in message', ok({ content: '', error: { code: 500 } }), 'outage'],
  ['err list', [{ error: { code: 503, status: 'UNAVAILABLE', message: 'x' } }], 'outage'],
  [
    'err success false',
    { success: false, errors: [{ code: 5006, message: 'upstream timeout' }], result: null },
    'outage',
  ],
  [
    'status_code minimax',
    { base_resp: { status_code: 1002, status_msg: 'rate limit' }, choices: null },
    'no_completion',
  ],
  ['err content null', ok({ content: null }, { native_finish_reason: 'error', finish_reason: 'error' }), 'outage'],
  ['error partial', ok({ content: '{"a"' }, { finish_reason: 'error' }), 'outage'],
  ['reasoning', ok({ content: null, reasoning_content: '{"a":1}' }), '{"a":1}'],
  ['reasoning2', ok({ content: '  ', reasoning: '{"a":1}' }), '{"a":1}'],
  [
    'reasoning details',
    ok({ content: '', reasoning_details: [{ type: 'reasoning.text', text: '{"a":1}' }] }),
    '{"a":1}',
  ],
  [
    'parts',
    ok({
      content: [
        { type: 'reasoning', text: 'x' },
        { type: 'output_text', text: '{"a":1}' },
      ],
    }),
    '{"a":1}',
  ],
  ['parts obj', ok({ content: [{ type: 'text', text: { value: '{"a":1}' } }] }), '{"a":1}'],
  ['content obj part', ok({ content: { type: 'text', text: '{"a":1}' } }), '{"a":1}'],
  ['content json obj', ok({ content: { score: 1 } }), '{"score":1}'],
  ['parsed', ok({ content: null, parsed: { score: 1 } }), '{"score":1}'],
  ['tool call', ok({ content: null, tool_calls: [{ function: { arguments: '{"a":1}' } }] }), '{"a":1}'],
  ['length empty', ok({ content: '' }, { finish_reason: 'length' }), 'thought_out'],
  ['length reasoning', ok({ content: null, reasoning_content: 'hm' }, { finish_reason: 'MAX_TOKENS' }), 'thought_out'],
  [
    'length thinkpart',
    ok({ content: [{ type: 'thinking', thinking: 'x' }] }, { finish_reason: 'length' }),
    'thought_out',
  ],
  ['length seed tag', ok({ content: '<seed:think>hm' }, { finish_reason: 'length' }), 'thought_out'],
  ['length Thought', ok({ content: '<thinking>hm' }, { finish_reason: 'length' }), 'thought_out'],
  ['length analysis', ok({ content: '<analysis>hm' }, { finish_reason: 'length' }), 'thought_out'],
  ['length end tag open after', ok({ content: '<think>hm</think>{"a"' }, { finish_reason: 'length' }), 'cut_off'],
  ['length', ok({ content: '{"a"' }, { finish_reason: 'length' }), 'cut_off'],
  // Twice the cap would do for this answer, and the next one would be cut off again: what takes the room is the thinking.
  [
    'length mostly thought',
    ok({ content: '{"a"', reasoning_content: 'hm '.repeat(99) }, { finish_reason: 'length' }),
    'thought_out',
  ],
  [
    'length mostly thought before',
    ok({ content: `<think>${'hm '.repeat(99)}</think>{"a"` }, { finish_reason: 'length' }),
    'thought_out',
  ],
  [
    'length by count',
    ok({ content: '{"a"' }, { finish_reason: 'length' }, { usage: counted(1_000, 700) }),
    'thought_out',
  ],
  [
    'length by count, little thought',
    ok({ content: '{"a"', reasoning: 'hm '.repeat(99) }, { finish_reason: 'length' }, { usage: counted(1_000, 100) }),
    'cut_off',
  ],
  ['stop empty', ok({ content: '' }), 'unusable_answer'],
  ['filter', ok({ content: '' }, { finish_reason: 'SAFETY' }), 'content_filter'],
]
test.each(comps)('under 200: %s', (_name, body, want) => {
  const read = classifyCompletion(body)
  expect(read.ok ? read.content.match(/\{.*\}/)?.[0] : read.verdict.code).toBe(want)
})
