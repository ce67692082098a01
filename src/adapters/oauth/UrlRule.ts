import { Effect } from "effect"
import { type AddressKind, isWithin, kindOfHost, type Zone, zones } from "../../domain/PrivateAddress.ts"
import { printable } from "../../domain/PrintableText.ts"
import { hasUserInformation, isSecureUrl } from "../../domain/SecureUrl.ts"
import type { RemoteServer } from "../../domain/Server.ts"
import { DiscoveryError, type DiscoveryRefusal } from "../../ports/Discovery.ts"
import type { FindAddresses } from "../http/HostAddresses.ts"

/** A URL for an error: no path and no query, which may hold secrets; of a script nothing but its scheme. */
const shown = (url: URL): string => printable(url.origin === "null" ? url.protocol : url.origin)

/**
 * Which URLs a server may point this client to, in challenges, metadata and redirects (MCP "Server-Side Request
 * Forgery"): https, or http on loopback; never further in than the server itself is, by every address of the host's
 * name. `allow_private_addresses` lifts the second half.
 *
 * A name may change between this look and the connection. What it changes to is then spoken to by TLS for that
 * name, as no other host than loopback is allowed without it: a host of a private network has no certificate for it, and
 * gets no byte of a request. A name that cannot be looked up is left to the connection, since a proxy may know it. The
 * server itself is taken for private only if all addresses of its name are.
 */
export interface UrlRule {
  /**
   * Reads a URL, and fails unless it may be used.
   *
   * @param role what the URL is, as the start of a sentence: `its token_endpoint`.
   */
  readonly check: (
    text: string,
    role: string,
    insecure?: DiscoveryRefusal
  ) => Effect.Effect<URL, DiscoveryError>
}

/** The rule for what one server says; it looks up each name once. */
export const makeUrlRule = (server: RemoteServer, find: FindAddresses): UrlRule => {
  const refuse = (reason: DiscoveryRefusal, detail: string) =>
    new DiscoveryError({ server: server.name, reason, detail })

  const looked = new Map<string, ReadonlyArray<AddressKind>>()
  const kindsOf = Effect.fnUntraced(function* (hostname: string) {
    const own = kindOfHost(hostname)
    if (own !== undefined) return [own]
    const known = looked.get(hostname)
    if (known !== undefined) return known
    const kinds = (yield* find(hostname)).flatMap((address) => kindOfHost(address) ?? [])
    looked.set(hostname, kinds)
    return kinds
  })

  /** Whoever names one public address among private ones is not on a private network. */
  const serverZone = Effect.map(kindsOf(server.url.hostname), (kinds): Zone => {
    const outermost = zones.findLast((zone) => kinds.some((kind) => kind.zone === zone))
    return outermost ?? "public"
  })

  const checkAddress = Effect.fnUntraced(function* (url: URL, role: string) {
    // The user has written this host into the configuration.
    if (server.oauth.allowPrivateAddresses || url.hostname === server.url.hostname) return
    const kinds = yield* kindsOf(url.hostname)
    const inner = kinds.filter(({ zone }) => zone !== "public")
    if (inner.length === 0) return
    const outer = yield* serverZone
    const further = inner.find(({ zone }) => isWithin(zone, outer))
    if (further === undefined) return
    return yield* refuse(
      "private address",
      `${role} is at ${shown(url)}, which is ${further.what}, where a ${outer} server must not point`
    )
  })

  const check = Effect.fnUntraced(function* (
    text: string,
    role: string,
    insecure: DiscoveryRefusal = "insecure URL"
  ) {
    const url = URL.parse(text)
    if (url === null) return yield* refuse(insecure, `${role} is no address`)
    if (url.protocol !== "https:" && url.protocol !== "http:") {
      return yield* refuse(insecure, `${role} is no web address (${printable(url.protocol)})`)
    }
    if (hasUserInformation(url)) {
      return yield* refuse(insecure, `${role}, at ${shown(url)}, has a user name or password in it`)
    }
    yield* checkAddress(url, role)
    if (!isSecureUrl(url)) return yield* refuse(insecure, `${role}, at ${shown(url)}, is not https`)
    return url
  })

  return { check }
}
