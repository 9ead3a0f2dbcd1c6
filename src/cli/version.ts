import { readFileSync } from 'node:fs'

/** @returns the package's version */
export function readVersion(): string {
  // From src/cli and from dist/cli alike.
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
