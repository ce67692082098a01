import { Clock, Context, Duration, Effect, Layer, Redacted } from "effect"
import { AuthorizationServerMetadata } from "../../domain/AuthorizationServer.ts"
import { DynamicRegistration } from "../../domain/ClientRegistration.ts"
import { resourceOf } from "../../domain/Server.ts"
import { scopesOf, TokenSet } from "../../domain/TokenSet.ts"
import { ClientRegistrar, RegistrationError } from "../../ports/ClientRegistrar.ts"
import { DeviceAuthorization } from "../../ports/DeviceAuthorization.ts"
import { Discovery } from "../../ports/Discovery.ts"
import {
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
  /** Life of its access tokens; absent: one hour. */
  readonly lifetime?: Duration.Input
  /** Gives refresh tokens; absent: it does. */
  readonly refreshTokens?: boolean
  /** Has a revocation endpoint; absent: it does. */
  readonly revocation?: boolean
  /** How long a token request takes; absent: no time at all. */
  readonly latency?: Duration.Input
  /** What its metadata says besides. */
  readonly metadata?: Partial<
    Pick<
      AuthorizationServerMetadata,
      | "scopes_supported"
      | "client_id_metadata_document_supported"
      | "grant_types_supported"
      | "dpop_signing_alg_values_supported"
      | "pushed_authorization_request_endpoint"
    >
  >
  /** How it says that it does PKCE; absent: with S256. `unsaid`: its metadata is silent. */
  readonly pkce?: ReadonlyArray<string> | "unsaid"
  /** Gives device codes, which are approved after so many requests that came too early; absent: it gives none. */
  readonly devicePending?: number
  /** Takes pushed authorization requests (RFC 9126), or no others; absent: it takes none. */
  readonly pushedAuthorization?: "offered" | "required"
  /** Registers clients; absent: it does. */
  readonly registration?: boolean
  /** The MCP server takes only tokens that are bound to a key. */
  readonly dpopRequired?: boolean
  /** The only scopes that it ever grants; absent: whatever is asked for. */
  readonly grants?: ReadonlyArray<string>
}

/**
 * An authorization server in memory, for tests of whatever stands on the ports `Discovery`, `ClientRegistrar`,
 * `DeviceAuthorization` and `TokenEndpoint`. It issues opaque tokens, rotates refresh tokens, and revokes the whole family when one is used
 * twice, as strict servers do.
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
      /** Requests by a grant that is neither a code nor a refresh token. */
      readonly grants: number
      readonly identityAssertions: number
      readonly pushedAuthorizations: number
      readonly revokedFamilies: number
    }
    /** The tokens that it was asked to revoke, in this order. */
    readonly revocations: ReadonlyArray<Pick<RevocationRequest, "token" | "hint">>
    /** Makes the next token and revocation requests fail, in this order. */
    readonly failNext: (...failures: ReadonlyArray<TokenFailure>) => Effect.Effect<void>
    /** What the user's browser gets for approving: the redirect URI with a code, the state and `iss`. */
    readonly approve: (authorizationUrl: URL) => Effect.Effect<URL>
    /** What the server's metadata names from now on as the issuer, with endpoints and clients of its own. */
    readonly moveTo: (issuer: string) => Effect.Effect<void>
    /** Where its metadata says that its token endpoint is from now on: a path. */
    readonly moveTokenEndpoint: (path: string) => Effect.Effect<void>
    /** The scopes of an access token that it has issued. */
    readonly scopesOf: (accessToken: Redacted.Redacted) => Effect.Effect<ReadonlyArray<string>>
    /** The clients that were taken back (RFC 7592). */
    readonly deregistered: ReadonlyArray<string>
    /** Forgets every client that it registered. */
    readonly forgetClients: Effect.Effect<void>
    /** Revokes every token. */
    readonly revokeAll: Effect.Effect<void>
    /** Whether it would take this access token at this moment. */
    readonly accepts: (accessToken: Redacted.Redacted) => Effect.Effect<boolean>
  }
>()("mcp-cli-oauth/adapters/scripted/ScriptedAuthorizationServer") {}

interface Family {
  revoked: boolean
  /** The one refresh token that may be used. */
  current: string | undefined
  readonly scopes: ReadonlyArray<string>
  /** The answers name the scopes, since they are not those that were asked for. */
  readonly narrowed: boolean
  readonly accessTokens: Map<string, number>
}

type ClientRequest = TokenRequest | RevocationRequest | PushRequest

const placeOf = (request: ClientRequest) => {
  if ("tokenEndpoint" in request) return { origin: request.tokenEndpoint.origin }
  return "revocationEndpoint" in request
    ? { origin: request.revocationEndpoint.origin, purpose: "revocation" as const }
    : { origin: request.pushedAuthorizationEndpoint.origin, purpose: "pushed authorization" as const }
}

const fail = (request: ClientRequest, reason: TokenFailure) =>
  new TokenRequestError({ server: request.server, ...placeOf(request), reason })

/** A scripted authorization server, and the four ports that speak to it. */
export const layer = (
  options: ScriptedOptions = {}
): Layer.Layer<
  ScriptedAuthorizationServer | Discovery | ClientRegistrar | DeviceAuthorization | TokenEndpoint
> =>
  Layer.effectContext(
    Effect.sync(() => {
      let issuer = "https://as.test"
      let tokenPath = "/token"
      const lifetime = Duration.toMillis(options.lifetime ?? "1 hour")
      const counts = {
        discoveries: 0,
        registrations: 0,
        codeExchanges: 0,
        refreshes: 0,
        grants: 0,
        identityAssertions: 0,
        pushedAuthorizations: 0,
        revokedFamilies: 0
      }
      const revocations: Array<Pick<RevocationRequest, "token" | "hint">> = []
      const failures: Array<TokenFailure> = []
      /** Clients, and the origin of the issuer that knows each. */
      const clients = new Map<string, string>()
      const deregistered: Array<string> = []
      const codes = new Map<
        string,
        {
          readonly clientId: string
          readonly challenge: string | null
          readonly scopes: ReadonlyArray<string>
        }
      >()
      /** Pushed requests by their `request_uri`; each can be used once. */
      const pushed = new Map<string, URLSearchParams>()
      const families: Array<Family> = []
      /** Device codes, and the scopes that each was asked for with. */
      const deviceCodes = new Map<string, ReadonlyArray<string>>()
      let devicePolls = 0
      let serial = 0

      const begin = Effect.fnUntraced(function* (request: ClientRequest) {
        yield* Effect.sleep(options.latency ?? 0)
        const failure = failures.shift()
        if (failure !== undefined) return yield* fail(request, failure)
        const { origin } = placeOf(request)
        const { clientId } = request.client
        if (clientId.startsWith("dynamic-") && clients.get(clientId) !== origin) {
          return yield* fail(request, new InvalidClient())
        }
      })

      const issue = Effect.fnUntraced(function* (family: Family, dpopKey: Redacted.Redacted | undefined) {
        const now = yield* Clock.currentTimeMillis
        serial += 1
        family.accessTokens.set(`access-${serial}`, now + lifetime)
        family.current = options.refreshTokens === false ? undefined : `refresh-${serial}`
        return new TokenSet({
          accessToken: Redacted.make(`access-${serial}`),
          tokenType: dpopKey === undefined ? "bearer" : "dpop",
          ...(dpopKey === undefined ? {} : { dpopKey }),
          obtainedAt: now,
          expiresAt: now + lifetime,
          ...(family.narrowed ? { scope: family.scopes.join(" ") } : {}),
          ...(family.current === undefined ? {} : { refreshToken: Redacted.make(family.current) })
        })
      })

      const metadata = () =>
        new AuthorizationServerMetadata({
          issuer,
          authorization_endpoint: `${issuer}/authorize`,
          token_endpoint: `${issuer}${tokenPath}`,
          ...(options.registration === false ? {} : { registration_endpoint: `${issuer}/register` }),
          ...(options.devicePending === undefined
            ? {}
            : { device_authorization_endpoint: `${issuer}/device` }),
          ...(options.pushedAuthorization === undefined
            ? {}
            : {
                pushed_authorization_request_endpoint: `${issuer}/par`,
                require_pushed_authorization_requests: options.pushedAuthorization === "required"
              }),
          ...(options.revocation === false ? {} : { revocation_endpoint: `${issuer}/revoke` }),
          ...(options.pkce === "unsaid"
            ? {}
            : { code_challenge_methods_supported: options.pkce ?? ["S256"] }),
          token_endpoint_auth_methods_supported: ["none", "client_secret_basic"],
          authorization_response_iss_parameter_supported: true,
          ...options.metadata
        })

      const server = ScriptedAuthorizationServer.of({
        issuer,
        moveTo: (next) =>
          Effect.sync(() => {
            issuer = next
          }),
        moveTokenEndpoint: (path) =>
          Effect.sync(() => {
            tokenPath = path
          }),
        scopesOf: (accessToken) =>
          Effect.sync(
            () =>
              families.find(({ accessTokens }) => accessTokens.has(Redacted.value(accessToken)))?.scopes ?? []
          ),
        deregistered,
        counts,
        revocations,
        failNext: (...next) => Effect.sync(() => void failures.push(...next)),
        approve: (authorizationUrl) =>
          Effect.sync(() => {
            serial += 1
            const reference = authorizationUrl.searchParams.get("request_uri")
            const asked =
              reference === null && options.pushedAuthorization !== "required"
                ? authorizationUrl.searchParams
                : (pushed.get(reference ?? "") ?? new URLSearchParams())
            pushed.delete(reference ?? "")
            codes.set(`code-${serial}`, {
              clientId: asked.get("client_id") ?? "",
              challenge: asked.get("code_challenge"),
              scopes: scopesOf(asked.get("scope") ?? "")
            })
            const back = new URL(asked.get("redirect_uri") ?? "")
            back.searchParams.set("code", `code-${serial}`)
            back.searchParams.set("state", asked.get("state") ?? "")
            back.searchParams.set("iss", issuer)
            return back
          }),
        forgetClients: Effect.sync(() => clients.clear()),
        revokeAll: Effect.sync(() => families.forEach((family) => (family.revoked = true))),
        accepts: (accessToken) =>
          Effect.map(Clock.currentTimeMillis, (now) =>
            families.some(
              ({ accessTokens, revoked }) =>
                !revoked && (accessTokens.get(Redacted.value(accessToken)) ?? 0) > now
            )
          )
      })

      const discovery = Discovery.of({
        discover: (mcpServer, challenge) =>
          Effect.sync(() => {
            counts.discoveries += 1
            return {
              metadata: metadata(),
              resource: resourceOf(mcpServer),
              scopes: challenge?.scope === undefined ? [] : challenge.scope.split(" "),
              dpopRequired: options.dpopRequired === true
            }
          })
      })

      const registrar = ClientRegistrar.of({
        register: ({
          metadata: { issuer: registeredAt, registration_endpoint },
          redirectUri,
          scopes,
          server: name
        }) =>
          Effect.suspend(() => {
            if (registration_endpoint === undefined) {
              return Effect.fail(new RegistrationError({ server: name, issuer: registeredAt }))
            }
            counts.registrations += 1
            const clientId = `dynamic-${counts.registrations}`
            clients.set(clientId, new URL(registeredAt).origin)
            return Effect.succeed(
              new DynamicRegistration({
                clientId,
                authenticationMethod: "none",
                redirectUri: redirectUri.href,
                ...(scopes.length === 0 ? {} : { scopes }),
                management: {
                  url: `${registeredAt}/register/${clientId}`,
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

      const tokenEndpoint = TokenEndpoint.of({
        exchange: Effect.fn("ScriptedAuthorizationServer.exchange")(function* (request) {
          counts.codeExchanges += 1
          yield* begin(request)
          const code = Redacted.value(request.code)
          const issued = codes.get(code)
          codes.delete(code)
          const verified = (issued?.challenge ?? null) === null || request.codeVerifier !== undefined
          if (issued === undefined || issued.clientId !== request.client.clientId || !verified) {
            return yield* fail(request, new InvalidGrant())
          }
          const { grants } = options
          const scopes = issued.scopes.filter((scope) => grants?.includes(scope) ?? true)
          const family: Family = {
            revoked: false,
            current: undefined,
            scopes,
            narrowed: grants !== undefined,
            accessTokens: new Map()
          }
          families.push(family)
          return yield* issue(family, request.dpopKey)
        }),
        refresh: Effect.fn("ScriptedAuthorizationServer.refresh")(function* (request) {
          counts.refreshes += 1
          yield* begin(request)
          const used = Redacted.value(request.refreshToken)
          const family = families.find(({ current, revoked }) => !revoked && current === used)
          if (family === undefined) {
            for (const other of families) {
              if (!other.revoked) counts.revokedFamilies += 1
              other.revoked = true
            }
            return yield* fail(request, new InvalidGrant())
          }
          return yield* issue(family, request.dpopKey)
        }),
        grant: Effect.fn("ScriptedAuthorizationServer.grant")(function* (request) {
          counts.grants += 1
          yield* begin(request)
          if (request.grant._tag === "DeviceCode") {
            const scopes = deviceCodes.get(Redacted.value(request.grant.deviceCode))
            if (scopes === undefined) return yield* fail(request, new InvalidGrant())
            if (devicePolls++ < (options.devicePending ?? 0)) {
              return yield* fail(request, new Refused({ error: "authorization_pending" }))
            }
            const approved: Family = {
              revoked: false,
              current: undefined,
              scopes,
              narrowed: false,
              accessTokens: new Map()
            }
            families.push(approved)
            return yield* issue(approved, request.dpopKey)
          }
          const family: Family = {
            revoked: false,
            current: undefined,
            scopes: request.scopes,
            narrowed: false,
            accessTokens: new Map()
          }
          families.push(family)
          const tokens = yield* issue(family, request.dpopKey)
          // Such tokens are asked for anew and not refreshed (RFC 6749 §4.4.3).
          family.current = undefined
          const { refreshToken: _, ...rest } = tokens
          return new TokenSet(rest)
        }),
        identityAssertion: Effect.fn("ScriptedAuthorizationServer.identityAssertion")(function* (request) {
          counts.identityAssertions += 1
          yield* begin(request).pipe(
            Effect.mapError((error) => new TokenRequestError({ ...error, purpose: "identity assertion" }))
          )
          return Redacted.make(`assertion-for-${request.audience}`)
        }),
        pushAuthorization: Effect.fn("ScriptedAuthorizationServer.pushAuthorization")(function* (request) {
          counts.pushedAuthorizations += 1
          yield* begin(request)
          serial += 1
          const requestUri = `urn:ietf:params:oauth:request_uri:${serial}`
          pushed.set(requestUri, request.parameters)
          return { requestUri, expiresIn: 60 }
        }),
        revoke: Effect.fn("ScriptedAuthorizationServer.revoke")(function* (request) {
          revocations.push({ token: request.token, hint: request.hint })
          yield* begin(request)
          const token = Redacted.value(request.token)
          for (const family of families) {
            if (family.current === token) family.revoked = true
            family.accessTokens.delete(token)
          }
        })
      })

      const devices = DeviceAuthorization.of({
        start: Effect.fn("ScriptedAuthorizationServer.start")(function* ({
          client,
          deviceAuthorizationEndpoint: { origin },
          scopes,
          server: name
        }) {
          if (client.clientId.startsWith("dynamic-") && clients.get(client.clientId) !== origin) {
            return yield* new TokenRequestError({ server: name, origin, reason: new InvalidClient() })
          }
          serial += 1
          deviceCodes.set(`device-${serial}`, scopes)
          const verificationUri = new URL(`${issuer}/activate`)
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

      return Context.make(ScriptedAuthorizationServer, server).pipe(
        Context.add(Discovery, discovery),
        Context.add(ClientRegistrar, registrar),
        Context.add(DeviceAuthorization, devices),
        Context.add(TokenEndpoint, tokenEndpoint)
      )
    })
  )
