/** `npm run openai-stub -- --port N --latency-ms N`: the server as a process of its own. */
import { parseArgs } from 'node:util'
import type { ProfileName } from './profiles.ts'
import { PROFILE_NAMES } from './profiles.ts'
import type { StubOptions } from './server.ts'
import { startStub } from './server.ts'

const USAGE = `npm run openai-stub -- [options]
  --port N          the port, 8080 by default; 0 takes a free one
  --host HOST       the address to listen at, 127.0.0.1 by default
  --latency-ms N    before each answer, 0 by default
  --profile NAME    ${PROFILE_NAMES.join(', ')}; openai by default
  --rpm N, --rpd N, --tpm N, --rps N   limits to enforce by rolling windows, none by default
  --key KEY         lets in only this key (may be given several times)
  --model NAME      serves only this model or deployment (may be given several times)
  --context N       the context window in tokens, instead of the profile's`

const EX_USAGE = 64

function fail(problem: string): never {
  process.stderr.write(`${problem}\n\n${USAGE}\n`)
  process.exit(EX_USAGE)
}

function number(name: string, value: string): number
function number(name: string, value: string | undefined): number | null
function number(name: string, value: string | undefined): number | null {
  if (value === undefined) return null
  if (!/^\d+$/.test(value)) fail(`--${name} must be a whole number`)
  return Number(value)
}

const text = { type: 'string' } as const
const OPTIONS = {
  port: { ...text, default: '8080' },
  host: { ...text, default: '127.0.0.1' },
  'latency-ms': { ...text, default: '0' },
  profile: { ...text, default: 'openai' },
  rpm: text,
  rpd: text,
  tpm: text,
  rps: text,
  key: { ...text, multiple: true },
  model: { ...text, multiple: true },
  context: text,
  help: { type: 'boolean', default: false },
} as const

function readArguments() {
  try {
    return parseArgs({ options: OPTIONS }).values
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error))
  }
}

function readOptions(): StubOptions {
  const args = readArguments()
  if (args.help) {
    process.stdout.write(`${USAGE}\n`)
    process.exit(0)
  }
  if (!(PROFILE_NAMES as readonly string[]).includes(args.profile)) {
    fail(`--profile must be one of ${PROFILE_NAMES.join(', ')}`)
  }
  const contextTokens = number('context', args.context)
  return {
    port: number('port', args.port),
    host: args.host,
    latencyMs: number('latency-ms', args['latency-ms']),
    profile: args.profile as ProfileName,
    limits: {
      rpm: number('rpm', args.rpm),
      rpd: number('rpd', args.rpd),
      tpm: number('tpm', args.tpm),
      rps: number('rps', args.rps),
    },
    ...(args.key === undefined ? {} : { keys: args.key }),
    ...(args.model === undefined ? {} : { models: args.model }),
    ...(contextTokens === null ? {} : { contextTokens }),
  }
}

const options = readOptions()
const stub = await startStub(options).catch((error: NodeJS.ErrnoException) => {
  const isTaken = error.code === 'EADDRINUSE'
  const problem = isTaken ? `port ${options.port} is taken: choose another with --port` : error.message
  process.stderr.write(`${problem}\n`)
  process.exit(1)
})
process.stdout.write(`openai-stub answers at ${stub.baseUrl} (its log: http://127.0.0.1:${stub.port}/__stub/log)\n`)
for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    // A second signal ends the process the default way.
    void stub.stop()
  })
}
