/** The demo with a person's own files: one request, with every requirement and the quote that proves it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { KafkaClients } from '../../src/kafka/clients.ts'
import { abortable } from '../../src/lib/abortable.ts'
import { shownAddress } from '../../src/lib/address.ts'
import { stringifyExact } from '../../src/lib/json.ts'
import { sanitize } from '../../src/lib/sanitize.ts'
import type { Texts } from '../../src/lib/sanitize.ts'
import type { ReleaseStack } from '../../src/release-stack.ts'
import { explain } from '../../src/cli/decision-lines.ts'
import { buildPrompt } from '../../src/scoring/prompt.ts'
import { createTokenEstimator } from '../../src/provider/tokens.ts'
import type { Answer } from './answers.ts'
import type { Scene } from './play.ts'
import { releaseStarted, start } from './play.ts'
import type { Stage } from './stage.ts'
import { publish, readDecisions, watch } from './stage.ts'

const ID = 1n
/** Enough for the free tier's three requests a minute and a slow model; the worker itself retries for longer. */
const ANSWER_LIMIT_MS = 180_000

/** How often the worker's log is looked at for what keeps it from answering, ms. */
const LOOK_MS = 1_000

/** @returns a sentence to print before a live run: what will be billed at most */
export function costLine(texts: Texts, { config }: Stage): string {
  const { model, maxCompletionTokens, responseFormat, baseUrl } = config.provider
  const prompt = buildPrompt(sanitize(texts).texts, { responseFormat, verdictMinScore: config.verdictMinScore })
  const { tokens } = createTokenEstimator(model).estimate(prompt)
  return `${model} at ${shownAddress(baseUrl)} answers: one call of about ${tokens} prompt tokens and at most ${maxCompletionTokens} completion tokens (a second one if the answer is unusable), billed to your OPENAI_KEY.`
}

/** @returns whether it was scored; @throws Error when nothing comes in time */
export async function scoreOwn(
  scene: Omit<Scene, 'stub'>,
  texts: Texts,
  settingsOf: (n: number) => Record<string, string>,
  releases: ReleaseStack,
): Promise<boolean> {
  const { stage, clients, terminal, signal, logDirs } = scene
  const { promise: answered, resolve } = Promise.withResolvers<Answer>()
  const watching = watch(clients, stage, { answer: resolve, deadLetter: () => {} })
  releaseStarted(releases, 'the screen', watching, (unwatch) => unwatch())
  await start(scene, 1, releases, settingsOf)
  await abortable(watching, signal)
  await abortable(
    publish(clients, stage, [{ title: '', processingId: ID, value: requestOf(texts), expected: 'scored' }]),
    signal,
  )
  terminal.print('sent; waiting for its result')
  const troubles = setInterval(tellTroubles(logDirs[0] ?? '', terminal.print), LOOK_MS)
  const limit = AbortSignal.timeout(ANSWER_LIMIT_MS)
  const answer = await abortable(answered, AbortSignal.any([signal, limit]))
    .catch((error: unknown) => {
      if (signal.aborted || !limit.aborted) throw error
      throw new Error(`nothing came within ${ANSWER_LIMIT_MS / 1_000} s; the log of the worker says why`, {
        cause: error,
      })
    })
    .finally(() => clearInterval(troubles))
  for (const line of ['', ...(await resultLines(clients, stage, answer, signal)), '']) terminal.print(line)
  return answer.result.kind === 'score'
}

/** @returns a function that prints the worker's warnings and errors that it has not printed yet, each message once */
export function tellTroubles(logDir: string, print: (line: string) => void): () => void {
  const told = new Set<string>()
  return () => {
    for (const [, message = ''] of logOf(logDir).matchAll(/ (?:WARN|ERROR) +\[[^\]]*\] (.*)/g)) {
      if (told.has(message)) continue
      told.add(message)
      print(`  the worker says: ${message}`)
    }
  }
}

function logOf(logDir: string): string {
  try {
    return readFileSync(join(logDir, 'auth_service.log'), 'utf8')
  } catch {
    // Not written yet, or nowhere: the end of the demo tells where it is.
    return ''
  }
}

async function resultLines(clients: KafkaClients, stage: Stage, { result }: Answer, signal: AbortSignal) {
  if (result.kind === 'failure') return [`Not scored: ${result.message}`]
  const [decision] = await readDecisions(clients, stage, signal)
  return decision === undefined ? [`${result.score} of 100: ${result.verdict}`] : explain(decision)
}

const requestOf = (texts: Texts) =>
  stringifyExact({
    callback_url: 'https://resume-scoring-worker-demo.invalid/',
    processing_id: ID,
    user_id: 1n,
    resume_id: 1n,
    requirements_id: 1n,
    ...texts,
  })
