import { oneRequest } from "./RealServer.ts"

/** What a page of the device flow holds: its heading, and the form that it sends. */
interface Page {
  readonly url: string
  readonly body: string
  readonly heading: string
}

const unescape = (text: string) =>
  text
    .replace(/&#(\d+);/g, (_match, code: string) => String.fromCharCode(Number(code)))
    .replaceAll("&quot;", '"')
    .replaceAll("&amp;", "&")

/** The fields of the first form of a page, and where they go. */
const formOf = ({ body, url }: Page) => {
  const [form = ""] = /<form[^]*?<\/form>/.exec(body) ?? []
  const fields = new URLSearchParams()
  for (const [tag] of form.matchAll(/<input[^]*?>/g)) {
    const attribute = (name: string) => unescape(new RegExp(`\\b${name}="([^"]*)"`).exec(tag)?.[1] ?? "")
    fields.set(attribute("name"), attribute("value"))
  }
  return { action: new URL(unescape(/action="([^"]*)"/.exec(form)?.[1] ?? ""), url).href, fields }
}

/**
 * A user on another device, without a display: opens the address of a device code, enters the code where it is asked for,
 * and approves or denies.
 *
 * @returns the heading of each page that they saw, the last one's at the end
 */
export const useDevice = async (
  address: URL,
  userCode: string,
  answer: "approve" | "deny"
): Promise<ReadonlyArray<string>> => {
  const cookies = new Map<string, string>()
  const load = async (start: string, body?: URLSearchParams): Promise<Page> => {
    let url = start
    let form = body
    for (let hops = 0; hops < 20; hops++) {
      const response = await fetch(url, {
        redirect: "manual",
        headers: {
          ...oneRequest,
          cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join("; ")
        },
        ...(form === undefined ? {} : { method: "POST", body: form })
      })
      for (const cookie of response.headers.getSetCookie()) {
        const [pair = ""] = cookie.split(";")
        const equals = pair.indexOf("=")
        cookies.set(pair.slice(0, equals), pair.slice(equals + 1))
      }
      const text = await response.text()
      const location = response.headers.get("location")
      if (location === null) {
        return { url, body: text, heading: /<h1>(.*?)<\/h1>/.exec(text)?.[1] ?? "" }
      }
      url = new URL(location, url).href
      form = undefined
    }
    throw new Error("too many redirects")
  }

  const seen: Array<string> = []
  let page = await load(address.href)
  // Six pages at most: submitting by itself, code, confirmation, consent, end.
  for (let pages = 0; pages < 6; pages++) {
    if (page.heading !== "") seen.push(page.heading)
    if (!page.body.includes("<form") || (seen.length > 1 && page.heading === "Enter the code")) break
    const { action, fields } = formOf(page)
    if (page.heading === "Enter the code") fields.set("user_code", userCode)
    if (page.heading === "Is this your code?" && answer === "deny") fields.set("abort", "yes")
    if (page.heading === "Approve?") fields.set("answer", answer)
    page = await load(action, fields)
  }
  return seen
}
