/** The answer's JSON schema: checks what strict mode accepts, and brings an answer into the schema's shape. */

type Schema = Record<string, unknown>

const isObject = (value: unknown): value is Schema =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Keywords that strict mode does not take (OpenAI, "Supported schemas"). */
const FORBIDDEN = (
  'allOf oneOf not if then else dependentRequired dependentSchemas patternProperties propertyNames minProperties ' +
  'maxProperties unevaluatedProperties contains uniqueItems minLength maxLength default'
).split(' ')

const show = (path: readonly string[]) =>
  path.length === 1 ? `('${path[0] ?? ''}',)` : `(${path.map((part) => `'${part}'`).join(', ')})`

function objectProblem(schema: Schema, context: string): string | null {
  const names = isObject(schema['properties']) ? Object.keys(schema['properties']) : []
  const required = Array.isArray(schema['required']) ? schema['required'] : []
  if (schema['additionalProperties'] !== false) {
    return `${context} 'additionalProperties' is required to be supplied and to be false.`
  }
  const missing = names.find((name) => !required.includes(name))
  if (missing === undefined) return null
  return `${context} 'required' is required to be supplied and to be an array including every key in properties. Missing '${missing}'.`
}

function children(schema: Schema): [string[], unknown][] {
  const named = ['properties', '$defs', 'definitions'].flatMap((group) =>
    isObject(schema[group])
      ? Object.entries(schema[group]).map(([name, child]) => [[group, name], child] as const)
      : [],
  )
  const variants = Array.isArray(schema['anyOf']) ? schema['anyOf'] : []
  return [
    ...named.map(([path, child]): [string[], unknown] => [[...path], child]),
    ...variants.map((child, index): [string[], unknown] => [['anyOf', String(index)], child]),
    ...(schema['items'] === undefined ? [] : [[['items'], schema['items']] as [string[], unknown]]),
  ]
}

function problemAt(schema: unknown, path: readonly string[]): string | null {
  const context = `In context=${show(path)},`
  if (!isObject(schema)) return `${context} schema must be an object.`
  const forbidden = FORBIDDEN.find((keyword) => keyword in schema)
  if (forbidden !== undefined) return `${context} '${forbidden}' is not permitted.`
  if (!('type' in schema || 'anyOf' in schema || '$ref' in schema || 'enum' in schema || 'const' in schema)) {
    return `${context} schema must have a 'type' key.`
  }
  const own = schema['type'] === 'object' ? objectProblem(schema, context) : null
  if (own !== null) return own
  for (const [step, child] of children(schema)) {
    const problem = problemAt(child, [...path, ...step])
    if (problem !== null) return problem
  }
  return null
}

/** @returns what strict mode does not accept in this schema, in OpenAI's words, or null */
export function strictProblem(schema: unknown): string | null {
  if (!isObject(schema) || schema['type'] !== 'object') {
    return `schema must be a JSON Schema of 'type: "object"', got 'type: "${isObject(schema) ? String(schema['type']) : 'None'}"'.`
  }
  return problemAt(schema, [])
}

function resolve(schema: unknown, root: Schema): Schema {
  if (!isObject(schema)) return {}
  const target = schema['$ref']
  if (typeof target === 'string' && target.startsWith('#')) {
    let found: unknown = root
    for (const step of target.split('/').slice(1)) found = isObject(found) ? found[step] : undefined
    return isObject(found) ? found : {}
  }
  const variants = schema['anyOf']
  return Array.isArray(variants) ? resolve(variants[0], root) : schema
}

const bound = (schema: Schema, name: string, fallback: number) =>
  typeof schema[name] === 'number' ? schema[name] : fallback

function conformNumber(schema: Schema, value: unknown): number {
  const number = typeof value === 'number' ? value : 0
  const inRange = Math.min(Math.max(number, bound(schema, 'minimum', number)), bound(schema, 'maximum', number))
  return schema['type'] === 'integer' ? Math.round(inRange) : inRange
}

function conformArray(schema: Schema, value: unknown, root: Schema): unknown[] {
  const given = Array.isArray(value) ? value.slice(0, bound(schema, 'maxItems', value.length)) : []
  const padded = [...given, ...Array.from({ length: Math.max(0, bound(schema, 'minItems', 0) - given.length) })]
  return padded.map((item) => conform(schema['items'], item, root))
}

/**
 * Brings a value into a schema's shape, in the schema's order of keys. Keys that the schema does not name are left out; missing ones get
 * the simplest value that fits.
 */
export function conform(node: unknown, value: unknown, root: Schema = isObject(node) ? node : {}): unknown {
  const schema = resolve(node, root)
  if ('const' in schema) return schema['const']
  if (Array.isArray(schema['enum'])) {
    const options: unknown[] = schema['enum']
    return options.includes(value) ? value : options[0]
  }
  const type: unknown = Array.isArray(schema['type']) ? schema['type'][0] : schema['type']
  if (type === 'object') {
    const properties = isObject(schema['properties']) ? schema['properties'] : {}
    const given = isObject(value) ? value : {}
    return Object.fromEntries(
      Object.entries(properties).map(([name, child]) => [name, conform(child, given[name], root)]),
    )
  }
  if (type === 'array') return conformArray(schema, value, root)
  if (type === 'integer' || type === 'number') return conformNumber(schema, value)
  if (type === 'boolean') return value === true
  if (type === 'null') return null
  return typeof value === 'string' ? value : ''
}
