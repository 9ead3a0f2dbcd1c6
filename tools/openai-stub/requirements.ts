/** Splits a vacancy into its key requirements. */

const MAX_REQUIREMENTS = 7
const MAX_REQUIREMENT_CHARS = 160

/** How many characters of a vacancy are read; the rest of a longer one is ignored. */
const MAX_CHARS_READ = 20_000

const WANTED = /(требован|ожида|нужн|необходим|ищем|requirement|must have|looking for|you have|qualification)/i

interface Section {
  heading: string
  lines: string[]
}

/** Lines under their headings; a heading is a short line that ends with a colon. */
function sections(text: string): Section[] {
  const found: Section[] = [{ heading: '', lines: [] }]
  for (const raw of text.split(/\r?\n/)) {
    const line = raw.replace(/^\s*\d{1,2}[.)]\s+/, '').trim()
    if (line === '') continue
    const heading = /^(.{1,60}):$/.exec(line) ?? /^(требования|requirements|must have):\s+(.+)$/i.exec(line)
    if (heading !== null) found.push({ heading: heading[1] ?? '', lines: heading[2] === undefined ? [] : [heading[2]] })
    else found.at(-1)?.lines.push(line)
  }
  return found.filter(({ lines }) => lines.length > 0)
}

const clean = (item: string) =>
  item
    .replace(/^[\s\-–—•*·▪+>]+/u, '')
    .replace(/[\s.,;:]+$/u, '')
    .trim()
    .slice(0, MAX_REQUIREMENT_CHARS)
    .trim()

function split(lines: readonly string[], separator: RegExp): string[] {
  const items = new Map<string, string>()
  for (const part of lines.flatMap((line) => line.split(separator))) {
    const item = clean(part)
    if (/[\p{L}\p{N}]/u.test(item) && !items.has(item.toLowerCase())) items.set(item.toLowerCase(), item)
  }
  return [...items.values()]
}

/**
 * Takes the points under a heading about requirements if there is one, else all points. Running text is split into sentences, or at
 * commas when there are fewer than three sentences.
 * @returns at most 7 requirements, in their order, none twice; none for an empty text
 */
export function splitRequirements(text: string): string[] {
  const all = sections(text.slice(0, MAX_CHARS_READ))
  const wanted = all.filter(({ heading }) => WANTED.test(heading))
  const lines = (wanted.length > 0 ? wanted : all).flatMap((section) => section.lines)
  const points = split(lines, /;\s*|(?<=[\p{L}\p{N})])[.!?](?:\s+|$)/u)
  const items = points.length >= 3 ? points : split(lines, /[;,]\s+|(?<=[\p{L}\p{N})])[.!?](?:\s+|$)/u)
  return items.slice(0, MAX_REQUIREMENTS)
}
