import { Clock, Effect, Option, Predicate, Redacted } from "effect"
import type { AuthorizationServerMetadata } from "../../domain/AuthorizationServer.ts"
import { clientDescription, type ClientIdentitySettings } from "../../domain/ClientMetadata.ts"
import { DynamicRegistration } from "../../domain/ClientRegistration.ts"
import { printable } from "../../domain/PrintableText.ts"
import { hasUserInformation, isSameOrigin, isSecureUrl } from "../../domain/SecureUrl.ts"
import { scopesOf } from "../../domain/TokenSet.ts"
import { isTransientStatus } from "../../domain/TransientStatus.ts"
import { type ClientRegistrar, RegistrationError } from "../../ports/ClientRegistrar.ts"
import { discardBody, type HttpTransport, NetworkError } from "../../ports/HttpTransport.ts"
import { readBody } from "../http/BoundedBody.ts"
import { retryAfterMillis } from "../http/RetryAfter.ts"
import { readErrorAnswer } from "./ErrorAnswer.ts"
import { type JsonMembers, readJsonObject } from "./JsonAnswer.ts"
import { deregistrationTimeout, maxTime } from "./OAuthLimits.ts"
import { redirectText } from "./RedirectText.ts"

/** A member that is not a text is left out, and so is an empty one. */
const textOf = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? value : undefined

/** A list of texts, or one text with spaces between them. */
const wordsIn = (value: unknown): ReadonlyArray<string> | undefined =>
  Array.isArray(value)
    ? value.filter(Predicate.isString)
    : typeof value === "string"
      ? scopesOf(value)
      : undefined

/**
 * When a secret expires, in milliseconds since the epoch: a number of seconds (RFC 7591 §3.2.1), which some servers write as
 * text, or as a date. Undefined: it does not expire.
 */
const expiryOf = (value: unknown): number | undefined => {
  const text = textOf(value)
  const seconds = text === undefined ? value : Number(text)
  const millis =
    typeof seconds === "number" && !Number.isNaN(seconds) ? seconds * 1000 : Date.parse(text ?? "")
  return millis > 0 ? Math.min(millis, maxTime) : undefined
}

/**
 * How to deregister a client. Absent if the server did not say, or named another origin than that of its registration
 * endpoint: it could make us send a token, or delete something, elsewhere.
 */
const managementOf = (
  { registration_access_token: accessToken, registration_client_uri: address }: JsonMembers,
  endpoint: URL
): DynamicRegistration["management"] => {
  if (typeof address !== "string" || typeof accessToken !== "string" || !/^[\x21-\x7e]+$/.test(accessToken)) {
    return undefined
  }
  const url = URL.parse(address)
  return url === null || !isSameOrigin(url, endpoint) || hasUserInformation(url)
    ? undefined
    : { url: url.href, accessToken: Redacted.make(accessToken) }
}

/** A program on a user's machine cannot keep a secret (RFC 8252 §8.5), so `none` is requested if the server lists it. */
const usableMethods = ["none", "client_secret_post", "client_secret_basic"] as const
type UsableMethod = (typeof usableMethods)[number]

/**
 * The method to register. Post comes before Basic, which the Python MCP SDK lists too and then does not accept alone. A server
 * that lists nothing means Basic (RFC 8414 §2).
 */
const methodToRequest = ({
  token_endpoint_auth_methods_supported: supported = []
}: AuthorizationServerMetadata): UsableMethod => {
  if (supported.length === 0) return "client_secret_basic"
  return usableMethods.find((method) => supported.includes(method)) ?? "none"
}

/**
 * The method that the server registered, which may differ from the requested one (RFC 7591 §3.2.1). A list means any of its
 * methods. Undefined: this client cannot use it.
 */
const methodGiven = (
  { client_secret, token_endpoint_auth_method: given }: JsonMembers,
  requested: UsableMethod
): UsableMethod | undefined => {
  const listed = (wordsIn(given) ?? []).map((method) => method.toLowerCase())
  const usable = listed.includes(requested)
    ? requested
    : usableMethods.find((method) => listed.includes(method))
  if (listed.length > 0 && usable === undefined) return undefined
  if (textOf(client_secret) === undefined) return "none"
  return usable ?? (requested === "none" ? "client_secret_basic" : requested)
}

/** What was registered, and where. */
interface Requested {
  readonly endpoint: URL
  readonly redirectUri: URL
  /** The scopes that sign-ins will request, even if the server registers no scopes. */
  readonly scopes: ReadonlyArray<string>
  readonly deviceCode: boolean
}

/** The registration that an answer describes. What it omits is registered as requested. */
const registrationOf = (
  answer: JsonMembers,
  clientId: string,
  authenticationMethod: UsableMethod,
  { deviceCode, endpoint, redirectUri, scopes: wanted }: Requested
): DynamicRegistration => {
  const secret = textOf(answer["client_secret"])
  const expiresAt = expiryOf(answer["client_secret_expires_at"])
  const management = managementOf(answer, endpoint)
  const scopes = wordsIn(answer["scope"]) ?? wanted
  return new DynamicRegistration({
    clientId,
    authenticationMethod,
    redirectUri: redirectUri.href,
    ...(secret === undefined ? {} : { clientSecret: Redacted.make(secret) }),
    ...(secret === undefined || expiresAt === undefined ? {} : { secretExpiresAt: expiresAt }),
    ...(scopes.length === 0 ? {} : { scopes }),
    ...(wanted.every((scope) => scopes.includes(scope)) ? {} : { wantedScopes: wanted }),
    ...(deviceCode ? { deviceCode } : {}),
    ...(management === undefined ? {} : { management })
  })
}

/** The words of a server in an error answer (RFC 7591 §3.2.2), or in the answer of what stands before it. */
const wordsOf = (text: string): string | undefined => {
  const { description, error } = readErrorAnswer(text)
  const words = [error, description].filter(Predicate.isNotUndefined)
  if (words.length > 0) return printable(words.join(": "))
  // Not a web page, and not JSON.
  return /^[^<{[]{1,200}$/.test(text.trim()) ? printable(text) : undefined
}

type RegisterRequest = Parameters<ClientRegistrar["Service"]["register"]>[0]

/** Sends one registration request (RFC 7591 §3.1), and reads its answer. */
const requestRegistration = Effect.fnUntraced(function* (
  transport: HttpTransport["Service"],
  identity: ClientIdentitySettings,
  { deviceCode, dpop, metadata, redirectUri, registerAt, server }: RegisterRequest,
  endpoint: URL,
  scopes: ReadonlyArray<string>
) {
  const { issuer } = metadata
  const refuse = (detail: string, more: Pick<RegistrationError, "why" | "retryAfter"> = {}) =>
    new RegistrationError({
      server,
      issuer,
      detail,
      ...more,
      ...(registerAt === undefined ? {} : { registerAt }),
      ...(metadata.client_id_metadata_document_supported === true ? { takesMetadataDocument: true } : {})
    })
  const method = methodToRequest(metadata)
  const response = yield* transport.send(
    new Request(endpoint, {
      method: "POST",
      headers: { "content-type": "application/json", accept: "application/json" },
      body: JSON.stringify({
        ...clientDescription(identity, redirectUri, { deviceCode: deviceCode === true }),
        token_endpoint_auth_method: method,
        ...(dpop === true ? { dpop_bound_access_tokens: true } : {}),
        ...(scopes.length === 0 ? {} : { scope: scopes.join(" ") })
      })
    })
  )
  const { origin } = endpoint
  const { status } = response
  const text = yield* readBody(response).pipe(
    Effect.mapError(({ detail, isTransient }) =>
      isTransient ? new NetworkError({ origin, detail }) : refuse(detail)
    )
  )
  const place = `HTTP ${status} at its registration endpoint`
  const words = wordsOf(text)
  const said = words === undefined ? place : `${place}: ${words}`
  // An unavailable server has refused nothing.
  if (isTransientStatus(status)) {
    const now = yield* Clock.currentTimeMillis
    const retryAfter = retryAfterMillis(response.headers.get("retry-after"), now)
    return yield* refuse(said, { why: "unavailable", ...(retryAfter === undefined ? {} : { retryAfter }) })
  }
  if (status >= 300 && status < 400) return yield* refuse(`${place}: ${redirectText(response)}`)
  if (status === 404 || status === 405) return yield* refuse(place, { why: "nothing there" })
  const answer = Option.getOrElse(readJsonObject(text), (): JsonMembers => ({}))
  const id = answer["client_id"]
  const clientId = Number.isSafeInteger(id) ? String(id) : textOf(id)
  if (!response.ok || (clientId === undefined && textOf(answer["error"]) !== undefined)) {
    const isOfRedirect = words !== undefined && /redirect[ _]?ur[il]/i.test(words)
    return yield* refuse(words ?? place, isOfRedirect ? { why: "redirect URI" } : {})
  }
  if (clientId === undefined) return yield* refuse("its answer holds no client_id")
  const authenticationMethod = methodGiven(answer, method)
  if (authenticationMethod === undefined) {
    const given = printable(wordsIn(answer["token_endpoint_auth_method"])?.join(" or ") ?? "")
    return yield* refuse(`it requires ${given} at its token endpoint, which this client does not support`)
  }
  return { answer, clientId, authenticationMethod }
})

/**
 * Registers a client (RFC 7591). One that is refused for its scopes is registered without them: Keycloak and Spring refuse any
 * `scope` in a registration, and accept the same one in an authorization request.
 */
export const register = Effect.fn("ClientRegistrar.register")(function* (
  transport: HttpTransport["Service"],
  identity: ClientIdentitySettings,
  request: RegisterRequest
) {
  const { allowHttp, deviceCode, metadata, redirectUri, registerAt, scopes, server } = request
  const { issuer } = metadata
  const known = registerAt === undefined ? {} : { registerAt }
  if (metadata.registration_endpoint === undefined) {
    const takesMetadataDocument = metadata.client_id_metadata_document_supported === true
    return yield* new RegistrationError({ server, issuer, takesMetadataDocument, ...known })
  }
  const endpoint = URL.parse(metadata.registration_endpoint)
  const isUsable = endpoint !== null && (isSecureUrl(endpoint) || allowHttp === true)
  if (!isUsable || hasUserInformation(endpoint)) {
    const detail = "its registration endpoint is no https address without a user name"
    return yield* new RegistrationError({ server, issuer, detail, ...known })
  }
  const attempt = (named: ReadonlyArray<string>) =>
    requestRegistration(transport, identity, request, endpoint, named)
  const { answer, authenticationMethod, clientId } = yield* Effect.catchIf(
    attempt(scopes),
    (error) =>
      error._tag === "RegistrationError" &&
      error.why === undefined &&
      scopes.length > 0 &&
      /scope/i.test(error.detail ?? ""),
    () => attempt([])
  )
  return registrationOf(answer, clientId, authenticationMethod, {
    endpoint,
    redirectUri,
    scopes,
    deviceCode: deviceCode === true
  })
})

/** Deregisters a client (RFC 7592 §2.3). False if its server did not say how, or refused. */
export const deregister = Effect.fn("ClientRegistrar.deregister")(function* (
  transport: HttpTransport["Service"],
  { management }: DynamicRegistration
) {
  if (management === undefined) return false
  const request = new Request(management.url, {
    method: "DELETE",
    headers: { authorization: `Bearer ${Redacted.value(management.accessToken)}` }
  })
  const response = yield* transport.send(request, { timeout: deregistrationTimeout })
  yield* discardBody(response)
  return response.ok
})
