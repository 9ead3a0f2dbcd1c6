import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { ConfigError, loadConfig } from '../../src/config.ts'
import { checkFiles } from '../../src/setting-files.ts'
import { makeCertificate } from '../support/certificate.ts'

let dir: string
const file = (name: string) => join(dir, name)

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'files-'))
  for (const name of ['right', 'other']) {
    const { key, cert } = makeCertificate()
    writeFileSync(file(`${name}.key`), key)
    writeFileSync(file(`${name}.crt`), cert)
  }
  writeFileSync(file('empty'), ' \n')
  writeFileSync(file('text'), 'this is no certificate\n')
})
afterAll(() => rmSync(dir, { recursive: true }))

function problemsOf(env: Record<string, string>): readonly string[] {
  const config = loadConfig({ KAFKA_TLS: 'on', REDIS_TLS: 'on', ...env }, { needsKey: false })
  try {
    checkFiles(config)
    return []
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
}

const own = (service: string, cert: string, key: string) => ({
  [`${service}_TLS_CERT_FILE`]: file(cert),
  [`${service}_TLS_KEY_FILE`]: file(key),
})

test('a certificate with its key, and an authority, are in order', () => {
  expect(problemsOf({ ...own('KAFKA', 'right.crt', 'right.key'), KAFKA_TLS_CA_FILE: file('other.crt') })).toEqual([])
  expect(problemsOf(own('REDIS', 'right.crt', 'right.key'))).toEqual([])
})

test.each([
  ['KAFKA', 'missing', 'right.key', 'KAFKA_TLS_CERT_FILE must name a file that can be read (ENOENT)'],
  ['REDIS', 'right.crt', 'missing', 'REDIS_TLS_KEY_FILE must name a file that can be read (ENOENT)'],
  ['REDIS', 'empty', 'right.key', 'REDIS_TLS_CERT_FILE must name a file that is not empty'],
  ['KAFKA', 'text', 'right.key', 'KAFKA_TLS_CERT_FILE must hold a certificate in PEM format'],
  ['KAFKA', 'right.crt', 'text', 'KAFKA_TLS_KEY_FILE must hold a key in PEM format without a passphrase'],
  ['REDIS', 'right.crt', 'other.key', 'REDIS_TLS_KEY_FILE must hold the key of the certificate in REDIS_TLS_CERT_FILE'],
])('of %s, certificate %s and key %s: %s', (service, cert, key, problem) => {
  expect(problemsOf(own(service, cert, key))).toEqual([problem])
})

test('every file that is wrong is named at once', () => {
  const wrong = { REDIS_TLS_CA_FILE: file('text'), KAFKA_TLS_CA_FILE: file('missing'), OPENAI_KEY_FILE: file('empty') }
  expect(problemsOf(wrong)).toEqual([
    'KAFKA_TLS_CA_FILE must name a file that can be read (ENOENT)',
    'REDIS_TLS_CA_FILE must hold certificates in PEM format',
    'OPENAI_KEY_FILE must name a file that is not empty',
  ])
})
