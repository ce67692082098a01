/**
 * Whether a host name is this machine's loopback interface (RFC 8252 §7.3 and §8.3).
 */
export const isLoopbackHost = (hostname: string): boolean =>
  hostname === "localhost" ||
  hostname === "[::1]" ||
  hostname === "::1" ||
  /^127(\.\d{1,3}){3}$/.test(hostname)

/**
 * Whether a host name may lead to this machine although {@link isLoopbackHost} does not vouch for it: the other names
 * and spellings of loopback, and the unspecified address, which systems take for it (RFC 6761 §6.3, RFC 4291 §2.5.5.2).
 */
export const mayBeThisMachine = (hostname: string): boolean =>
  isLoopbackHost(hostname) ||
  /(^|\.)localhost\.?$/.test(hostname) ||
  hostname === "0.0.0.0" ||
  /^\[::((ffff:)?7f[0-9a-f]{2}:[0-9a-f]{1,4}|ffff:0:0)?\]$/.test(hostname)

/**
 * Whether OAuth may use a URL: `https`, or `http` on loopback (OAuth 2.1 §1.5, MCP "Communication Security").
 */
export const isSecureUrl = (url: URL): boolean =>
  url.protocol === "https:" || (url.protocol === "http:" && isLoopbackHost(url.hostname))

/**
 * The canonical URI of an MCP server (RFC 8707 §2): lower-case scheme and host, no fragment, no user
 * information, and no slash at the end unless the person wrote a path that ends in one.
 */
export const canonicalResource = (url: URL): string => {
  const canonical = new URL(url)
  canonical.hash = ""
  canonical.username = ""
  canonical.password = ""
  return canonical.pathname === "/" && canonical.search === "" ? canonical.origin : canonical.href
}
