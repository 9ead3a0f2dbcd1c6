/**
 * The versions of the prompt. A change of the prompt or of the answer's schema changes the hash; a test fails then until a
 * new version stands here and in CHANGELOG.md. The version is in headers, decision records and the keys of the result cache.
 */
import { promptHash } from './prompt.ts'

/** Oldest first; the last one is the current one. */
export const PROMPT_VERSIONS: readonly { name: string; hash: string }[] = [
  { name: 'prompt-1', hash: '1e2750bd9e2fd5b7e90b742456078f5a82ca91b11ffaa73ccf90bfe56a3db423' },
  { name: 'prompt-2', hash: '5175b96225ec06955134e0e3536eaff4535f203287177e43db7a5ea2de0b5959' },
]

/** The name and the hash's first 12 digits: `prompt-1-0123456789ab`. */
export const promptVersion = `${PROMPT_VERSIONS.at(-1)?.name ?? 'unnamed'}-${promptHash().slice(0, 12)}`
