/** What a producer or consumer in TypeScript installs: `resume-scoring-worker/contracts`, compiled, in a project of its own. */
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'

const project = mkdtempSync(join(tmpdir(), 'contract-package-'))
const tsc = resolve('node_modules/.bin/tsc')

const CONSUMER = `
import { encodeRequest, notificationSchema, parseNotification, REQUEST_KEY } from 'resume-scoring-worker/contracts'
import type { Notification, Request } from 'resume-scoring-worker/contracts'

const request: Request = {
  callback_url: 'https://example.com/', processing_id: 9223372036854775807n, user_id: 1n, resume_id: 2n,
  requirements_id: 3n, requirements: 'Kafka', resume: 'Kafka',
}
const told: Notification = parseNotification(
  '{"success":false,"response":' + encodeRequest(request) + ',"message_error":"x","wait_seconds":5}',
)
if (told.success) throw new Error(String(told.response.score satisfies number))
const wait: number | null = told.wait_seconds
console.log(REQUEST_KEY, told.response.processing_id satisfies bigint, wait, typeof notificationSchema)
`

beforeAll(() => {
  const installed = join(project, 'node_modules/resume-scoring-worker')
  mkdirSync(installed, { recursive: true })
  // As `npm run build` does, but only this entry and what it imports.
  const build = { extends: resolve('tsconfig.build.json'), include: [], files: [resolve('src/schemas.ts')] }
  const config = join(project, 'tsconfig.build.json')
  writeFileSync(config, JSON.stringify(build))
  const types = ['--typeRoots', resolve('node_modules/@types')]
  execFileSync(tsc, ['-p', config, '--rootDir', 'src', '--outDir', join(installed, 'dist'), ...types])
  cpSync('package.json', join(installed, 'package.json'))
  symlinkSync(resolve('node_modules/zod'), join(project, 'node_modules/zod'))
  writeFileSync(join(project, 'package.json'), '{"type":"module"}')
})

afterAll(() => rmSync(project, { recursive: true }))

/** @returns what the compiler says of the file; empty when nothing is wrong */
function compile(file: string, source: string): string {
  writeFileSync(join(project, file), source)
  const compilerOptions = {
    strict: true,
    target: 'esnext',
    lib: ['esnext', 'dom'],
    module: 'nodenext',
    types: [],
    noEmit: true,
  }
  writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: [file] }))
  return spawnSync(tsc, { cwd: project, encoding: 'utf8' }).stdout
}

test('gives types and running code', () => {
  expect(compile('consumer.ts', CONSUMER)).toBe('')
  const said = execFileSync(process.execPath, ['consumer.ts'], { cwd: project, encoding: 'utf8' })
  expect(said.trim()).toBe('new_request 9223372036854775807n 5 object')
})

test('refuses an id that is no bigint at compile time', () => {
  const wrong =
    "import type { Request } from 'resume-scoring-worker/contracts'\nexport const id: Request['user_id'] = 5\n"
  expect(compile('wrong.ts', wrong)).toContain("Type 'number' is not assignable to type 'bigint'")
})
