/** The parts of kafkajs 2.2.4 that it does not export; mended.ts and the files that it applies change them in place. */
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)

/** @returns what the module at this path in kafkajs's `src` exports */
export const internal = (path: string): unknown => require(`kafkajs/src/${path}`)

/** @returns the prototype of the class that the module at this path exports */
export const prototypeOf = (path: string): unknown => (internal(path) as { prototype: unknown }).prototype

/**
 * Replaces what a module of kafkajs exports. Only modules that are loaded later get the replacement.
 * @throws Error when kafkajs does not load its modules through Node's cache
 */
export function replaceInternal(path: string, replacement: unknown): void {
  internal(path)
  const loaded = require.cache[require.resolve(`kafkajs/src/${path}`)]
  if (loaded === undefined) throw new Error(`kafkajs does not load ${path} through Node's cache of modules`)
  loaded.exports = replacement
}

/** @returns whether a module whose path contains this text is loaded */
export const isLoaded = (path: string): boolean => Object.keys(require.cache).some((each) => each.includes(path))

/** The version of kafkajs that is installed. */
export const installedVersion = (): string => (require('kafkajs/package.json') as { version: string }).version

/** Error codes of the Kafka protocol. */
export const CODES = { offsetOutOfRange: 1, leaderNotAvailable: 5, replicaNotAvailable: 9 }

/** The leader's id of a partition without a leader. */
export const NO_LEADER = -1

const STALE_METADATA = new Set([
  'LEADER_NOT_AVAILABLE',
  'NOT_LEADER_FOR_PARTITION',
  'FENCED_LEADER_EPOCH',
  'UNKNOWN_LEADER_EPOCH',
  'REPLICA_NOT_AVAILABLE',
])

/** @returns whether the error says that a leader has moved or is not known yet, so the metadata must be read again */
export const saysMetadataAreStale = (error: { type?: string }): boolean => STALE_METADATA.has(error.type ?? '')

/** @returns kafkajs's error for a code of the protocol */
export const errorOfCode = (code: number): Error =>
  (internal('protocol/error.js') as { createErrorFromCode: (code: number) => Error }).createErrorFromCode(code)
