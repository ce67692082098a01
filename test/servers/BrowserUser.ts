/** Where a user ended who approved: the page of the callback. */
export interface Ended {
  readonly url: string
  readonly status: number
  readonly body: string
}

/**
 * A user without a display: follows redirects from the authorization URL to the end, with cookies.
 *
 * @param until the address to stop at without opening it
 * @param cookies the cookies of the browser so far; the new ones are added
 */
export const followRedirects = async (
  authorizationUrl: string,
  until?: string,
  cookies = new Map<string, string>()
): Promise<Ended> => {
  let url = authorizationUrl
  for (let hops = 0; hops < 20; hops++) {
    const response = await fetch(url, {
      redirect: "manual",
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join("; ") }
    })
    for (const cookie of response.headers.getSetCookie()) {
      const [pair = ""] = cookie.split(";")
      const equals = pair.indexOf("=")
      cookies.set(pair.slice(0, equals), pair.slice(equals + 1))
    }
    const location = response.headers.get("location")
    const body = await response.text()
    if (location === null) return { url, status: response.status, body }
    url = new URL(location, url).href
    if (until !== undefined && url.startsWith(until)) return { url, status: response.status, body }
  }
  throw new Error("too many redirects")
}
