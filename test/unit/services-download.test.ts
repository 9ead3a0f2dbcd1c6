import { existsSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { downloadTrouble, kafkaJars } from '../../tools/services/download.ts'

test.each([
  ['java.io.IOException: No space left on device', /the disk is full/],
  ['Could not transfer artifact: Unknown host repo.maven.apache.org', /behind a proxy, name it in/],
  ['Connect to repo.maven.apache.org:443 failed: Connection refused', /behind a proxy, name it in/],
  ['status code: 407, reason phrase: Proxy Authentication Required', /behind a proxy, name it in/],
  // What Maven says of no network at all, when it has never downloaded anything.
  [
    "\u001B[0m[ERROR] No plugin found for prefix 'dependency' in the current project and in the plugin groups [org.apache.maven.plugins] available from the repositories [local (/home/someone/.m2), central (https://repo.maven.apache.org/maven2)] -> [Help 1]\n[ERROR] \n[ERROR] Re-run Maven using the -X switch",
    /behind a proxy, name it in .*HTTPS_PROXY/,
  ],
  ['PKIX path building failed', /the certificate is not trusted/],
  ['something else', /^Maven could not download: something else$/],
  ['\u001B[0m[ERROR] A riddle -> [Help 1]\n[ERROR] \n[ERROR] Re-run Maven', /^Maven could not download: A riddle$/],
])('a download that fails says in one sentence what to do: %s', (said, expected) => {
  expect(downloadTrouble(said)).toMatch(expected)
  expect(downloadTrouble(said)).not.toContain('\n')
})

/** Stands for Maven: it writes the half of a file, and hangs until `goOn` has been called. */
function slowMaven() {
  const dir = mkdtempSync(join(tmpdir(), 'slow-maven-'))
  const script = `#!/bin/sh
for arg in "$@"; do case $arg in -DoutputDirectory=*) target=\${arg#*=};; esac; done
printf half > "$target/kafka.jar"
[ -e "${dir}/on" ] || exec sleep 600
printf ' and half' >> "$target/kafka.jar"
`
  writeFileSync(join(dir, 'mvn'), script, { mode: 0o755 })
  onTestFinished(() => void vi.unstubAllEnvs())
  vi.stubEnv('PATH', `${dir}:${process.env['PATH']}`)
  return { cacheDir: join(dir, 'cache'), goOn: () => writeFileSync(join(dir, 'on'), '') }
}

test('a download that is stopped leaves nothing, and the next run has all of it', async () => {
  const { cacheDir, goOn } = slowMaven()
  const stop = new AbortController()
  const downloads = { cacheDir, say: () => {}, signal: stop.signal }
  const stopped = kafkaJars('1.2.3', downloads)
  const halves = () =>
    (existsSync(cacheDir) ? readdirSync(cacheDir, { recursive: true }) : []).filter((name) =>
      String(name).endsWith('.jar'),
    )
  await expect.poll(halves, { timeout: 10_000 }).toHaveLength(1)
  const reason = new Error('Ctrl-C')
  stop.abort(reason)
  await expect(stopped).rejects.toBe(reason)
  expect(readdirSync(cacheDir)).toEqual([])
  goOn()
  const jars = await kafkaJars('1.2.3', { ...downloads, signal: new AbortController().signal })
  expect(readFileSync(join(jars, 'kafka.jar'), 'utf8')).toBe('half and half')
})
