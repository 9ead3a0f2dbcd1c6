/** How every command ends, for scripts; docs/commands.md has the table. */
export const EXIT = {
  ok: 0,
  /** It could not do what it was asked to, or found something wrong; the last lines say what. */
  failed: 1,
  /** `send`: a request was answered with a failure or a refusal. */
  answeredWithFailure: 2,
  /** `send`: no answer came in time; `explain`: nothing is known of the request. */
  nothing: 3,
  /** sysexits.h EX_USAGE: it was called in a wrong way. */
  usage: 64,
  /** sysexits.h EX_CONFIG: the settings are wrong. */
  config: 78,
  /** It was stopped by SIGINT or SIGTERM. */
  interrupted: 130,
} as const
