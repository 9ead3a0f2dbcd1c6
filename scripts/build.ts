/** Compiles src/ into dist/ and copies beside the code what the compiler leaves behind: the Lua scripts. */
import { execFileSync } from 'node:child_process'
import { cpSync, rmSync } from 'node:fs'

rmSync('dist', { recursive: true, force: true })
execFileSync('node_modules/.bin/tsc', ['-p', 'tsconfig.build.json'], { stdio: 'inherit' })
cpSync('src', 'dist', { recursive: true, filter: (source) => !/\.(ts|md)$/.test(source) })
