/** The demo's requests: resumes of different fit in two languages, and the faulty messages of a careless producer. */
import { stringifyExact } from '../../src/lib/json.ts'
import type { Resume } from './resumes.ts'
import { endlessParagraph, hiddenInstruction, resumes } from './resumes.ts'
import { vacancies } from './vacancies.ts'

/** The expected ending of a sample, for the audit. */
export type Expected = 'scored' | 'duplicate' | 'dead_letter' | 'invalid' | 'too_long'

export interface Sample {
  /** For the table; no name and nothing of the texts. */
  title: string
  /** null when none can be read from the message */
  processingId: bigint | null
  /** The message's value, as a producer would send it. */
  value: string
  expected: Expected
}

/** Cyrillic characters, over 100,000 tokens by any count: the demo's budget per minute must be below that. */
const OVER_LONG_CHARS = 300_000

function overLong(): string {
  let text = 'Резюме со всеми приложениями\n\n'
  for (let n = 1; text.length < OVER_LONG_CHARS; n += 1) text += endlessParagraph(n)
  return text
}

function requestOf(processingId: bigint, { vacancy, text }: Resume): string {
  return stringifyExact({
    callback_url: `https://hr.example.org/callbacks/${processingId}?token=demo`,
    processing_id: processingId,
    user_id: 1n + (processingId % 3n),
    resume_id: processingId * 10n,
    requirements_id: BigInt(Object.keys(vacancies).indexOf(vacancy) + 1),
    requirements: vacancies[vacancy],
    resume: text,
  })
}

/**
 * @param firstId the first `processing_id`; the others follow it, except one beyond 2^53, which no float holds
 * @returns the samples in the order of sending; the duplicate comes after its original
 */
export function demoSamples(firstId: bigint): Sample[] {
  let nextId = firstId
  const request = (resume: Resume, expected: Expected, id = nextId): Sample => {
    if (id === nextId) nextId += 1n
    return { title: resume.title, processingId: id, value: requestOf(id, resume), expected }
  }
  const [first, second] = resumes
  if (first === undefined || second === undefined) throw new Error('the demo has no resumes')
  const scored = resumes.map((resume) => request(resume, 'scored'))
  const original = scored[0]
  if (original === undefined) throw new Error('the demo has no samples')
  const bad: Sample[] = [
    request(hiddenInstruction, 'scored'),
    { ...original, title: 'повтор первого', expected: 'duplicate' },
    { title: 'оборванное сообщение', processingId: null, value: original.value.slice(0, 400), expected: 'dead_letter' },
    request({ ...second, title: 'пустое резюме', text: '  ' }, 'invalid'),
    request({ ...second, title: 'слишком длинное', text: overLong() }, 'too_long'),
    request({ ...second, title: 'те же тексты, id > 2^53' }, 'scored', 2n ** 53n + 1n + firstId * 2n),
  ]
  // Put faulty messages between good ones, not after them.
  return bad.reduce((all, sample, i) => all.toSpliced(3 * i + 3, 0, sample), scored)
}
