import { Effect, Result } from "effect"
import { printable } from "../../domain/PrintableText.ts"
import * as Remedy from "../../domain/Remedy.ts"
import { type RemoteServer, resourceOf } from "../../domain/Server.ts"
import type { NetworkError } from "../../ports/HttpTransport.ts"
import { checkDestination } from "../signin/CodeDestination.ts"
import { grantFor, lacksIssuer } from "../signin/GrantChoice.ts"
import { unconfirmedIssuer } from "../signin/UnconfirmedIssuer.ts"
import { note, ok, skipped, type Verdict, wrong, wrongBy } from "./Finding.ts"
import {
  brokenCheck,
  isGuessed,
  isResolved,
  needsBrowser,
  type Resolution,
  type Resolved,
  unresolvedVerdict
} from "./Resolution.ts"

const discoveredVerdict = (server: RemoteServer, resolution: Resolved): Verdict => {
  const { authorizationServer } = resolution
  const { authorizationEndpoint, endpoints, issuer } = authorizationServer
  const at = printable(issuer)
  const oauth = Remedy.oauthOf(server.name)
  if (server.oauth.grant?._tag === "DeviceCode" && endpoints.deviceAuthorization === undefined) {
    return wrong(`of ${at}; it offers no device codes`, Remedy.remove(oauth, ["grant_type"]))
  }
  if (lacksIssuer(server, authorizationServer)) {
    return wrong(
      `of ${at}; it offers client credentials only, and the configuration does not say that the secret may be sent there`,
      Remedy.set(oauth, { grant_type: "client_credentials", issuer }, "this client belongs there")
    )
  }
  if (authorizationEndpoint === undefined && needsBrowser(server, resolution)) {
    return wrong(
      `of ${at}; it names no authorization_endpoint`,
      Remedy.set(
        oauth,
        { authorization_url: null, token_url: null, client_id: null },
        "its provider documents the endpoints"
      )
    )
  }
  return isGuessed(server, resolution)
    ? note(`none: /authorize, /token and /register of ${at} are used, as for older servers`)
    : ok(`of ${at}; its endpoints may be used`)
}

/**
 * The verdict on the metadata of the authorization server.
 *
 * @param endpoints how many other endpoints than the token endpoint the configuration names, or why one does not answer
 */
export const metadataVerdict = (
  server: RemoteServer,
  resolution: Resolution,
  endpoints: Result.Result<number, NetworkError>
): Verdict => {
  switch (resolution._tag) {
    case "Unreached":
      return skipped
    case "ByHand":
      if (Result.isFailure(endpoints)) return wrongBy(endpoints.failure)
      return ok(
        endpoints.success === 0
          ? "not requested: the configuration names the token endpoint"
          : "not requested: the endpoints of the configuration answer"
      )
    case "Discovered":
      return discoveredVerdict(server, resolution)
    case "Failed": {
      const { error } = resolution
      if (error._tag === "SignInNotOffered") return note("none: it requires no sign-in")
      const broken = brokenCheck(error)
      if (broken === "metadata") return wrongBy(error)
      return broken === "server" ? skipped : ok("found")
    }
  }
}

/** The verdict on the known quirks of the provider. */
export const providerVerdict = ({ oauth }: RemoteServer, resolution: Resolution): Verdict => {
  if (!isResolved(resolution)) return unresolvedVerdict("provider", resolution)
  const { provider } = resolution.authorizationServer
  if (!oauth.providerQuirks) return note("known quirks of providers are switched off")
  if (provider === undefined) return ok("no known quirks")
  const added = Object.entries(provider.extraAuthParams?.value ?? {}).map(
    ([name, value]) => `${name}=${value}`
  )
  const done = [
    ...(added.length === 0 ? [] : [`${added.join(" and ")} added`]),
    ...(provider.refusesResource === undefined ? [] : ["resource left out"]),
    ...(provider.silentOnPkce === undefined ? [] : ["PKCE assumed"])
  ]
  const what = `${provider.name}${done.length === 0 ? "" : `: ${done.join(", ")}`}`
  const hints = provider.hints?.map(({ value }) => Remedy.advice(`${value}.`)) ?? []
  return hints.length === 0 ? ok(what) : note(what, ...hints)
}

/** Checks where the result of an approval is sent. */
export const destinationOf = Effect.fn("Doctor.destinationOf")(function* (
  server: RemoteServer,
  resolution: Resolution
) {
  if (!isResolved(resolution) || !needsBrowser(server, resolution)) return undefined
  const { authorizationServer } = resolution
  const { authorizationEndpoint } = authorizationServer
  return authorizationEndpoint === undefined
    ? undefined
    : yield* checkDestination(server, authorizationServer, authorizationEndpoint)
}, Effect.result)

/** The verdict on the issuer. */
export const issuerVerdict = (
  server: RemoteServer,
  resolution: Resolution,
  destination: Effect.Success<ReturnType<typeof destinationOf>>
): Verdict => {
  if (Result.isFailure(destination)) return wrongBy(destination.failure)
  if (destination.success !== undefined) {
    const { message, remedies } = destination.success
    return note(message.replace(/\.$/, ""), ...remedies)
  }
  if (!isResolved(resolution)) return unresolvedVerdict("issuer", resolution)
  const configured = server.oauth.issuer
  if (resolution._tag === "ByHand") {
    return configured === undefined
      ? note(
          "not known, so answers are not checked for it (RFC 9207)",
          Remedy.set(Remedy.oauthOf(server.name), { issuer: null })
        )
      : ok(`answers must come from ${configured}`)
  }
  const { authorizationServer } = resolution
  const { issuer, responseIssuerRequired } = authorizationServer
  const unconfirmed =
    grantFor(server, authorizationServer)._tag === "DeviceCode"
      ? unconfirmedIssuer(server, authorizationServer)
      : undefined
  if (unconfirmed !== undefined) return wrongBy(unconfirmed)
  if (isGuessed(server, resolution))
    return note(`${printable(issuer)}, where the server is; nothing confirms it`)
  const named = configured === undefined ? "as the server names it" : "as the configuration names it"
  const spelling = [configured, resolution.discovered.issuerSpelling].find(
    (text) => text !== undefined && text !== issuer
  )
  const what =
    spelling === undefined
      ? `${printable(issuer)}, ${named}, and its metadata agrees`
      : `${printable(issuer)}, which ${configured === spelling ? "the configuration" : "the server"} writes ${printable(spelling)}: the same but for the slash`
  if (spelling !== undefined) return note(what)
  return responseIssuerRequired
    ? ok(what)
    : note(`${what}; it does not announce that its answers name it (RFC 9207)`)
}

/** The verdict on the `resource` parameter (RFC 8707). */
export const resourceVerdict = (server: RemoteServer, resolution: Resolution): Verdict => {
  if (!isResolved(resolution)) return unresolvedVerdict("resource", resolution)
  const oauth = Remedy.oauthOf(server.name)
  const { provider, resource } = resolution.authorizationServer
  if (resource === undefined) {
    const send = Remedy.set(oauth, { send_resource: true }, "its provider requires it")
    if (resolution._tag === "ByHand") {
      return note("not sent, since the configuration names the endpoints (RFC 8707)", send)
    }
    return server.oauth.sendResource === false
      ? note(
          "not sent, as the configuration says",
          Remedy.remove(oauth, ["send_resource"], "its provider accepts it")
        )
      : note(`not sent, since ${provider?.name} refuses it`, send)
  }
  const sent = printable(resource)
  if (resource === resourceOf(server)) return ok(sent)
  return resolution._tag === "ByHand"
    ? ok(`${sent}, as "extra_auth_params" has it`)
    : ok(`${sent}, as the metadata of the server writes ${resourceOf(server)}`)
}
