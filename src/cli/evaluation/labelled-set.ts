/** A labelled set of texts, the questions that it makes, and what was answered to each. */
import { z } from 'zod'
import { swapName } from './name-swap.ts'

const labelled = z.object({
  id: z.string().min(1),
  requirements: z.string().min(1),
  resume: z.string().min(1),
  expected: z.object({
    verdict: z.enum(['Подходит', 'Не подходит']),
    /** Lowest and highest score that a good judge would give. */
    score: z.tuple([z.int().min(0).max(100), z.int().min(0).max(100)]).refine(([low, high]) => low <= high),
  }),
  /** Names and words of this resume for the name-swap mode; see name-swap.ts. */
  swap: z.record(z.string(), z.string()).default({}),
})

/** One line of a labelled set. */
export type Labelled = z.infer<typeof labelled>

/**
 * @param text JSON lines; empty ones are skipped
 * @throws Error that names the line and what is wrong with it
 */
export function readSet(text: string): Labelled[] {
  const lines = text.split('\n').flatMap((line, index) => (line.trim() === '' ? [] : [{ line, number: index + 1 }]))
  const ids = new Set<string>()
  return lines.map(({ line, number }) => {
    let value: unknown
    try {
      value = JSON.parse(line)
    } catch {
      throw new Error(`line ${number} of the set is not valid JSON`)
    }
    const parsed = labelled.safeParse(value)
    if (!parsed.success) throw new Error(`line ${number} of the set: ${z.prettifyError(parsed.error)}`)
    if (ids.has(parsed.data.id)) throw new Error(`line ${number} of the set: the id ${parsed.data.id} is taken`)
    ids.add(parsed.data.id)
    return parsed.data
  })
}

export type Variant = 'original' | 'swapped'

/** One question to the model. */
export interface Task {
  id: string
  variant: Variant
  /** Counted from 1. */
  repeat: number
  requirements: string
  resume: string
}

/** @returns the questions of an evaluation that have no result yet, those of one line together */
export function tasksOf(
  set: readonly Labelled[],
  repeats: number,
  swap: boolean,
  done: readonly Result[] = [],
): Task[] {
  const key = ({ id, variant, repeat }: Pick<Task, 'id' | 'variant' | 'repeat'>) =>
    JSON.stringify([id, variant, repeat])
  const known = new Set(done.map(key))
  const variants: Variant[] = swap ? ['original', 'swapped'] : ['original']
  return set
    .flatMap(({ id, requirements, resume, swap: own }) =>
      variants.flatMap((variant) =>
        Array.from({ length: repeats }, (_, index) => ({
          id,
          variant,
          repeat: index + 1,
          requirements,
          resume: variant === 'original' ? resume : swapName(resume, own),
        })),
      ),
    )
    .filter((task) => !known.has(key(task)))
}

const result = z.object({
  id: z.string(),
  variant: z.enum(['original', 'swapped']),
  repeat: z.int().min(1),
  /** null: the model gave no usable answer, `failure` says why. */
  score: z.int().nullable(),
  verdict: z.enum(['Подходит', 'Не подходит']).nullable(),
  modelScore: z.int().nullable(),
  /** How many requirements the model took for met, and how many of them have no proof. */
  met: z.int(),
  unproved: z.int(),
  /** Why the worker rejected each requirement without proof; see proofs.ts. Older result files lack it. */
  rejected: z.array(z.string()).default([]),
  promptTokens: z.int(),
  completionTokens: z.int(),
  failure: z.string().nullable(),
})

/** The answer to a task, as it is written to the file of results. */
export type Result = z.infer<typeof result>

/** @returns the results of earlier runs, without lines that are none: the first, and any that was cut off, whose question is asked again */
export function readResults(text: string): Result[] {
  return text.split('\n').flatMap((line) => {
    try {
      const parsed = result.safeParse(JSON.parse(line))
      return parsed.success ? [parsed.data] : []
    } catch (error) {
      if (error instanceof SyntaxError) return []
      throw error
    }
  })
}
