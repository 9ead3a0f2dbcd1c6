/** ops/ names metrics: renaming a metric must not silence an alert. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { createMetrics } from '../../src/ops/metrics.ts'

const OPS = join(import.meta.dirname, '../../ops')
const read = (name: string) => readFileSync(join(OPS, name), 'utf8')
const hasPromtool = spawnSync('promtool', ['--version']).status === 0
const run = (args: string[]) => execFileSync('promtool', args, { cwd: OPS, encoding: 'utf8' })

interface Panel {
  title: string
  targets?: { expr: string }[]
}
const dashboard = JSON.parse(read('grafana-dashboard.json')) as { panels: Panel[] }
const expressions = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))

/** Every metric's name, as the HELP lines tell it. */
async function names(): Promise<Set<string>> {
  const rendered = await createMetrics({ process: true, info: { version: '1' } }).render()
  return new Set([...rendered.matchAll(/^# HELP (\w+)/gm)].map(([, name]) => name ?? ''))
}

const used = (text: string) => [...new Set(text.match(/\b(resume_scoring|nodejs|process)_[a-z\d_]+/g) ?? [])]

test.each([
  ['alerts.yml', 10],
  ['alerts.test.yml', 5],
  ['grafana-dashboard.json', 20],
])('%s names only metrics that there are', async (file, atLeast) => {
  const known = await names()
  const found = used(read(file))
  expect(found.length).toBeGreaterThan(atLeast)
  const unknown = found.filter((name) => !known.has(name) && !known.has(name.replace(/_(bucket|count|sum)$/, '')))
  expect(unknown).toEqual([])
})

test.each(['kubernetes.yml', 'kubernetes-command.yml'])('%s mounts the key where the settings look for it', (file) => {
  const directory = /OPENAI_KEY_FILE: (\S+)\/openai-key/.exec(read('kubernetes.yml'))?.[1] ?? 'none'
  expect(read(file)).toContain(`mountPath: ${directory}\n`)
  expect(read(file)).toContain('secretName: resume-scoring-worker-provider\n')
})

test('every alert says what it means and what to do', () => {
  const rules = read('alerts.yml').split('- alert: ').slice(1)
  expect(rules.length).toBeGreaterThan(8)
  for (const rule of rules) {
    for (const part of ['severity:', 'summary:', 'description:', 'runbook:']) expect(rule).toContain(part)
  }
})

test('every panel of the dashboard shows something', () => {
  const empty = dashboard.panels.filter((panel) => panel.targets?.length === 0)
  expect(empty).toEqual([])
  expect(expressions.length).toBeGreaterThan(25)
})

describe.runIf(hasPromtool)('by the measure of promtool', () => {
  test('the alerts are rules, and fire when they should', () => {
    expect(run(['check', 'rules', 'alerts.yml'])).toContain('SUCCESS')
    expect(run(['test', 'rules', 'alerts.test.yml'])).toContain('SUCCESS')
  })

  test("the dashboard's expressions are PromQL", () => {
    const dir = mkdtempSync(join(tmpdir(), 'dashboard-'))
    try {
      const rules = expressions.map((expr, index) => ({
        record: `panel:${index}`,
        expr: expr.replaceAll('$__rate_interval', '5m').replaceAll('$instance', '.*'),
      }))
      // JSON is YAML.
      writeFileSync(join(dir, 'rules.yml'), JSON.stringify({ groups: [{ name: 'dashboard', rules }] }))
      expect(run(['check', 'rules', join(dir, 'rules.yml')])).toContain(`${rules.length} rules found`)
    } finally {
      rmSync(dir, { recursive: true })
    }
  })

  test('the metrics are named as Prometheus asks', async () => {
    const metrics = createMetrics({ process: true, info: { version: '1' } })
    const result = spawnSync('promtool', ['check', 'metrics'], { input: await metrics.render(), encoding: 'utf8' })
    expect(result.stdout + result.stderr).toBe('')
  })
})
