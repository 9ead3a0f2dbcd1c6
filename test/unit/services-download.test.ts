import { expect, test } from 'vitest'
import { downloadTrouble } from '../../tools/services/download.ts'

test.each([
  ['java.io.IOException: No space left on device', /the disk is full/],
  ['Could not transfer artifact: Unknown host repo.maven.apache.org', /behind a proxy, name it in/],
  ['Connect to repo.maven.apache.org:443 failed: Connection refused', /behind a proxy, name it in/],
  ['status code: 407, reason phrase: Proxy Authentication Required', /behind a proxy, name it in/],
  ['PKIX path building failed', /the certificate is not trusted/],
  ['something else', /^Maven could not download: something else$/],
])('a download that fails says in one sentence what to do: %s', (said, expected) => {
  expect(downloadTrouble(said)).toMatch(expected)
  expect(downloadTrouble(said)).not.toContain('\n')
})
