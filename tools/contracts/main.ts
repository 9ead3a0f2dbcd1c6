/** `npm run contracts`: writes the JSON Schemas and the AsyncAPI document of docs/contract/ from the zod schemas. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { contractDocuments } from './documents.ts'

const directory = fileURLToPath(new URL('../../docs/contract/', import.meta.url))
mkdirSync(directory, { recursive: true })
const documents = contractDocuments()
for (const old of readdirSync(directory)) {
  if (old.endsWith('.json') && !documents.has(old)) rmSync(`${directory}${old}`)
}
for (const [name, text] of documents) writeFileSync(`${directory}${name}`, text)
console.log(`wrote ${documents.size} files to docs/contract/`)
