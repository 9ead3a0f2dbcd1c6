/** Draws a picture again and again until the user stops it, which is its ordinary end. */
import { abortable, pause } from '../lib/abortable.ts'

/** Moves the cursor to the top left and erases everything after it. */
const REDRAW = '\u001b[H\u001b[J'

export interface Watching {
  everyMs: number
  /** Whether a picture can overwrite the previous one; otherwise each is printed below the previous one. */
  isScreen: boolean
  /** @returns the lines of one picture; not called again before that is drawn */
  look: () => Promise<string[]>
  print: (text: string) => void
  signal: AbortSignal
}

/** @throws what `look` rejects with, unless the signal has aborted */
export async function watch({ everyMs, isScreen, look, print, signal }: Watching): Promise<void> {
  try {
    for (let first = true; ; first = false) {
      const lines = await abortable(look(), signal)
      if (isScreen) print(`${REDRAW}${lines.join('\n')}`)
      else for (const line of first ? lines : ['', ...lines]) print(line)
      await pause(everyMs, signal)
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
}
