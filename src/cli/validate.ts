/** `validate FILE`: what a worker would make of a message, before a producer sends it. */
import { decodeRequest, REQUEST_KEY } from '../contracts.ts'
import { sanitize } from '../lib/sanitize.ts'
import { buildPrompt } from '../scoring/prompt.ts'
import { createTokenEstimator } from '../provider/tokens.ts'
import type { Config } from '../config.ts'
import type { Command, Report } from './define.ts'
import { defineCommand } from './define.ts'
import { unlikeJson } from './documents.ts'
import { EXIT } from './exit-codes.ts'
import { readInput } from './input.ts'

export const run: Command = defineCommand(
  {
    usage: [
      'resume-scoring-worker validate FILE',
      '  Checks one message as a worker would read it from the requests topic: the JSON of its value, in FILE, or - for stdin.',
      '  Sends nothing. Exit code 0: it would be scored; 1: it would be answered with a failure, or dead-lettered.',
    ],
    example: 'validate -- message.json',
    options: {},
    names: ['FILE'],
  },
  async ({ positionals: [path = ''], config }) => {
    const value = await readInput('FILE', path)
    return report(value, (await unlikeJson(value)) ?? whereNoJson(value.toString()), config)
  },
)

/** @returns where a text stops being JSON, without quoting it, since it may be somebody's resume; null when it is JSON */
function whereNoJson(text: string): string | null {
  const problem = problemOf(text)
  if (problem === null) return null
  const lines = text.split('\n').filter((line) => line.trim() !== '')
  if (lines.length > 1 && lines.every((line) => problemOf(line) === null))
    return `each of its ${lines.length} lines is JSON: this checks one message, so give it one of them`
  const at = /line \d+ column \d+/.exec(problem)?.[0]
  if (at !== undefined) return `it is no JSON from ${at} on`
  return problem.includes('end of JSON') ? 'the value is not JSON: it ends too early' : 'the value is not JSON'
}

/** @returns what the parser says; null for JSON */
function problemOf(text: string): string | null {
  try {
    JSON.parse(text.replace(/^\uFEFF/, ''))
    return null
  } catch (error) {
    return (error as Error).message
  }
}

/** @param other what the file seems to be instead of JSON in UTF-8, or where it stops being JSON; null when it is JSON */
function report(value: Buffer, other: string | null, config: Config): Report {
  const decoded = decodeRequest(value, config.maxRequestBytes)
  if (decoded.kind === 'unanswerable') {
    return bad(
      'dead_lettered',
      `it would be dead-lettered, its caller hears nothing (${decoded.reason}): ${other ?? decoded.detail}`,
    )
  }
  if (decoded.kind === 'invalid') return bad('failed', `it would be answered with a failure: ${decoded.problem}`)
  const { address, ...texts } = decoded.request
  const prompt = buildPrompt(sanitize(texts).texts, { ...config.provider, verdictMinScore: config.verdictMinScore })
  const { tokens } = createTokenEstimator(config.provider.model).estimate(prompt)
  const most = tokens + config.provider.maxCompletionTokens
  const { tokensPerMinute } = config.budget
  if (tokensPerMinute !== null && most > tokensPerMinute) {
    return bad(
      'failed',
      `it would be answered with a failure: ${most} tokens are more than OPENAI_TPM=${tokensPerMinute}`,
    )
  }
  const sizes = `requirements ${texts.requirements.length} characters, resume ${texts.resume.length}`
  return {
    document: { outcome: 'taken', processingId: address.processingId, tokens: most },
    lines: [
      `it would be scored: processing_id ${address.processingId}, ${sizes}, at most ${most} tokens`,
      `send it with the key ${REQUEST_KEY}: messages with another key, or none, are skipped`,
    ],
  }
}

const bad = (outcome: string, line: string): Report => ({
  document: { outcome, why: line },
  lines: [line],
  exitCode: EXIT.failed,
})
