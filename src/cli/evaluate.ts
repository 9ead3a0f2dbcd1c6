/** `evaluate`: judges a prompt and a model by a labelled set, through the fleet's budgets; or the verification by a file of claims. */
import Bottleneck from 'bottleneck'
import { writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Config } from '../config.ts'
import { FAILURES } from '../errors.ts'
import type { FailureCode } from '../errors.ts'
import type { Log, LogFields } from '../logging/log.ts'
import type { Result, Task } from './evaluation/labelled-set.ts'
import { readSet, tasksOf } from './evaluation/labelled-set.ts'
import type { Prices } from './evaluation/report.ts'
import { report, reportLines } from './evaluation/report.ts'
import { promptVersion } from '../scoring/prompt-version.ts'
import { digestFields } from '../scoring/text-key.ts'
import type { Command } from './define.ts'
import { defineCommand, readCount, readPrice, UsageError } from './define.ts'
import { createAsking } from './evaluation/asking.ts'
import type { ClaimsReport } from './evaluation/claims.ts'
import { claimsLines, judgeClaims, readClaims, READERS } from './evaluation/claims.ts'
import { initialiseBudget, withFleet } from './evaluation/fleet.ts'
import type { Asked, Results } from './evaluation/results.ts'
import { readJsonText } from './documents.ts'
import { openResults } from './evaluation/results.ts'

export const run: Command = defineCommand(
  {
    usage: [
      'resume-scoring-worker evaluate --set FILE.jsonl [options]',
      '  Scores labelled resumes with the configured model, and prints how far it is from what is expected. It shares the',
      '  budgets with the workers, and takes its turn among them. Started again, it goes on where it was stopped.',
      '  --repeat N             ask each so many times (default 1): shows the spread',
      '  --name-swap            ask also with names and gendered words exchanged: shows the difference in score',
      '  --out FILE.json        results (default: beside the set, in results/); each answer at once to FILE.runs.jsonl',
      '  --price-prompt X --price-completion Y   per million tokens: shows the cost',
      '  --new-budget           no worker has used this Redis, and nothing was spent today',
      '  FILE - is standard input, which needs --out.',
      'resume-scoring-worker evaluate --claims FILE.jsonl',
      '  Puts claims whose truth is known to the verification, as a careless and as a careful model would have made them: what of',
      '  the true is rejected and what of the false is published. Asks no model, needs no Redis.',
    ],
    example: 'evaluate -- --set evaluation/sample.jsonl',
    options: {
      set: { type: 'string' },
      claims: { type: 'string' },
      repeat: { type: 'string', default: '1' },
      'name-swap': { type: 'boolean', default: false },
      out: { type: 'string' },
      'price-prompt': { type: 'string' },
      'price-completion': { type: 'string' },
      'new-budget': { type: 'boolean', default: false },
    },
  },
  async (call) => {
    const { values, signal, progress } = call
    const prices = readPrices(values['price-prompt'], values['price-completion'])
    const repeats = readCount('--repeat', values.repeat)
    if (values.claims !== undefined) return await judgeFile(values.claims, call.config.verdictMinScore)
    const path = values.set
    if (path === undefined) throw new UsageError('Missing --set FILE.jsonl or --claims FILE.jsonl')
    if (path === '-' && values.out === undefined)
      throw new UsageError('Missing --out FILE.json: the set comes from standard input')
    // Reads the settings, which may be wrong: the arguments are checked before.
    const { config } = call
    const text = await readJsonText('--set', path)
    const set = readSet(text)
    const asked = askedOf(config, text)
    const out = values.out ?? defaultOut(path, config.provider.model)
    const results = await openResults(`${out.replace(/\.json$/, '')}.runs.jsonl`, asked)
    const tasks = tasksOf(set, repeats, values['name-swap'], results.done)
    progress(`${tasks.length} questions to ask, ${results.done.length} answered before; results: ${out}`)
    const log = logTo(progress)
    const answers =
      tasks.length === 0
        ? []
        : await withFleet(config, log, signal, async (fleet) => {
            await initialiseBudget(fleet, values['new-budget'], signal)
            return askAll(tasks, {
              ask: createAsking(fleet),
              atOnce: config.maxCallsInFlight,
              results,
              progress,
              signal,
            })
          })
    const all = [...results.done, ...answers]
    const document = { ...asked, set: path, out, report: report(set, all, prices), results: all }
    await writeFile(out, `${JSON.stringify(document, null, 2)}\n`)
    return { document, lines: ['', `Model ${asked.model}, ${promptVersion}`, ...reportLines(document.report)] }
  },
)

/** @returns what decides an answer besides its texts; answers with different values cannot be compared */
function askedOf({ provider, verdictMinScore }: Config, set: string) {
  return {
    setHash: digestFields([set]),
    model: provider.model,
    // A hash, because an address may hold a secret.
    serverHash: digestFields([provider.baseUrl]),
    promptVersion,
    responseFormat: provider.responseFormat,
    verdictMinScore,
  } satisfies Asked
}

/** @returns a file name of its own for each model and prompt, so that their results can be compared */
function defaultOut(set: string, model: string): string {
  const name = [basename(set, '.jsonl'), model.replaceAll(/[^\w.-]/g, '_'), promptVersion].join('.')
  return join(dirname(set), 'results', `${name}.json`)
}

interface Asking {
  ask: (task: Task, signal: AbortSignal) => Promise<Result>
  /** How many questions are asked at the same time. */
  atOnce: number
  results: Pick<Results, 'add'>
  progress: (line: string) => void
  signal: AbortSignal
}

/** Asks all questions. The first one that rejects aborts the others. @returns all answers */
async function askAll(tasks: readonly Task[], { ask, atOnce, results, progress, signal }: Asking): Promise<Result[]> {
  const answers: Result[] = []
  const failed = new AbortController()
  const either = AbortSignal.any([signal, failed.signal])
  const limiter = new Bottleneck({ maxConcurrent: atOnce })
  const askOne = async (task: Task) => {
    either.throwIfAborted()
    const result = await ask(task, either)
    // Do not store retryable failures: the next run asks again.
    if (result.failure === null || FAILURES[result.failure as FailureCode].retry !== 'backoff') {
      await results.add(result)
    }
    progress(`${answers.push(result)}/${tasks.length} ${lineOf(result)}`)
  }
  const running = tasks.map((task) => limiter.schedule(askOne, task))
  try {
    await Promise.all(running)
  } finally {
    failed.abort(new Error('another question has failed'))
    // Calls in flight still have to report to budget and gate how they ended.
    await Promise.allSettled(running)
  }
  return answers
}

function lineOf({ id, variant, repeat, score, verdict, failure }: Result): string {
  const which = `${id} #${repeat}${variant === 'swapped' ? ' with names swapped' : ''}`
  return `${which}: ${failure === null ? `${score}, ${verdict}` : `no usable answer (${failure})`}`
}

/** Judges the verification by a claims file, once for each of the two models that evaluation/claims.ts describes. */
async function judgeFile(path: string, verdictMinScore: number) {
  const cases = readClaims(await readJsonText('--claims', path))
  const reports: ClaimsReport[] = []
  for (const reader of READERS) reports.push(await judgeClaims(cases, reader, verdictMinScore))
  return { document: { claims: path, cases: cases.length, reports }, lines: reports.flatMap(claimsLines) }
}

/** @returns null when none are given */
function readPrices(prompt: string | undefined, completion: string | undefined): Prices | null {
  if (prompt === undefined && completion === undefined) return null
  if (prompt === undefined || completion === undefined) {
    throw new UsageError('--price-prompt and --price-completion must be given together')
  }
  return { prompt: readPrice('--price-prompt', prompt), completion: readPrice('--price-completion', completion) }
}

/** @returns a log that prints warnings and errors as progress: here the user is the operator */
function logTo(progress: (line: string) => void): Log {
  const tell = (message: string, fields: LogFields = {}) => {
    const facts = Object.entries(fields).map(([name, value]) => `${name} ${String(value)}`)
    progress(facts.length === 0 ? message : `${message} (${facts.join(', ')})`)
  }
  return { error: tell, warn: tell, info: () => {}, debug: () => {} }
}
