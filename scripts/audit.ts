/**
 * Asks the package registry for known vulnerabilities of what the worker runs on. Fails when it knows one; where no registry
 * answers (a mirror without advisories says 405) it says so in one clear line, and succeeds.
 */
import { execFile } from 'node:child_process'

const LIMIT_MS = 120_000
const COMMAND = ['audit', '--omit=dev', '--json', '--fetch-retries=0', '--fetch-timeout=30000']

interface Answer {
  metadata?: { vulnerabilities: Record<string, number> }
  vulnerabilities?: Record<string, { severity: string; range: string }>
  statusCode?: number
  message?: string
  error?: { code?: string; summary?: string }
}

const { stdout, failure } = await new Promise<{ stdout: string; failure: Error | null }>((resolve) => {
  execFile('npm', COMMAND, { timeout: LIMIT_MS }, (error, out) => resolve({ stdout: out, failure: error }))
})
const answer = parse(stdout)
if (answer.metadata === undefined) {
  const why =
    answer.statusCode ?? answer.error?.code ?? answer.message ?? failure?.message.split('\n')[0] ?? 'no answer'
  console.log(`audit: NOT DONE, no advisory source was reached (${why}): known vulnerabilities were not looked up`)
} else {
  const found = Object.entries(answer.vulnerabilities ?? {})
  for (const [name, { severity, range }] of found) console.log(`audit: ${severity}: ${name} ${range}`)
  console.log(`audit: ${found.length} of the worker's packages have known vulnerabilities`)
  process.exitCode = found.length === 0 ? 0 : 1
}

function parse(text: string): Answer {
  try {
    return JSON.parse(text) as Answer
  } catch {
    return {}
  }
}
