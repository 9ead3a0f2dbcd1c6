/** Lines for people fit a narrow terminal. */
import { expect, test } from 'vitest'
import { runCommand, widthOf } from '../../src/cli/commands.ts'
import { paragraphs, wrapped } from '../../src/lib/wrap.ts'
import { AWAY, context } from './command-runs.ts'

test.each([
  ['a short line stays as it is,  blanks and all', 60, ['a short line stays as it is,  blanks and all']],
  ['one two three four', 10, ['one two', '  three', '  four']],
  ['  indented words go on', 14, ['  indented', '    words go', '    on']],
  ['ok    Kafka  the last column goes on', 30, ['ok    Kafka  the last column', '             goes on']],
  ['columns too far right for the rest  end of it', 36, ['columns too far right for the rest', '  end of it']],
  ['undo it with `npm run forget -- 1` now', 26, ['undo it with', '  `npm run forget -- 1`', '  now']],
  ['tabs\tand\u00a0others still divide words', 20, ['tabs\tand\u00a0others', '  still divide words']],
  ['averyverylongword and more', 8, ['averyverylongword', '  and', '  more']],
])('%j at %d columns', (line, width, lines) => expect(wrapped(line, width)).toEqual(lines))

const LONG = 200_000
test.each([
  ['a word', 'x'.repeat(LONG)],
  ['white space at the end', `x${' \t'.repeat(LONG / 2)}`],
  ['white space within', `x${' '.repeat(LONG)}y`],
  ['words after an indent', `${' '.repeat(LONG)}${'word '.repeat(1_000)}`],
  ['single letters', 'x '.repeat(LONG / 2)],
  ['columns', 'x  '.repeat(LONG / 3)],
  ['backticks', '`'.repeat(LONG + 1)],
  ['backticks that are not closed', 'x` '.repeat(LONG / 3)],
])('a line with very long %s is broken soon, into hardly more than it holds', (_name, line) => {
  const since = process.threadCpuUsage()
  const lines = wrapped(line, 60)
  const { user, system } = process.threadCpuUsage(since)
  expect((user + system) / 1_000, 'ms of this thread').toBeLessThan(1_000)
  expect(lines.join('').replace(/\s/g, '')).toBe(line.replace(/\s/g, ''))
  expect(lines.reduce((sum, { length }) => sum + length, 0)).toBeLessThan(3 * LONG)
})

test('a terminal of 0 columns is one of unknown width, and no output without a terminal has a width', () => {
  expect(widthOf({ isTTY: true, columns: 0 })).toBe(60)
  expect(widthOf({ isTTY: true, columns: 100 })).toBe(100)
  expect(widthOf({ isTTY: false })).toBe(Infinity)
})

test('a paragraph is put together, options and headings stay apart', () => {
  const usage = ['usage: x', '  Says one', '  and two.', '  --all  takes', '         all', '  example: npm run x']
  expect(paragraphs(usage)).toEqual(['usage: x', '  Says one and two.', '  --all  takes all', '  example: npm run x'])
})

const COMMANDS = [
  'send',
  'validate',
  'doctor',
  'status',
  'inspect',
  'explain',
  'redecide',
  'evaluate',
  'pause',
  'resume',
]
const MORE = ['forget', 'adopt-offsets', 'replay-dead-letters']

async function shown(env: Record<string, string>, name: string, ...args: string[]): Promise<string[]> {
  const { out, err, signal, print, complain } = context([])
  await runCommand(name, args, env, signal, { print, complain })
  return [...out, ...err].join('\n').split('\n')
}

test.each([[['--help']], [['comand']], ...[...COMMANDS, ...MORE].map((name) => [[name, '--help']])])(
  '%j fits 60 columns, and any other width that COLUMNS names',
  async ([name = '', ...args]) => {
    for (const COLUMNS of ['60', '200']) {
      const lines = await shown({ COLUMNS }, name, ...args)
      expect(lines.filter(({ length }) => length > Number(COLUMNS))).toEqual([])
    }
  },
)

test('what status says of services that are away fits, and its JSON stays one line', async () => {
  const env = { ...AWAY, COLUMNS: '60' }
  const lines = await shown(env, 'status')
  expect(lines.length).toBeGreaterThan(2)
  expect(lines.filter(({ length }) => length > 60)).toEqual([])
  expect(await shown(env, 'status', '--json')).toHaveLength(1)
})
