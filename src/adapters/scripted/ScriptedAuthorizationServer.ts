import { Clock, Context, Duration, Effect, Layer, Redacted } from "effect"
import { AuthorizationServerMetadata } from "../../domain/AuthorizationServer.ts"
import { comparableIssuer } from "../../domain/Issuer.ts"
import { DynamicRegistration } from "../../domain/ClientRegistration.ts"
import { resourceOf } from "../../domain/Server.ts"
import { scopesOf, TokenSet } from "../../domain/TokenSet.ts"
import { ClientRegistrar, RegistrationError } from "../../ports/ClientRegistrar.ts"
import { DeviceAuthorization } from "../../ports/DeviceAuthorization.ts"
import { Discovery } from "../../ports/Discovery.ts"
import {
  type FurtherGrant,
  InvalidClient,
  InvalidGrant,
  type PushRequest,
  Refused,
  type RevocationRequest,
  TokenEndpoint,
  type TokenFailure,
  type TokenRequest,
  TokenRequestError
} from "../../ports/TokenEndpoint.ts"

/** How a scripted authorization server behaves. */
export interface ScriptedOptions {
  /** Lifetime of its access tokens. Absent: one hour. */
  readonly lifetime?: Duration.Input
  /** Issues refresh tokens. Absent: true. */
  readonly refreshTokens?: boolean
  /** Has a revocation endpoint. Absent: true. */
  readonly revocation?: boolean
  /** How long a token request takes. Absent: no time. */
  readonly latency?: Duration.Input
  /** Other members of its metadata. */
  readonly metadata?: Partial<
    Pick<
      AuthorizationServerMetadata,
      | "scopes_supported"
      | "token_endpoint_auth_methods_supported"
      | "client_id_metadata_document_supported"
      | "grant_types_supported"
      | "dpop_signing_alg_values_supported"
      | "pushed_authorization_request_endpoint"
    >
  >
  /** The PKCE methods that it announces. Absent: S256. `unsaid`: it announces none. */
  readonly pkce?: ReadonlyArray<string> | "unsaid"
  /** Issues device codes, which are approved after this number of early requests. Absent: it issues none. */
  readonly devicePending?: number
  /** Requires PKCE of device authorization requests, as Keycloak can, or refuses its parameters. Absent: PKCE is optional. */
  readonly devicePkce?: "required" | "refused"
  /** Accepts pushed authorization requests (RFC 9126), or requires them. Absent: it has no endpoint for them. */
  readonly pushedAuthorization?: "offered" | "required"
  /** Registers clients. Absent: true. */
  readonly registration?: boolean
  /** The MCP server accepts only tokens that are bound to a key. */
  readonly dpopRequired?: boolean
  /** The only scopes that it grants. Absent: every requested scope. */
  readonly grants?: ReadonlyArray<string>
}

/**
 * An authorization server in memory, for tests of code over the ports `Discovery`, `ClientRegistrar`, `DeviceAuthorization`
 * and `TokenEndpoint`. It issues opaque tokens, rotates refresh tokens, and revokes the whole family if one is used twice, as
 * strict servers do.
 */
export class ScriptedAuthorizationServer extends Context.Service<
  ScriptedAuthorizationServer,
  {
    readonly issuer: string
    /** Requests so far. */
    readonly counts: {
      readonly discoveries: number
      readonly registrations: number
      readonly codeExchanges: number
      readonly refreshes: number
      /** Requests with a grant that is neither a code nor a refresh token. */
      readonly grants: number
      readonly identityAssertions: number
      readonly pushedAuthorizations: number
      readonly revokedFamilies: number
    }
    /** The tokens of the revocation requests, in order. */
    readonly revocations: ReadonlyArray<Pick<RevocationRequest, "token" | "hint">>
    /** Makes the next requests of clients fail, in this order. */
    readonly failNext: (...failures: ReadonlyArray<TokenFailure>) => Effect.Effect<void>
    /** Approves an authorization request. Returns the redirect URI with a code, the state and `iss`. */
    readonly approve: (authorizationUrl: URL) => Effect.Effect<URL>
    /** Changes the issuer that the MCP server names. It has other endpoints, and knows other clients. */
    readonly moveTo: (issuer: string) => Effect.Effect<void>
    /** Changes the path of the token endpoint in the metadata. */
    readonly moveTokenEndpoint: (path: string) => Effect.Effect<void>
    /** The scopes of an access token. */
    readonly scopesOf: (accessToken: Redacted.Redacted) => Effect.Effect<ReadonlyArray<string>>
    /** The clients that were deregistered (RFC 7592). */
    readonly deregistered: ReadonlyArray<string>
    /** Forgets every registered client. */
    readonly forgetClients: Effect.Effect<void>
    /** Revokes every token. */
    readonly revokeAll: Effect.Effect<void>
    /** Whether an access token is valid now. */
    readonly accepts: (accessToken: Redacted.Redacted) => Effect.Effect<boolean>
  }
>()("mcp-cli-oauth/adapters/scripted/ScriptedAuthorizationServer") {}

/** The tokens of one grant. */
interface Family {
  revoked: boolean
  /** The only refresh token that may be used. */
  current: string | undefined
  /** The refresh tokens that were replaced. One that comes back ends the grant (RFC 9700 §4.14.2). */
  readonly used: Set<string>
  readonly scopes: ReadonlyArray<string>
  /** The answers name the scopes, since they differ from the requested ones. */
  readonly narrowed: boolean
  /** Access tokens, and when each expires. */
  readonly accessTokens: Map<string, number>
}

/** Everything that the server remembers. */
const makeState = (options: ScriptedOptions) => {
  const families: Array<Family> = []
  let serial = 0
  return {
    options,
    issuer: "https://as.test",
    tokenPath: "/token",
    devicePolls: 0,
    counts: {
      discoveries: 0,
      registrations: 0,
      codeExchanges: 0,
      refreshes: 0,
      grants: 0,
      identityAssertions: 0,
      pushedAuthorizations: 0,
      revokedFamilies: 0
    },
    revocations: new Array<Pick<RevocationRequest, "token" | "hint">>(),
    failures: new Array<TokenFailure>(),
    /** Registered clients, and the origin of the issuer that knows each. */
    clients: new Map<string, string>(),
    deregistered: new Array<string>(),
    codes: new Map<
      string,
      {
        readonly clientId: string
        readonly challenge: string | null
        readonly scopes: ReadonlyArray<string>
      }
    >(),
    /** Device codes, and what each was requested with. */
    deviceCodes: new Map<
      string,
      { readonly scopes: ReadonlyArray<string>; readonly challenge: string | undefined }
    >(),
    /** Clients that were registered for the device grant. */
    deviceClients: new Set<string>(),
    /** Pushed requests by their `request_uri`; each can be used once. */
    pushed: new Map<string, URLSearchParams>(),
    families,
    next: () => ++serial,
    begin: (scopes: ReadonlyArray<string>, narrowed = false): Family => {
      const family: Family = {
        revoked: false,
        current: undefined,
        used: new Set(),
        scopes,
        narrowed,
        accessTokens: new Map()
      }
      families.push(family)
      return family
    }
  }
}
type State = ReturnType<typeof makeState>

const metadataOf = ({ issuer, options, tokenPath }: State) => {
  const base = comparableIssuer(issuer)
  return new AuthorizationServerMetadata({
    issuer,
    authorization_endpoint: `${base}/authorize`,
    token_endpoint: `${base}${tokenPath}`,
    ...(options.registration === false ? {} : { registration_endpoint: `${base}/register` }),
    ...(options.devicePending === undefined ? {} : { device_authorization_endpoint: `${base}/device` }),
    ...(options.pushedAuthorization === undefined
      ? {}
      : {
          pushed_authorization_request_endpoint: `${base}/par`,
          require_pushed_authorization_requests: options.pushedAuthorization === "required"
        }),
    ...(options.revocation === false ? {} : { revocation_endpoint: `${base}/revoke` }),
    ...(options.pkce === "unsaid" ? {} : { code_challenge_methods_supported: options.pkce ?? ["S256"] }),
    token_endpoint_auth_methods_supported: ["none", "client_secret_basic"],
    authorization_response_iss_parameter_supported: true,
    ...options.metadata
  })
}

/** The parameters of an authorization request, pushed or in its URL. */
const requestAt = ({ options, pushed }: State, { searchParams }: URL): URLSearchParams => {
  const reference = searchParams.get("request_uri")
  if (reference === null && options.pushedAuthorization !== "required") return searchParams
  const request = pushed.get(reference ?? "") ?? new URLSearchParams()
  pushed.delete(reference ?? "")
  return request
}

const makeServer = (state: State): ScriptedAuthorizationServer["Service"] =>
  ScriptedAuthorizationServer.of({
    issuer: state.issuer,
    counts: state.counts,
    revocations: state.revocations,
    deregistered: state.deregistered,
    moveTo: (issuer) => Effect.sync(() => void (state.issuer = issuer)),
    moveTokenEndpoint: (path) => Effect.sync(() => void (state.tokenPath = path)),
    failNext: (...failures) => Effect.sync(() => void state.failures.push(...failures)),
    forgetClients: Effect.sync(() => state.clients.clear()),
    revokeAll: Effect.sync(() => state.families.forEach((family) => (family.revoked = true))),
    scopesOf: (accessToken) =>
      Effect.sync(
        () =>
          state.families.find(({ accessTokens }) => accessTokens.has(Redacted.value(accessToken)))?.scopes ??
          []
      ),
    accepts: (accessToken) =>
      Effect.map(Clock.currentTimeMillis, (now) =>
        state.families.some(
          ({ accessTokens, revoked }) =>
            !revoked && (accessTokens.get(Redacted.value(accessToken)) ?? 0) > now
        )
      ),
    approve: (authorizationUrl) =>
      Effect.sync(() => {
        const request = requestAt(state, authorizationUrl)
        const code = `code-${state.next()}`
        state.codes.set(code, {
          clientId: request.get("client_id") ?? "",
          challenge: request.get("code_challenge"),
          scopes: scopesOf(request.get("scope") ?? "")
        })
        const back = new URL(request.get("redirect_uri") ?? "")
        back.searchParams.set("code", code)
        back.searchParams.set("state", request.get("state") ?? "")
        back.searchParams.set("iss", state.issuer)
        return back
      })
  })

const makeDiscovery = (state: State): Discovery["Service"] =>
  Discovery.of({
    discover: (server, challenge) =>
      Effect.sync(() => {
        state.counts.discoveries += 1
        return {
          metadata: metadataOf(state),
          resource: resourceOf(server),
          scopes: challenge?.scope === undefined ? [] : challenge.scope.split(" "),
          dpopRequired: state.options.dpopRequired === true
        }
      }),
    tokenEndpointsFor: () => Effect.succeed([])
  })

const makeRegistrar = ({ clients, counts, deregistered, deviceClients }: State): ClientRegistrar["Service"] =>
  ClientRegistrar.of({
    register: ({ deviceCode, metadata: { issuer, registration_endpoint }, redirectUri, scopes, server }) =>
      Effect.suspend(() => {
        if (registration_endpoint === undefined) return new RegistrationError({ server, issuer })
        counts.registrations += 1
        const clientId = `dynamic-${counts.registrations}`
        clients.set(clientId, new URL(issuer).origin)
        if (deviceCode === true) deviceClients.add(clientId)
        return Effect.succeed(
          new DynamicRegistration({
            clientId,
            authenticationMethod: "none",
            redirectUri: redirectUri.href,
            ...(scopes.length === 0 ? {} : { scopes }),
            ...(deviceCode === true ? { deviceCode } : {}),
            management: {
              url: `${comparableIssuer(issuer)}/register/${clientId}`,
              accessToken: Redacted.make(`management-of-${clientId}`)
            }
          })
        )
      }),
    deregister: ({ clientId }) =>
      Effect.sync(() => {
        deregistered.push(clientId)
        return clients.delete(clientId)
      })
  })

type ClientRequest = TokenRequest | RevocationRequest | PushRequest

const placeOf = (request: ClientRequest) => {
  if ("tokenEndpoint" in request) return { origin: request.tokenEndpoint.origin }
  return "revocationEndpoint" in request
    ? { origin: request.revocationEndpoint.origin, purpose: "revocation" as const }
    : { origin: request.pushedAuthorizationEndpoint.origin, purpose: "pushed authorization" as const }
}

const fail = (request: ClientRequest, reason: TokenFailure) =>
  new TokenRequestError({ server: request.server, ...placeOf(request), reason })

const isForgotten = ({ clients }: State, clientId: string, origin: string): boolean =>
  clientId.startsWith("dynamic-") && clients.get(clientId) !== origin

/** What every request of a client meets: the latency, the next failure, and a client that is forgotten. */
const receive = Effect.fnUntraced(function* (state: State, request: ClientRequest) {
  yield* Effect.sleep(state.options.latency ?? 0)
  const failure = state.failures.shift()
  if (failure !== undefined) return yield* fail(request, failure)
  if (isForgotten(state, request.client.clientId, placeOf(request).origin)) {
    return yield* fail(request, new InvalidClient())
  }
})

/** Issues tokens, with a refresh token that replaces the one before. */
const issue = Effect.fnUntraced(function* (
  { next, options }: State,
  family: Family,
  { dpopKey }: TokenRequest
) {
  const now = yield* Clock.currentTimeMillis
  const expiresAt = now + Duration.toMillis(options.lifetime ?? "1 hour")
  const serial = next()
  family.accessTokens.set(`access-${serial}`, expiresAt)
  if (family.current !== undefined) family.used.add(family.current)
  family.current = options.refreshTokens === false ? undefined : `refresh-${serial}`
  return new TokenSet({
    accessToken: Redacted.make(`access-${serial}`),
    tokenType: dpopKey === undefined ? "bearer" : "dpop",
    ...(dpopKey === undefined ? {} : { dpopKey }),
    obtainedAt: now,
    expiresAt,
    ...(family.narrowed ? { scope: family.scopes.join(" ") } : {}),
    ...(family.current === undefined ? {} : { refreshToken: Redacted.make(family.current) })
  })
})

/** Issues the tokens of a device code once the user has approved it. */
const pollDevice = Effect.fnUntraced(function* (
  state: State,
  request: TokenRequest,
  { codeVerifier, deviceCode }: Extract<FurtherGrant, { readonly _tag: "DeviceCode" }>
) {
  const issued = state.deviceCodes.get(Redacted.value(deviceCode))
  const isVerified = (issued?.challenge === undefined) === (codeVerifier === undefined)
  if (issued === undefined || !isVerified) return yield* fail(request, new InvalidGrant())
  if (state.devicePolls++ < (state.options.devicePending ?? 0)) {
    return yield* fail(request, new Refused({ error: "authorization_pending" }))
  }
  return yield* issue(state, state.begin(issued.scopes), request)
})

const makeTokenEndpoint = (state: State): TokenEndpoint["Service"] => {
  const { codes, counts, families, options } = state
  return TokenEndpoint.of({
    exchange: Effect.fn("ScriptedAuthorizationServer.exchange")(function* (request) {
      counts.codeExchanges += 1
      yield* receive(state, request)
      const code = Redacted.value(request.code)
      const issued = codes.get(code)
      codes.delete(code)
      const isVerified = (issued?.challenge ?? null) === null || request.codeVerifier !== undefined
      if (issued === undefined || issued.clientId !== request.client.clientId || !isVerified) {
        return yield* fail(request, new InvalidGrant())
      }
      const scopes = issued.scopes.filter((scope) => options.grants?.includes(scope) ?? true)
      return yield* issue(state, state.begin(scopes, options.grants !== undefined), request)
    }),
    refresh: Effect.fn("ScriptedAuthorizationServer.refresh")(function* (request) {
      counts.refreshes += 1
      yield* receive(state, request)
      const used = Redacted.value(request.refreshToken)
      const family = families.find(({ current, revoked }) => !revoked && current === used)
      if (family !== undefined) return yield* issue(state, family, request)
      const reused = families.find((other) => other.used.has(used))
      if (reused !== undefined) {
        if (!reused.revoked) counts.revokedFamilies += 1
        reused.revoked = true
      }
      return yield* fail(request, new InvalidGrant())
    }),
    grant: Effect.fn("ScriptedAuthorizationServer.grant")(function* (request) {
      counts.grants += 1
      yield* receive(state, request)
      if (request.grant._tag === "DeviceCode") {
        return yield* pollDevice(state, request, request.grant)
      }
      const family = state.begin(request.scopes)
      // Grants without a user have no refresh token (RFC 6749 §4.4.3).
      const { refreshToken: _, ...tokens } = yield* issue(state, family, request)
      family.current = undefined
      return new TokenSet(tokens)
    }),
    identityAssertion: Effect.fn("ScriptedAuthorizationServer.identityAssertion")(function* (request) {
      counts.identityAssertions += 1
      yield* receive(state, request).pipe(
        Effect.mapError((error) => new TokenRequestError({ ...error, purpose: "identity assertion" }))
      )
      return Redacted.make(`assertion-for-${request.audience}`)
    }),
    pushAuthorization: Effect.fn("ScriptedAuthorizationServer.pushAuthorization")(function* (request) {
      counts.pushedAuthorizations += 1
      yield* receive(state, request)
      const requestUri = `urn:ietf:params:oauth:request_uri:${state.next()}`
      state.pushed.set(requestUri, request.parameters)
      return { requestUri, expiresIn: 60 }
    }),
    revoke: Effect.fn("ScriptedAuthorizationServer.revoke")(function* (request) {
      state.revocations.push({ token: request.token, hint: request.hint })
      yield* receive(state, request)
      const token = Redacted.value(request.token)
      for (const family of families) {
        if (family.current === token) family.revoked = true
        family.accessTokens.delete(token)
      }
    })
  })
}

const makeDevices = (state: State): DeviceAuthorization["Service"] =>
  DeviceAuthorization.of({
    start: Effect.fn("ScriptedAuthorizationServer.start")(function* ({
      client: { clientId },
      codeChallenge,
      deviceAuthorizationEndpoint: { origin },
      scopes,
      server
    }) {
      const refuse = (reason: TokenFailure) => new TokenRequestError({ server, origin, reason })
      if (isForgotten(state, clientId, origin)) return yield* refuse(new InvalidClient())
      if (clientId.startsWith("dynamic-") && !state.deviceClients.has(clientId)) {
        return yield* refuse(
          new Refused({ error: "invalid_request", description: "device_code is not allowed" })
        )
      }
      const isWrong = { required: codeChallenge === undefined, refused: codeChallenge !== undefined }
      if (state.options.devicePkce !== undefined && isWrong[state.options.devicePkce]) {
        return yield* refuse(new Refused({ error: "invalid_request", description: "code_challenge" }))
      }
      const serial = state.next()
      state.deviceCodes.set(`device-${serial}`, { scopes, challenge: codeChallenge })
      const verificationUri = new URL("/activate", state.issuer)
      return {
        deviceCode: Redacted.make(`device-${serial}`),
        userCode: `CODE-${serial}`,
        verificationUri,
        verificationUriComplete: new URL(`?user_code=CODE-${serial}`, verificationUri),
        expiresAt: (yield* Clock.currentTimeMillis) + 600_000,
        interval: 5000
      }
    })
  })

/** A scripted authorization server, and the four ports in front of it. */
export const layer = (
  options: ScriptedOptions = {}
): Layer.Layer<
  ScriptedAuthorizationServer | Discovery | ClientRegistrar | DeviceAuthorization | TokenEndpoint
> =>
  Layer.effectContext(
    Effect.sync(() => {
      const state = makeState(options)
      return Context.make(ScriptedAuthorizationServer, makeServer(state)).pipe(
        Context.add(Discovery, makeDiscovery(state)),
        Context.add(ClientRegistrar, makeRegistrar(state)),
        Context.add(DeviceAuthorization, makeDevices(state)),
        Context.add(TokenEndpoint, makeTokenEndpoint(state))
      )
    })
  )
