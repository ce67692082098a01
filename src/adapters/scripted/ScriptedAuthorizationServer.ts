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
  /** Further fields of its metadata. */
  readonly metadata?: Partial<
    Pick<
      AuthorizationServerMetadata,
      | "scopes_supported"
      | "client_id_metadata_document_supported"
      | "grant_types_supported"
      | "dpop_signing_alg_values_supported"
    >
  >
  /** `code_challenge_methods_supported`. Absent: S256. `unsaid`: the field is missing. */
  readonly pkce?: ReadonlyArray<string> | "unsaid"
  /** Issues device codes, which are approved after this many polls that come too early. Absent: it issues none. */
  readonly devicePending?: number
  /** Registers clients. Absent: true. */
  readonly registration?: boolean
  /** The MCP server accepts only tokens that are bound to a key. */
  readonly dpopRequired?: boolean
  /** The only scopes that it grants. Absent: all that are requested. */
  readonly grants?: ReadonlyArray<string>
}

/**
 * An authorization server in memory, behind the ports `Discovery`, `ClientRegistrar`, `DeviceAuthorization` and
 * `TokenEndpoint`. It issues opaque tokens and rotates refresh tokens. When a refresh token is used twice, it revokes the
 * whole family, as strict servers do.
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
      /** Requests of any grant other than a code or a refresh token. */
      readonly grants: number
      readonly identityAssertions: number
      readonly revokedFamilies: number
    }
    /** The tokens of revocation requests, in order. */
    readonly revocations: ReadonlyArray<Pick<RevocationRequest, "token" | "hint">>
    /** Makes the next token and revocation requests fail, in this order. */
    readonly failNext: (...failures: ReadonlyArray<TokenFailure>) => Effect.Effect<void>
    /** Approves a request. Returns the redirect URI with a code, the state and `iss`. */
    readonly approve: (authorizationUrl: URL) => Effect.Effect<URL>
    /** Changes the issuer in the metadata: it has its own endpoints and clients. */
    readonly moveTo: (issuer: string) => Effect.Effect<void>
    /** Changes the path of the token endpoint in the metadata. */
    readonly moveTokenEndpoint: (path: string) => Effect.Effect<void>
    /** The scopes of an access token that it has issued. */
    readonly scopesOf: (accessToken: Redacted.Redacted) => Effect.Effect<ReadonlyArray<string>>
    /** The clients that were deregistered (RFC 7592). */
    readonly deregistered: ReadonlyArray<string>
    /** Forgets every client that it registered. */
    readonly forgetClients: Effect.Effect<void>
    /** Revokes every token. */
    readonly revokeAll: Effect.Effect<void>
    /** True if it accepts this access token now. */
    readonly accepts: (accessToken: Redacted.Redacted) => Effect.Effect<boolean>
  }
>()("mcp-cli-oauth/adapters/scripted/ScriptedAuthorizationServer") {}

interface Family {
  revoked: boolean
  /** The current refresh token. Every earlier one is spent. */
  current: string | undefined
  readonly scopes: ReadonlyArray<string>
  /** The granted scopes differ from the requested ones, so responses name them. */
  readonly narrowed: boolean
  readonly accessTokens: Map<string, number>
}

const fail = (request: TokenRequest | RevocationRequest, reason: TokenFailure) =>
  "tokenEndpoint" in request
    ? new TokenRequestError({ server: request.server, origin: request.tokenEndpoint.origin, reason })
    : new TokenRequestError({
        server: request.server,
        origin: request.revocationEndpoint.origin,
        purpose: "revocation",
        reason
      })

/** A scripted authorization server, and the four ports that reach it. */
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
        revokedFamilies: 0
      }
      const revocations: Array<Pick<RevocationRequest, "token" | "hint">> = []
      const failures: Array<TokenFailure> = []
      /** Client ids, and the origin of the issuer that registered each. */
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
      const families: Array<Family> = []
      /** Device codes, and the scopes requested with each. */
      const deviceCodes = new Map<string, ReadonlyArray<string>>()
      let devicePolls = 0
      let serial = 0

      const begin = Effect.fnUntraced(function* (request: TokenRequest | RevocationRequest) {
        yield* Effect.sleep(options.latency ?? 0)
        const failure = failures.shift()
        if (failure !== undefined) return yield* fail(request, failure)
        const { origin } = "tokenEndpoint" in request ? request.tokenEndpoint : request.revocationEndpoint
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
            const asked = authorizationUrl.searchParams
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
              return new RegistrationError({ server: name, issuer: registeredAt })
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
          // Such tokens are requested again, not refreshed (RFC 6749 §4.4.3).
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
