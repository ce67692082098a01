/** True if a host name is the loopback interface of this machine (RFC 8252 §7.3 and §8.3). */
export const isLoopbackHost = (hostname: string): boolean =>
  hostname === "localhost" ||
  hostname === "[::1]" ||
  hostname === "::1" ||
  /^127(\.\d{1,3}){3}$/.test(hostname)

/**
 * True if requests to a host of a `URL` must not use a proxy, as in Go and curl: loopback in every spelling. Wider than
 * {@link isLoopbackHost}, because some resolvers ask DNS for names below `localhost` (RFC 6761 §6.3).
 */
export const isNeverProxied = (hostname: string): boolean =>
  isLoopbackHost(hostname) ||
  /^(.+\.)?localhost\.?$/i.test(hostname) ||
  // A `URL` writes ::ffff:127.0.0.1 like this.
  /^\[::ffff:7f[0-9a-f]{2}:[0-9a-f]{1,4}\]$/.test(hostname)

/** True if OAuth may use a URL: `https`, or `http` on loopback (OAuth 2.1 §1.5, MCP "Communication Security"). */
export const isSecureUrl = (url: URL): boolean =>
  url.protocol === "https:" || (url.protocol === "http:" && isLoopbackHost(url.hostname))

/** True if a URL contains a user name or a password: `fetch` refuses it, and users mistake it for another host. */
export const hasUserInformation = (url: URL): boolean => url.username !== "" || url.password !== ""

/**
 * True if two web addresses have the same origin. Unlike `URL.origin`, a `blob:` address does not have the origin of the
 * address inside it, where no request goes.
 */
export const isSameOrigin = (one: URL, other: URL): boolean =>
  one.protocol === other.protocol && one.host === other.host && one.host !== ""

/**
 * The canonical URI of an MCP server (RFC 8707 §2): lower-case scheme and host, no fragment, no user
 * information, and no slash at the end unless the user wrote a path that ends in one.
 */
export const canonicalResource = (url: URL): string => {
  const canonical = new URL(url)
  canonical.hash = ""
  canonical.username = ""
  canonical.password = ""
  return canonical.pathname === "/" && canonical.search === "" ? canonical.origin : canonical.href
}
