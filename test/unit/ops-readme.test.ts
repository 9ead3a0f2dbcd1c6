/** ops/README.md names alerts, commands, files and settings: each must exist, so that it does not mislead at night. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { settingNames } from '../../src/config.ts'

const ROOT = join(import.meta.dirname, '../..')
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')
const guide = read('ops/README.md')

test('every alert is explained, and none that there is not', () => {
  const alerts = [...read('ops/alerts.yml').matchAll(/- alert: (\w+)/g)].map(([, name]) => name)
  const explained = [...guide.matchAll(/^\| (ResumeScoring\w+)/gm)].map(([, name]) => name)
  expect(alerts.length).toBeGreaterThan(10)
  expect(explained).toEqual(alerts)
})

test('every command, file and setting that it names is there', () => {
  const { scripts } = JSON.parse(read('package.json')) as { scripts: Record<string, string> }
  const commands = [...guide.matchAll(/`(?:\w+=\w+ resume-scoring-worker )?([a-z-]+)(?: --?[\w-]+| ID)/g)].map(
    ([, name]) => name,
  )
  expect(new Set(commands)).toContain('adopt-offsets')
  expect(commands.filter((name) => scripts[name ?? ''] === undefined)).toEqual([])
  const links = [...guide.matchAll(/\]\((?!http)([^)#]+)\)/g)].map(([, path]) => join('ops', path ?? ''))
  const files = [...guide.matchAll(/`((?:test|src)\/[\w./-]+)`/g)].map(([, path]) => path ?? '')
  expect([...links, ...files].filter((path) => !existsSync(join(ROOT, path)))).toEqual([])
  const settings = [...guide.matchAll(/`((?:KAFKA|REDIS|OPENAI|BUDGET|LOG|OPS|MAX|PROCESSED|RESULT)_[A-Z_]+)/g)]
  expect(settings.map(([, name]) => name ?? '').filter((name) => !settingNames.includes(name))).toEqual([])
})
