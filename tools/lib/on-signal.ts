/** @returns a signal that aborts at the first SIGTERM or SIGINT; a second one ends the process at once */
export function onSignal(): AbortSignal {
  const first = new AbortController()
  for (const name of ['SIGTERM', 'SIGINT'] as const) {
    process.on(name, () => {
      if (first.signal.aborted) process.exit(1)
      first.abort(new Error(name))
    })
  }
  return first.signal
}
