/** The tools say how they are called, and start nothing for arguments that they do not know. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')
const TOOLS = {
  services: 'tools/services/main.ts',
  dev: 'tools/dev/main.ts',
  simulate: 'test/simulation/main.ts',
  chaos: 'test/chaos/main.ts',
  example: 'examples/loop/main.ts',
} as const
const usageOf = (name: string) => new RegExp(`^usage: npm run ${name}\\b`, 'm')

function call(name: keyof typeof TOOLS, ...args: string[]) {
  const file = join(ROOT, TOOLS[name])
  const { status, stdout, stderr } = spawnSync(process.execPath, [file, ...args], { encoding: 'utf8', timeout: 20_000 })
  return { status, stdout, stderr }
}

test.each(['services', 'dev', 'simulate', 'chaos', 'example'] as const)(
  '%s --help is its usage, and no error',
  (name) => {
    const { status, stdout, stderr } = call(name, '--help')
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(stdout).toMatch(usageOf(name))
  },
)

test.each([
  ['services', ['--port', '1'], "Unknown option '--port'"],
  ['dev', ['kafka'], "Unexpected argument 'kafka'"],
  ['example', ['--serve', '--mock', '--port', 'x'], '--port must be a whole number from 1 to 65535'],
  ['example', ['--server'], "Unknown option '--server'"],
  ['simulate', ['--lives', 'many'], '--lives must be a whole number of 1 or more'],
  ['simulate', ['--seed', 'x'], '--seed must be a whole number of 0 or more'],
  ['chaos', ['--minute', '5'], "Unknown option '--minute'"],
  ['chaos', ['--brokers', '2'], '--brokers must be 1 or 3'],
  ['chaos', ['--minutes', 'x'], '--minutes must be a number above 0'],
] as const)('%s %j: what is wrong, then the usage', (name, args, problem) => {
  const { status, stdout, stderr } = call(name, ...args)
  expect({ status, stdout }).toEqual({ status: 64, stdout: '' })
  expect(stderr).toContain(problem)
  expect(stderr).toMatch(usageOf(name))
  expect(stderr).not.toContain('    at ')
})
