/** Checks the files that settings name before anything is started. */
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createSecureContext } from 'node:tls'
import type { Config, TlsFiles } from './config.ts'
import { ConfigError } from './config.ts'

/**
 * Reads every file once. The parts that use the files read them again, the key file again and again, because the key may be rotated.
 * @throws ConfigError that names every setting whose file cannot be read, is empty or holds something else
 */
export function checkFiles({ kafka, redis, provider }: Pick<Config, 'kafka' | 'redis' | 'provider'>): void {
  const problems = [
    ...tlsProblems('KAFKA', kafka.tls),
    ...tlsProblems('REDIS', redis.tls),
    ...[readSetting('OPENAI_KEY_FILE', provider.keyFile)].flatMap(({ problem }) => problem ?? []),
  ]
  if (problems.length > 0) throw new ConfigError(problems)
}

function tlsProblems(service: 'KAFKA' | 'REDIS', files: TlsFiles | null): string[] {
  if (files === null) return []
  const name = (kind: 'CA' | 'CERT' | 'KEY') => `${service}_TLS_${kind}_FILE`
  const ca = readSetting(name('CA'), files.caFile)
  const cert = readSetting(name('CERT'), files.certFile)
  const key = readSetting(name('KEY'), files.keyFile)
  const unread = [ca, cert, key].flatMap(({ problem }) => problem ?? [])
  if (unread.length > 0) return unread
  const problems: string[] = []
  // createSecureContext() accepts any text as a CA and then trusts nobody.
  if (ca.text !== null && !parses(() => new X509Certificate(ca.text ?? ''))) {
    problems.push(`${name('CA')} must hold certificates in PEM format`)
  }
  if (cert.text === null || key.text === null) return problems
  const fits = (what: { cert?: string; key?: string }) => parses(() => createSecureContext(what))
  if (!fits({ cert: cert.text })) problems.push(`${name('CERT')} must hold a certificate in PEM format`)
  else if (!fits({ key: key.text })) problems.push(`${name('KEY')} must hold a key in PEM format without a passphrase`)
  else if (!fits({ cert: cert.text, key: key.text })) {
    problems.push(`${name('KEY')} must hold the key of the certificate in ${name('CERT')}`)
  }
  return problems
}

function parses(attempt: () => unknown): boolean {
  try {
    attempt()
    return true
  } catch {
    return false
  }
}

/** @returns the text of the file, null when the setting names none; or what is wrong with the file */
function readSetting(name: string, path: string | null): { text: string | null; problem?: string } {
  if (path === null) return { text: null }
  try {
    const text = readFileSync(path, 'utf8')
    return text.trim() === '' ? { text: null, problem: `${name} must name a file that is not empty` } : { text }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown'
    return { text: null, problem: `${name} must name a file that can be read (${code})` }
  }
}
