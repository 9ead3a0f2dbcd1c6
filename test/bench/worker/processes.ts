/** Helper processes of the benchmark, and what the operating system says of a process. Linux only: it reads /proc. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import type { Bare } from './bare.ts'
import { COMPILED } from './compile.ts'

const script = (name: string) => join(import.meta.dirname, `${name}.ts`)

export interface ModelServer {
  baseUrl: string
  /** @returns when each request was answered since the last call, by id, ms since the epoch */
  answeredAt(): Promise<Record<string, number>>
  stop(): void
}

export async function startModelServer(latencyMs: number): Promise<ModelServer> {
  const child = spawn(process.execPath, [script('model-server'), String(latencyMs)], {
    // The child ends when its standard input ends, which happens when this process ends.
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const [port] = (await once(createInterface({ input: child.stdout }), 'line')) as [string]
  const origin = `http://127.0.0.1:${port}`
  return {
    baseUrl: `${origin}/v1`,
    answeredAt: async () => (await (await fetch(origin)).json()) as Record<string, number>,
    stop: () => void child.kill('SIGKILL'),
  }
}

/** Runs the bare `openai` loop to its end. */
export async function runBare(
  baseUrl: string,
  { inFlight, calls, textKb }: { inFlight: number; calls: number; textKb: number },
): Promise<Bare> {
  const args = [COMPILED.bare, baseUrl, String(inFlight), String(calls), String(textKb)]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const [out] = await Promise.all([text(child.stdout), once(child, 'exit')])
  return JSON.parse(out) as Bare
}

/** USER_HZ, which Linux fixes for /proc. */
const TICKS_PER_SECOND = 100

/** @returns the CPU that the process has used in its life, ms */
export function cpuMsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return ((Number(fields[11]) + Number(fields[12])) * 1_000) / TICKS_PER_SECOND
}

/** @param which VmRSS: now; VmHWM: the peak. @returns MB */
export function memoryMbOf(pid: number, which: 'VmRSS' | 'VmHWM'): number {
  const line = new RegExp(`^${which}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'latin1'))
  return Number(line?.[1] ?? 0) / 1_024
}
