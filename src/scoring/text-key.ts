/** Hashes and a lock made of texts: what stands in Redis can be recognised and opened by who has the texts, and read by nobody. */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto'
import type { Texts } from '../lib/sanitize.ts'

/** Each field comes with its length before it: no two lists of fields are hashed alike. */
function hashFields(fields: readonly string[]) {
  const hash = createHash('sha256')
  for (const field of fields) hash.update(`${Buffer.byteLength(field)}:`).update(field)
  return hash
}

/** @returns 64 hex digits */
export const digestFields = (fields: readonly string[]): string => hashFields(fields).digest('hex')

const CIPHER = 'aes-256-gcm'
const IV_BYTES = 12
const TAG_BYTES = 16

/** Not computable from the texts' published hashes. */
const keyOf = ({ requirements, resume }: Texts) => hashFields(['seal', requirements, resume]).digest()

/** @returns `plain` encrypted with a key that only the texts give */
export function seal(plain: string, texts: Texts): string {
  const iv = randomBytes(IV_BYTES)
  const cipher = createCipheriv(CIPHER, keyOf(texts), iv)
  const body = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()])
  return Buffer.concat([iv, cipher.getAuthTag(), body]).toString('base64')
}

/** @throws Error when `sealed` was not sealed with these texts */
export function unseal(sealed: string, texts: Texts): string {
  const bytes = Buffer.from(sealed, 'base64')
  const iv = bytes.subarray(0, IV_BYTES)
  const decipher = createDecipheriv(CIPHER, keyOf(texts), iv, { authTagLength: TAG_BYTES })
  decipher.setAuthTag(bytes.subarray(IV_BYTES, IV_BYTES + TAG_BYTES))
  return decipher.update(bytes.subarray(IV_BYTES + TAG_BYTES), undefined, 'utf8') + decipher.final('utf8')
}
