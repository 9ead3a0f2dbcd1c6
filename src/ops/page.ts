/** The page on OPS_PORT: the fleet's status for a browser. It is read-only and shows no text of a request. */

export interface PageParts {
  worker: string
  version: string
  /** Whether the worker is ready, and why not. */
  readiness: readonly string[]
  /** As `status` prints it. */
  status: readonly string[]
  /** This worker's last log lines about warnings, failures and dead letters, newest last. */
  recent: readonly string[]
  at: Date
}

/** Seconds after which a browser reloads the page. */
const REFRESH_SECONDS = 10

/** Headers that keep the page from running scripts, loading anything, or being framed. */
export const PAGE_HEADERS = {
  'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
}

const STYLE = `
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
h1 { font-size: 1.3rem; } h2 { font-size: 1rem; margin: 1.5rem 0 0.3rem; }
pre { font: 13px/1.5 ui-monospace, monospace; margin: 0; padding: 0.7rem 1rem; border-radius: 6px; overflow-x: auto;
  white-space: pre-wrap; overflow-wrap: anywhere; background: rgb(127 127 127 / 12%); }
footer { margin-top: 2rem; opacity: 0.7; }`

/** @returns a whole HTML document; the parts are escaped, so they can only be text in it */
export function renderPage({ worker, version, readiness, status, recent, at }: PageParts): string {
  const block = (heading: string, lines: readonly string[], none: string) =>
    `<section><h2>${escapeHtml(heading)}</h2><pre>${escapeHtml(lines.length === 0 ? none : lines.join('\n'))}</pre></section>`
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="refresh" content="${REFRESH_SECONDS}">
<title>Resume scoring: ${escapeHtml(worker)}</title>
<style>${STYLE}
</style>
</head>
<body>
<h1>Resume scoring</h1>
${block('This worker', [worker, ...readiness], '')}
${block('Fleet', status, 'not known yet')}
${block('Last failures, dead letters and warnings of this worker', recent, 'none')}
<footer>Version ${escapeHtml(version)}, read at ${at.toISOString()}; read again every ${REFRESH_SECONDS} s. Read only:
commands are in docs/commands.md.</footer>
</body>
</html>
`
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/** @returns the text escaped for an element or a quoted attribute */
export const escapeHtml = (text: string): string =>
  text.replaceAll(/[&<>"']/g, (character) => ENTITIES[character] ?? character)
