import { Effect } from "effect"
import {
  type AddressKind,
  isPrivateHost,
  isWithin,
  kindOfHost,
  type Zone,
  zones
} from "../../domain/PrivateAddress.ts"
import { isSafeLine, printable } from "../../domain/PrintableText.ts"
import { hasUserInformation, isSecureUrl } from "../../domain/SecureUrl.ts"
import type { RemoteServer } from "../../domain/Server.ts"
import { DiscoveryError, type DiscoveryRefusal } from "../../ports/Discovery.ts"
import type { FindAddresses } from "../http/HostAddresses.ts"

/** A URL in an error: its origin, since path and query may hold secrets; only the scheme of a script. */
const shown = (url: URL): string => printable(url.origin === "null" ? url.protocol : url.origin)

/**
 * Decides which URLs a server may name in challenges, metadata and redirects (MCP "Server-Side Request Forgery"): https, or
 * http on loopback. No address of the host may lie in an inner zone, seen from the server's own; the configuration field
 * `allow_private_addresses` lifts this second rule, and `allow_http` of the entry allows http in a private network.
 *
 * **Details**
 *
 * - The addresses of a name can change between this check and the connection. The connection then requires a certificate
 *   for that name, which a host in a private network does not have, so it receives no byte of the request.
 * - A name that cannot be resolved here is left to the connection: a proxy may resolve it.
 * - The server itself counts as private only if all addresses of its name are private.
 */
export interface UrlRule {
  /**
   * Parses a URL. Fails if the server must not name it.
   *
   * @param role what the URL is, as the start of a sentence: `its token_endpoint`
   * @param insecure the reason of the error for anything but a private address
   */
  readonly check: (
    text: string,
    role: string,
    insecure?: DiscoveryRefusal
  ) => Effect.Effect<URL, DiscoveryError>
}

/** Creates the rule for one server. It resolves each name once. */
export const makeUrlRule = (server: RemoteServer, find: FindAddresses): UrlRule => {
  const refuse = (reason: DiscoveryRefusal, detail: string) =>
    new DiscoveryError({ server: server.name, reason, detail })

  const resolved = new Map<string, ReadonlyArray<AddressKind>>()
  const kindsOf = Effect.fnUntraced(function* (hostname: string) {
    const own = kindOfHost(hostname)
    if (own !== undefined) return [own]
    const known = resolved.get(hostname)
    if (known !== undefined) return known
    const kinds = (yield* find(hostname)).flatMap((address) => kindOfHost(address) ?? [])
    resolved.set(hostname, kinds)
    return kinds
  })

  /** A name with one public address among private ones does not belong to a private network. */
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
      `${role} is at ${shown(url)}, which is ${further.what}, and a ${outer} server must not name one`
    )
  })

  const check = Effect.fnUntraced(function* (
    text: string,
    role: string,
    insecure: DiscoveryRefusal = "insecure URL"
  ) {
    // The parser removes some of them, but an issuer is stored and shown as it is written.
    const url = isSafeLine(text) ? URL.parse(text) : null
    if (url === null) return yield* refuse(insecure, `${role} is not a URL`)
    if (url.protocol !== "https:" && url.protocol !== "http:") {
      return yield* refuse(insecure, `${role} is not a web address (${printable(url.protocol)})`)
    }
    if (hasUserInformation(url)) {
      return yield* refuse(insecure, `${role}, at ${shown(url)}, contains a user name or password`)
    }
    yield* checkAddress(url, role)
    const mayBeClear = server.allowHttp === true && isPrivateHost(url.hostname)
    if (!isSecureUrl(url) && !mayBeClear)
      return yield* refuse(insecure, `${role}, at ${shown(url)}, is not https`)
    return url
  })

  return { check }
}
