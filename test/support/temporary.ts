/** One directory for all that a run of tests makes in the system's directory for temporary files, so that nothing stays behind. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** `os.tmpdir()` of this process and its children gives the new directory from now on. @returns a function that removes it */
export function ownTemporary(): () => void {
  const own = mkdtempSync(join(tmpdir(), 'tests-'))
  process.env['TMPDIR'] = own
  return () => rmSync(own, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
}

/** For vitest, which calls the returned function after the last test. */
export default ownTemporary
