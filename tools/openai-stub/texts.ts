/** Finds the vacancy and the resume in a prompt, as the model would. */
import { createHash } from 'node:crypto'

export interface Texts {
  requirements: string
  resume: string
}

/** A message of the prompt with its parts joined to one text. */
export interface Message {
  role: string
  text: string
}

/** The block `<name id="NONCE">` ... `</name id="NONCE">` of a message, without its delimiters; null when there is none. */
function block(name: string, text: string): string | null {
  const opening = new RegExp(`<${name} id="([^"]{1,64})">\\n?`).exec(text)
  if (opening === null) return null
  const start = opening.index + opening[0].length
  const end = text.indexOf(`</${name} id="${opening[1] ?? ''}">`, start)
  if (end < 0) return null
  return text.slice(start, end).replace(/\n$/, '')
}

function find(name: string, messages: readonly Message[]): string | null {
  for (const { text } of messages) {
    const found = block(name, text)
    if (found !== null) return found
  }
  return null
}

/**
 * Takes the prompt's delimited blocks if it has them; else the first user message is the vacancy and the last one the resume.
 * @returns the texts, empty when there is no user message
 */
export function findTexts(messages: readonly Message[]): Texts {
  const users = messages.filter(({ role }) => role === 'user')
  return {
    requirements: find('requirements', users) ?? users[0]?.text ?? '',
    resume: find('resume', users) ?? users.at(-1)?.text ?? '',
  }
}

/** @returns 16 hex digits that are the same for the same pair of texts, under whatever prompt */
export function hashTexts({ requirements, resume }: Texts): string {
  return createHash('sha256')
    .update(`${requirements.length}:`)
    .update(requirements)
    .update(resume)
    .digest('hex')
    .slice(0, 16)
}

/** A test's own name for a request, anywhere in its texts: `ref:abc-1`. The log of arrivals shows it. */
const REFERENCE = /\bref:([\w-]{1,64})/

/** @returns the name, or null */
export function findReference({ requirements, resume }: Texts): string | null {
  return (REFERENCE.exec(resume) ?? REFERENCE.exec(requirements))?.[1] ?? null
}

/** A fault that a request asks for itself: `[[stub:reset]]`, or `[[stub:reset*2]]` for its first two attempts only. */
const WISH = /\[\[stub:(\w+)(?:\*(\d{1,6}))?\]\]/

/** @returns the fault's name and for how many attempts, or null */
export function findWish({ requirements, resume }: Texts): { fault: string; attempts: number } | null {
  const found = WISH.exec(resume) ?? WISH.exec(requirements)
  if (found?.[1] === undefined) return null
  return { fault: found[1], attempts: found[2] === undefined ? Number.POSITIVE_INFINITY : Number(found[2]) }
}
