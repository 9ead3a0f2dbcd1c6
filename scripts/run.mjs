/**
 * `node scripts/run.mjs FILE ARGUMENTS` runs a TypeScript file of this checkout; without a file it only looks whether that is possible.
 * Plain JavaScript for any Node: before `npm ci` it may be an older one, which cannot even read the file that would say so.
 */
import { existsSync } from 'node:fs'
import process from 'node:process'
import { fileURLToPath } from 'node:url'

const NEEDED = 24

const [major = 0] = process.versions.node.split('.').map(Number)
const isInstalled = existsSync(new URL('../node_modules/dotenv', import.meta.url))
if (!isInstalled) end('the dependencies are not installed: run `npm ci` first')
if (major < NEEDED) {
  end(
    `Node ${NEEDED} is needed, and this is ${process.version}: \`npm ci\` brings one along on Linux (x64, arm64); elsewhere install it`,
  )
}

const [file, ...args] = process.argv.slice(2)
if (file !== undefined) {
  const url = new URL(`../${file}`, import.meta.url)
  // As if Node had been started with the file.
  process.argv.splice(1, Infinity, fileURLToPath(url), ...args)
  await import(url.href)
}

/** @param {string} why */
function end(why) {
  console.error(why)
  process.exit(1)
}
