/** `send` and what all commands share, as child processes on a real Kafka and Redis. */
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, inject, onTestFinished, test } from 'vitest'
import { runCommand, startCommand } from '../support/command.ts'
import { startTcpProxy } from '../support/tcp-proxy.ts'
import { waitUntil } from '../support/wait.ts'
import { idIn } from '../support/world.ts'
import { world, worldOfTheFile } from '../support/worlds.ts'

worldOfTheFile({ stub: { latencyMs: 5 } })
const dir = mkdtempSync(join(tmpdir(), 'cli-send-'))
const file = (name: string, text: string) => {
  writeFileSync(join(dir, name), text)
  return join(dir, name)
}
const resume = file('resume.txt', 'Пять лет пишу на TypeScript. Работал с Kafka.')
const requirements = file('requirements.txt', 'TypeScript; Kafka; Redis')
const texts = ['--resume', resume, '--requirements', requirements]

describe('send', () => {
  test('says that nothing came when no worker runs, and where to look', async () => {
    const { code, out } = await runCommand(world.env, 'send', ...texts, '--timeout', '1', '--processing-id', '11')
    expect(out).toContain('nothing came within 1s')
    expect(out).toContain('npm run inspect -- 11')
    expect(code).toBe(3)
  })

  test('stops waiting at once when it is interrupted', async () => {
    const { child, ended } = startCommand(world.env, 'send', ...texts, '--timeout', '600')
    onTestFinished(() => void child.kill('SIGKILL'))
    await once(child.stdout, 'data')
    const sinceMs = performance.now()
    child.kill('SIGINT')
    const { code, out, err } = await ended
    expect(code).toBe(130)
    expect(err).toBe('send was stopped\n')
    expect(out).toMatch(/it goes on without this command; where it stands: npm run inspect -- \d+\n$/)
    expect(performance.now() - sinceMs).toBeLessThan(10_000)
  })

  test('says of several what they wait for, and when it is interrupted, that they go on and how to look', async () => {
    const path = file('waiting.jsonl', '{"processing_id":21,"resume":"Go"}\n{"processing_id":22,"resume":"Go"}\n')
    const { child, ended } = startCommand(world.env, 'send', '--requests', path, '--requirements', requirements)
    onTestFinished(() => void child.kill('SIGKILL'))
    child.stdout.on('data', (chunk: Buffer) => {
      if (chunk.includes('0 of 2 done; 2 wait for a worker: none is alive')) child.kill('SIGINT')
    })
    const { code, out } = await ended
    expect(out).toContain('2 requests go on without this command')
    expect(out).toContain(`  ${path}:2: npm run inspect -- 22`)
    expect(code).toBe(130)
  })

  test('says once that Redis is away, and goes on telling what it waits for when Redis is back', async () => {
    const { hostname, port } = new URL(inject('redisUrl'))
    const proxy = await startTcpProxy({ to: { host: hostname, port: Number(port) } })
    onTestFinished(() => proxy.stop())
    const env = { ...world.env, REDIS_HOST: '127.0.0.1', REDIS_PORT: `${proxy.port}` }
    const { child, ended } = startCommand(env, 'send', ...texts, '--timeout', '600')
    onTestFinished(() => void child.kill('SIGKILL'))
    let out = ''
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
    const says = (text: RegExp) =>
      waitUntil(
        () => text.test(out),
        60_000,
        () => `it said only: ${out}`,
      )
    await says(/it waits for a worker/)
    proxy.cut()
    await says(/Redis at 127\.0\.0\.1:\d+ does not answer: /)
    // Long enough for it to look again, and fail again.
    await sleep(8_000)
    proxy.heal()
    await says(/does not answer[^]*it waits for a worker/)
    child.kill('SIGINT')
    await ended
    expect(out.match(/does not answer/g)).toHaveLength(1)
  }, 180_000)

  test('shows the result of a request with the largest id there is, to the last digit', async () => {
    world.start()
    const id = '9223372036854775807'
    const { code, out, err } = await runCommand(world.env, 'send', ...texts, '--processing-id', id, '--json')
    expect(err).toBe('')
    const document = JSON.parse(out) as { outcome: string; notification: { response: { verdict: string } } }
    expect(document.outcome).toBe('success')
    expect(document.notification.response.verdict).toBe('Не подходит')
    expect(idIn(out)).toBe(id)
    expect(code).toBe(0)
  })

  test('makes up ids that are not used twice, and tells people score, verdict, matches and recommendation', async () => {
    const ran = await Promise.all([1, 2].map(() => runCommand(world.env, 'send', ...texts)))
    for (const { code, out } of ran) {
      expect(out).toMatch(/^\d+ of 100: Не подходит$/m)
      expect(out).toMatch(/matches:\n {2}TypeScript/)
      expect(out).toContain('recommendation: ')
      expect(code).toBe(0)
    }
    const ids = ran.map(({ out }) => /^sent (\d+) to/.exec(out)?.[1])
    expect(new Set(ids).size).toBe(2)
  })

  test('ends with 2 when the answer is a failure, and tells it', async () => {
    const declined = file('declined.txt', 'Пишу на TypeScript. [[stub:refusal]]')
    const { code, out } = await runCommand(world.env, 'send', '--resume', declined, '--requirements', requirements)
    expect(out).toContain('failure: Модель отказалась оценивать это резюме.')
    expect(code).toBe(2)
  })

  test('sends all files of a directory, tells each result, and names what it cannot send', async () => {
    const many = join(dir, 'many')
    mkdirSync(many)
    for (const name of ['a.txt', 'b.txt']) writeFileSync(join(many, name), `Пишу на TypeScript, файл ${name}`)
    writeFileSync(join(many, 'empty.txt'), '')
    const { code, out } = await runCommand(world.env, 'send', '--resume', many, '--requirements', requirements)
    expect(out).toContain(`not sent: ${join(many, 'empty.txt')}: it is empty`)
    for (const name of ['a.txt', 'b.txt']) expect(out).toContain(`${join(many, name)}: `)
    expect(out).toMatch(/\[2\/2\] .* of 100: Не подходит$/m)
    expect(out).toMatch(/2 requests: 2 scored, 0 failed, 0 refused, 0 without a result; 1 not sent\n$/)
    expect(code).toBe(1)
  })

  test('sends each line of a file, under the ids that it has', async () => {
    const path = file(
      'requests.jsonl',
      '{"processing_id":901,"resume":"Go"}\n{"resume":"Пишу на Go [[stub:refusal]]"}\n',
    )
    const { code, out } = await runCommand(
      world.env,
      'send',
      '--requests',
      path,
      '--requirements',
      requirements,
      '--json',
    )
    const { results, notSent } = JSON.parse(out) as {
      results: { from: string; processingId: number; outcome: string }[]
      notSent: unknown[]
    }
    expect(results.find(({ from }) => from === `${path}:1`)).toMatchObject({ processingId: 901, outcome: 'success' })
    expect(results.find(({ from }) => from === `${path}:2`)).toMatchObject({ outcome: 'failure' })
    expect(notSent).toEqual([])
    expect(code).toBe(2)
  })
})
