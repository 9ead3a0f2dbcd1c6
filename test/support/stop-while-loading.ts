/** Loaded before the worker with `--import`: tells it to stop while it is still loading its own code. */
import { registerHooks } from 'node:module'

registerHooks({
  load(url, context, next) {
    if (url.endsWith('/src/config.ts')) process.kill(process.pid, 'SIGTERM')
    return next(url, context)
  },
})
