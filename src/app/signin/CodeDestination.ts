import { Effect } from "effect"
import { resourceCovers } from "../../domain/AuthorizationServer.ts"
import { printable } from "../../domain/PrintableText.ts"
import { oauthOf, type Remedy, set } from "../../domain/Remedy.ts"
import { isSameOrigin } from "../../domain/SecureUrl.ts"
import type { RemoteServer } from "../../domain/Server.ts"
import { Discovery, DiscoveryError } from "../../ports/Discovery.ts"
import type { ResolvedAuthorizationServer } from "./ResolvedAuthorizationServer.ts"

/** Where a user approves, and another origin that gets the result; nothing confirms that they belong together. */
export interface UnconfirmedDestination {
  readonly message: string
  readonly remedies: ReadonlyArray<Remedy>
}

/** True for a path such as `/users/evil/..%2f..%2fauthorize`, which some servers take for `/authorize`. */
const leavesItsPath = ({ pathname }: URL): boolean => /%(2f|5c|25)|\\|\/[./]/i.test(pathname)

/**
 * Checks where the result of an approval is sent. A hostile server can name the page of an honest provider beside a token
 * endpoint of its own, and gets the code and the verifier if the provider does not send `iss` (RFC 9207 §1, "mix-up").
 *
 * **Details**
 *
 * The page and the token endpoint belong together if they have one origin, if the user has configured the endpoints or the
 * issuer, if the issuer is at the origin and above the path of the page, or if the origin of the page names the token
 * endpoint in metadata of its own. Other issuers at that origin do not count: they may be content of its users.
 *
 * @param page the authorization endpoint, or the page for a device code
 * @returns what to tell the user before they approve; `undefined` if the two belong together
 */
export const checkDestination = Effect.fn("CodeDestination.check")(function* (
  server: RemoteServer,
  { issuer, metadata, tokenEndpoint }: ResolvedAuthorizationServer,
  page: URL
): Effect.fn.Return<UnconfirmedDestination | undefined, DiscoveryError, Discovery> {
  const isChosenByUser = metadata === undefined || server.oauth.issuer !== undefined
  if (isChosenByUser || isSameOrigin(page, tokenEndpoint)) return undefined
  if (URL.canParse(issuer) && !leavesItsPath(page) && resourceCovers(new URL(issuer), page)) return undefined
  const named = yield* Discovery.use(({ tokenEndpointsFor }) => tokenEndpointsFor(server, page))
  if (named.some((endpoint) => isSameOrigin(endpoint, tokenEndpoint))) return undefined
  const own = [...new Set(named.map(({ origin }) => origin))].join(" and ")
  if (own !== "") {
    return yield* new DiscoveryError({
      server: server.name,
      reason: "token endpoint mismatch",
      detail: `${printable(issuer)} sends users to ${page.origin} and the result to ${tokenEndpoint.origin}, but ${page.origin} names ${own} for that`
    })
  }
  return {
    message: `You approve the sign-in to ${server.name} at ${page.origin}, and ${tokenEndpoint.origin} gets the result. Nothing confirms that they belong together: approve only if you know both.`,
    remedies: [
      set(oauthOf(server.name), { issuer: printable(issuer) }, "they do, and you want no further notice")
    ]
  }
})
