/** Shows addresses without credentials and query, which may hold secrets. */

/** @returns origin and path of a URL, such as `https://api.openai.com/v1` */
export function shownAddress(url: string): string {
  const { origin, pathname } = new URL(url)
  return `${origin}${pathname.replace(/\/+$/, '')}`
}
