/** The generated files of docs/contract/. */
import { stringifyExact } from '../../src/lib/json.ts'
import { asyncApi } from './asyncapi.ts'
import { jsonSchemas } from './json-schemas.ts'

/** @returns the text of each file, by its name */
export function contractDocuments(): Map<string, string> {
  const schemas = jsonSchemas()
  return new Map([
    ['asyncapi.json', pretty(asyncApi(schemas))],
    ...Object.entries(schemas).map(([name, schema]): [string, string] => [`${name}.schema.json`, pretty(schema)]),
  ])
}

const pretty = (value: unknown) => `${stringifyExact(value, 2)}\n`
