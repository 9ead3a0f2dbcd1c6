import { readFileSync } from 'node:fs'

/** The package's version: in the log, in `status` and in the workers' heartbeats. */
export const VERSION = (
  JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
).version
