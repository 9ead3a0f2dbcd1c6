/** Answers with status 200 in forms that nobody has reported. Each row represents a kind of server, not an existing one. */
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
const completions: [string, unknown, string][] = [
  [
    'OpenRouter: an upstream’s error in the choice',
    ok({ content: '' }, { error: { code: 502, message: 'Upstream' }, finish_reason: 'error' }),
    'outage',
  ],
  ['an error beside no choices', { error: { code: 503, message: 'overloaded' } }, 'outage'],
  ['an error as text', { error: 'upstream connect error' }, 'outage'],
  ['an error with a code as text', ok({ content: '' }, { error: { code: '529', message: 'x' } }), 'outage'],
  ['an error with a type and no code', { error: { type: 'overloaded_error', message: 'Overloaded' } }, 'outage'],
  ['a rate limit', { error: { code: 429, message: 'limit' } }, 'rate_limited'],
  ['an error in the message', ok({ content: '', error: { code: 500 } }), 'outage'],
  ['a list with an error', [{ error: { code: 503, status: 'UNAVAILABLE', message: 'x' } }], 'outage'],
  [
    'success: false with errors',
    { success: false, errors: [{ code: 5006, message: 'upstream timeout' }], result: null },
    'outage',
  ],
  [
    'MiniMax: a status in base_resp',
    { base_resp: { status_code: 1002, status_msg: 'rate limit' }, choices: null },
    'no_completion',
  ],
  [
    'no content, ended by an error',
    ok({ content: null }, { native_finish_reason: 'error', finish_reason: 'error' }),
    'outage',
  ],
  ['part of an answer, ended by an error', ok({ content: '{"a"' }, { finish_reason: 'error' }), 'outage'],
  ['the answer in reasoning_content', ok({ content: null, reasoning_content: '{"a":1}' }), '{"a":1}'],
  ['the answer in reasoning', ok({ content: '  ', reasoning: '{"a":1}' }), '{"a":1}'],
  [
    'the answer in reasoning_details',
    ok({ content: '', reasoning_details: [{ type: 'reasoning.text', text: '{"a":1}' }] }),
    '{"a":1}',
  ],
  [
    'parts: reasoning, then text',
    ok({
      content: [
        { type: 'reasoning', text: 'x' },
        { type: 'output_text', text: '{"a":1}' },
      ],
    }),
    '{"a":1}',
  ],
  ['a part whose text is an object', ok({ content: [{ type: 'text', text: { value: '{"a":1}' } }] }), '{"a":1}'],
  ['content that is one part', ok({ content: { type: 'text', text: '{"a":1}' } }), '{"a":1}'],
  ['content that is the JSON itself', ok({ content: { score: 1 } }), '{"score":1}'],
  ['the answer in parsed', ok({ content: null, parsed: { score: 1 } }), '{"score":1}'],
  ['the answer in a tool call', ok({ content: null, tool_calls: [{ function: { arguments: '{"a":1}' } }] }), '{"a":1}'],
  ['nothing, ended at the cap', ok({ content: '' }, { finish_reason: 'length' }), 'thought_out'],
  [
    'only reasoning, ended at the cap',
    ok({ content: null, reasoning_content: 'hm' }, { finish_reason: 'MAX_TOKENS' }),
    'thought_out',
  ],
  [
    'only a thinking part, ended at the cap',
    ok({ content: [{ type: 'thinking', thinking: 'x' }] }, { finish_reason: 'length' }),
    'thought_out',
  ],
  [
    'an open seed:think tag, ended at the cap',
    ok({ content: '<seed:think>hm' }, { finish_reason: 'length' }),
    'thought_out',
  ],
  [
    'an open thinking tag, ended at the cap',
    ok({ content: '<thinking>hm' }, { finish_reason: 'length' }),
    'thought_out',
  ],
  [
    'an open analysis tag, ended at the cap',
    ok({ content: '<analysis>hm' }, { finish_reason: 'length' }),
    'thought_out',
  ],
  [
    'an answer after its thinking, ended at the cap',
    ok({ content: '<think>hm</think>{"a"' }, { finish_reason: 'length' }),
    'cut_off',
  ],
  ['an answer, ended at the cap', ok({ content: '{"a"' }, { finish_reason: 'length' }), 'cut_off'],
  // Twice the cap would do for this answer, and the next one would be cut off again: what takes the room is the thinking.
  [
    'an answer after much reasoning apart, ended at the cap',
    ok({ content: '{"a"', reasoning_content: 'hm '.repeat(99) }, { finish_reason: 'length' }),
    'thought_out',
  ],
  [
    'an answer after much thinking, ended at the cap',
    ok({ content: `<think>${'hm '.repeat(99)}</think>{"a"` }, { finish_reason: 'length' }),
    'thought_out',
  ],
  [
    'an answer after many counted tokens of reasoning, ended at the cap',
    ok({ content: '{"a"' }, { finish_reason: 'length' }, { usage: counted(1_000, 700) }),
    'thought_out',
  ],
  [
    'an answer after few counted tokens of reasoning, ended at the cap',
    ok({ content: '{"a"', reasoning: 'hm '.repeat(99) }, { finish_reason: 'length' }, { usage: counted(1_000, 100) }),
    'cut_off',
  ],
  ['an empty answer', ok({ content: '' }), 'unusable_answer'],
  ['a filter by another name', ok({ content: '' }, { finish_reason: 'SAFETY' }), 'content_filter'],
]
test.each(completions)('under 200: %s', (_name, body, expected) => {
  const read = classifyCompletion(body)
  expect(read.ok ? read.content.match(/\{.*\}/)?.[0] : read.failure.code).toBe(expected)
})

const nested = '['.repeat(100_000) + ']'.repeat(100_000)
test.each([
  ['an error', `{"error":${nested}`],
  ['an error of a choice', `{"choices":[{"error":{"code":${nested}}}]`],
  ['an answer', `{"choices":[{"message":{"content":"","parsed":${nested}}}]`],
])('%s that is nested too deeply to be read is no completion, and its bill is known', (_name, json) => {
  const body: unknown = JSON.parse(`${json},"usage":{"prompt_tokens":1,"completion_tokens":2}}`)
  expect(classifyCompletion(body)).toMatchObject({ failure: { code: 'no_completion' }, usage: { totalTokens: 3 } })
})
