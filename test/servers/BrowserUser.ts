import { oneRequest } from "./RealServer.ts"

/** Where a user ended who approved: the page of the callback. */
export interface Ended {
  readonly url: string
  readonly status: number
  readonly body: string
}

/** What a user types into the page of a sign-in. */
export interface Account {
  readonly username: string
  readonly password: string
}

const unescape = (text: string) => text.replaceAll("&amp;", "&").replaceAll("&#38;", "&")

/** The form of a page as its user sends it: signed in, and everything allowed. */
const filledIn = (page: string, url: string, account: Account) => {
  const action = /<form[^>]*\saction="([^"]*)"/.exec(page)?.[1]
  if (action === undefined) return undefined
  const fields = new URLSearchParams()
  for (const [input] of page.matchAll(/<input[^>]*>/g)) {
    const attribute = (name: string) => new RegExp(`\\s${name}="([^"]*)"`).exec(input)?.[1]
    const name = attribute("name")
    const isChosen = ["hidden", "checkbox"].includes(attribute("type") ?? "") || name === "accept"
    if (name !== undefined && isChosen) fields.append(name, unescape(attribute("value") ?? "on"))
  }
  if (/type="password"/.test(page)) {
    fields.set("username", account.username)
    fields.set("password", account.password)
  }
  return { url: new URL(unescape(action), url).href, body: fields }
}

/** Opens a page. A user whose browser gets no answer, as on a busy machine, loads a page again, but sends no form twice. */
const load = async (url: string, request: RequestInit): Promise<Response> => {
  for (let loads = 1; ; loads++) {
    try {
      return await fetch(url, request)
    } catch (error) {
      if (request.method === "POST" || loads === 3) throw error
    }
  }
}

/**
 * A user without a display: follows redirects from the authorization URL to the end, with cookies.
 *
 * @param until the address to stop at without opening it
 * @param cookies the cookies of the browser so far; the new ones are added
 * @param account what to fill in on pages with a form; absent: the first page is the end
 */
export const followRedirects = async (
  authorizationUrl: string,
  until?: string,
  cookies = new Map<string, string>(),
  account?: Account
): Promise<Ended> => {
  let url = authorizationUrl
  let form: URLSearchParams | undefined
  for (let hops = 0; hops < 20; hops++) {
    const response = await load(url, {
      redirect: "manual",
      ...(form === undefined ? {} : { method: "POST", body: form }),
      headers: { ...oneRequest, cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join("; ") }
    })
    for (const cookie of response.headers.getSetCookie()) {
      const [pair = ""] = cookie.split(";")
      const equals = pair.indexOf("=")
      cookies.set(pair.slice(0, equals), pair.slice(equals + 1))
    }
    const location = response.headers.get("location")
    const body = await response.text()
    const filled = location === null && account !== undefined ? filledIn(body, url, account) : undefined
    form = filled?.body
    if (filled !== undefined) {
      url = filled.url
      continue
    }
    if (location === null) return { url, status: response.status, body }
    url = new URL(location, url).href
    if (until !== undefined && url.startsWith(until)) return { url, status: response.status, body }
  }
  throw new Error("too many redirects")
}
