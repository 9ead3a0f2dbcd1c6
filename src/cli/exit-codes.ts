/** How every command ends, for scripts; docs/commands.md has the table. */
export const EXIT = {
  ok: 0,
  /** The command failed or found something wrong; its last lines say what. */
  failed: 1,
  /** `send`: a request was answered with a failure or a refusal. */
  answeredWithFailure: 2,
  /** `send`: no answer came in time; `explain`: nothing is known about the request. */
  nothing: 3,
  /** sysexits.h EX_USAGE: wrong arguments. */
  usage: 64,
  /** sysexits.h EX_CONFIG: the settings are wrong. */
  config: 78,
  /** It was stopped by SIGINT or SIGTERM. */
  interrupted: 130,
} as const
