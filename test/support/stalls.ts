/** Tells when this process was stalled: tests of exact moments must know it on a shared machine. */

const BEAT_MS = 10
/** A gap between two beats longer than this counts as a stall, ms. */
const STALL_MS = 40

/**
 * Watches until the test is over.
 * @returns a function that tells whether the process stood still between two moments (epoch ms)
 */
export function watchStalls(atEnd: (cleanup: () => void) => void): (fromMs: number, toMs: number) => boolean {
  const now = () => performance.timeOrigin + performance.now()
  const stalls: { fromMs: number; toMs: number }[] = []
  let lastMs = now()
  const timer = setInterval(() => {
    const nowMs = now()
    if (nowMs - lastMs > STALL_MS) stalls.push({ fromMs: lastMs, toMs: nowMs })
    lastMs = nowMs
  }, BEAT_MS)
  atEnd(() => clearInterval(timer))
  return (fromMs, toMs) => stalls.some((stall) => stall.fromMs < toMs && stall.toMs > fromMs)
}
