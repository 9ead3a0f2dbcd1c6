import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { drawSession } from '../../tools/demo/svg.ts'

const lines = [
  { text: 'starting <Kafka> & Redis', atMs: 100 },
  { text: 'SIGKILL to worker 1', atMs: 60_000 },
  { text: '', atMs: 60_001 },
  { text: 'The audit is clean', atMs: 60_500 },
]

test('a session is drawn line by line, in its time, with long waits cut short', () => {
  const svg = drawSession('npm run demo', lines)
  const drawn = [...svg.matchAll(/<text .*class="(.*)" style="animation-delay:(.*)s">(.*)<\/text>/g)]
  expect(drawn.map(([, kind, delay, text]) => [kind, delay, text])).toEqual([
    ['prompt', '0.00', '$ npm run demo'],
    ['plain', '0.10', 'starting &lt;Kafka&gt; &amp; Redis'],
    ['bad', '1.30', 'SIGKILL to worker 1'],
    ['good', '1.80', 'The audit is clean'],
  ])
})

test('the picture in the repository is of a clean run, and names no machine', () => {
  const svg = readFileSync('docs/demo.svg', 'utf8')
  expect(svg).toContain('The audit is clean')
  expect(svg).toContain('SIGKILL to worker 1')
  expect(svg).not.toMatch(/\/(home|root|tmp|work|Users)\//)
})
