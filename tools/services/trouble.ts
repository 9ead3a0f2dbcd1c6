/** Says in one sentence what to do when a service does not start and the cause is known. */
import { statfs } from 'node:fs/promises'

const REMEDIES: [RegExp, string][] = [
  [/no space left|ENOSPC/i, 'the disk is full: free 200 MB, or point TMPDIR to another disk'],
  [/insufficient memory|cannot allocate memory|reserve enough space/i, 'too little memory is free: it needs 700 MB'],
]

/** @returns what to do about what a program said; null when the cause is not known */
export function remedyFor(said: string): string | null {
  return REMEDIES.find(([pattern]) => pattern.test(said))?.[1] ?? null
}

/** @param what became of it: "ended before it was ready" */
export function startTrouble(name: string, what: string, lastWords: string): string {
  const remedy = remedyFor(lastWords)
  return remedy === null ? `${name} ${what}; its last words:\n${lastWords}` : `${name} does not start: ${remedy}`
}

const MB = 1_000_000
/** What Kafka and Redis write in a short run, with room. */
const LEAST_MB = 50

/**
 * On a full disk Kafka neither starts nor ends, and cannot even say why.
 * @throws Error when the directory's disk has too little room
 */
export async function requireSpace(directory: string, leastMb = LEAST_MB): Promise<void> {
  const { bavail, bsize } = await statfs(directory)
  const freeMb = Math.floor((bavail * bsize) / MB)
  if (freeMb >= leastMb) return
  throw new Error(`${directory} has ${freeMb} MB left: free ${leastMb} MB there, or point TMPDIR to another disk`)
}
