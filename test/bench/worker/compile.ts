/**
 * Compiles what is measured, as in production: when Node strips the types itself, that takes some 25 MB, and time for each file that is
 * loaded.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '../../..')
const OUT = join(ROOT, 'dist/bench')

/** The files to run, once `compile` has made them. */
export const COMPILED = {
  main: join(OUT, 'src/main.js'),
  bare: join(OUT, 'test/bench/worker/bare.js'),
  probe: join(OUT, 'test/bench/worker/probe.js'),
}

/** Compiles the worker, the bare loop and the probe. @throws Error when the compiler finds a fault */
export function compile(): void {
  rmSync(OUT, { recursive: true, force: true })
  const project = join(ROOT, 'test/bench/tsconfig.json')
  execFileSync(join(ROOT, 'node_modules/.bin/tsc'), ['-p', project], { cwd: ROOT, stdio: 'inherit' })
  // The version is read from it.
  cpSync(join(ROOT, 'package.json'), join(OUT, 'package.json'))
  cpSync(join(ROOT, 'src'), join(OUT, 'src'), { recursive: true, filter: (source) => !/\.(ts|md)$/.test(source) })
}
