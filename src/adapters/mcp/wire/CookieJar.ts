import { Clock, Effect } from "effect"
import type { Send } from "../../../ports/McpConnector.ts"

/** A cookie of one origin. */
interface Cookie {
  readonly name: string
  readonly value: string
  readonly path: string
  /** Milliseconds since 1970; infinite for a cookie without an end. */
  readonly expires: number
}

/** Limits of RFC 6265 §6.1: what every client must be able to store. */
const [maxCookies, maxBytes] = [50, 4096]

const splitAt = (text: string, separator: string): readonly [string, string | undefined] => {
  const at = text.indexOf(separator)
  return at < 0 ? [text.trim(), undefined] : [text.slice(0, at).trim(), text.slice(at + 1).trim()]
}

/** The path of cookies that name none (RFC 6265 §5.1.4). */
const defaultPath = ({ pathname }: URL): string => pathname.slice(0, Math.max(1, pathname.lastIndexOf("/")))

/** True if a request has the path of a cookie, or one below it (RFC 6265 §5.1.4). */
const isBelow = (path: string, { pathname }: URL): boolean =>
  pathname === path || pathname.startsWith(path.endsWith("/") ? path : `${path}/`)

const isHostIn = (domain: string, { hostname }: URL): boolean => {
  const name = domain.replace(/^\./, "").toLowerCase()
  return hostname === name || hostname.endsWith(`.${name}`)
}

const expiryOf = (attributes: ReadonlyMap<string, string>, now: number): number => {
  const age = attributes.get("max-age") ?? ""
  if (/^-?\d+$/.test(age)) return Number(age) <= 0 ? 0 : now + Number(age) * 1000
  const expires = attributes.get("expires")
  const time = expires === undefined ? Number.NaN : Date.parse(expires)
  return Number.isNaN(time) ? Infinity : time
}

/** The cookie of a `Set-Cookie` header; `undefined` for one that this origin may not set. */
const cookieOf = (header: string, url: URL, now: number): Cookie | undefined => {
  const [pair = "", ...rest] = header.split(";")
  const [name, value] = splitAt(pair, "=")
  const attributes = new Map(
    rest.map((attribute) => {
      const [key, given] = splitAt(attribute, "=")
      return [key.toLowerCase(), given ?? ""] as const
    })
  )
  const path = attributes.get("path") ?? ""
  const domain = attributes.get("domain") ?? ""
  const isSecure = attributes.has("secure")
  const isHostOnly = /^__host-/i.test(name)
  if (value === undefined || !/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name)) return undefined
  if (!/^[\x20-\x7e]*$/.test(value) || name.length + value.length > maxBytes) return undefined
  if (domain !== "" && !isHostIn(domain, url)) return undefined
  if ((isSecure || /^__(secure|host)-/i.test(name)) && (!isSecure || url.protocol !== "https:"))
    return undefined
  if (isHostOnly && (domain !== "" || path !== "/")) return undefined
  return {
    name,
    value,
    path: path.startsWith("/") ? path : defaultPath(url),
    expires: expiryOf(attributes, now)
  }
}

/**
 * The cookies of servers, in memory (RFC 6265). A load balancer uses one to find the process that has a session. Each goes back
 * only to the origin that set it: `Domain` does not widen that.
 */
export class CookieJar {
  readonly #origins = new Map<string, ReadonlyArray<Cookie>>()

  /** The cookies for a request, longer paths first; empty without any. */
  headerOf(url: URL, now: number): ReadonlyArray<Cookie> {
    if (this.#origins.size === 0) return []
    return (this.#origins.get(url.origin) ?? [])
      .filter(({ expires, path }) => expires > now && isBelow(path, url))
      .toSorted((one, other) => other.path.length - one.path.length)
  }

  /** Takes the cookies of an answer. */
  take(url: URL, headers: ReadonlyArray<string>, now: number): void {
    for (const header of headers) {
      const cookie = cookieOf(header, url, now)
      if (cookie === undefined) continue
      const others = (this.#origins.get(url.origin) ?? []).filter(
        ({ expires, name, path }) => expires > now && (name !== cookie.name || path !== cookie.path)
      )
      const kept = cookie.expires > now ? [...others, cookie] : others
      this.#origins.set(url.origin, kept.slice(-maxCookies))
    }
  }
}

/** Adds cookies to a header that may have some, whose names win. */
const addTo = (headers: Headers, cookies: ReadonlyArray<Cookie>): void => {
  const given = headers.get("cookie")
  const names = new Set(given?.split(";").map((pair) => splitAt(pair, "=")[0]))
  const pairs = cookies.filter(({ name }) => !names.has(name)).map(({ name, value }) => `${name}=${value}`)
  if (pairs.length > 0) headers.set("cookie", [...(given === null ? [] : [given]), ...pairs].join("; "))
}

/** Sends requests with the cookies of their origin. A configured `Cookie` header stays, and its names win. */
export const withCookies =
  <E, R>(jar: CookieJar, send: Send<E, R>): Send<E, R> =>
  (request, options) =>
    Effect.flatMap(Clock.Clock, (clock) => {
      const url = new URL(request.url)
      const cookies = jar.headerOf(url, clock.currentTimeMillisUnsafe())
      if (cookies.length > 0) addTo(request.headers, cookies)
      return Effect.map(send(request, options), (response) => {
        jar.take(url, response.headers.getSetCookie(), clock.currentTimeMillisUnsafe())
        return response
      })
    })
