import { Clock, Effect, Layer, Redacted } from "effect"
import { AuthorizationServerMetadata } from "../../../src/domain/AuthorizationServer.ts"
import { DynamicRegistration } from "../../../src/domain/ClientRegistration.ts"
import { TokenSet } from "../../../src/domain/TokenSet.ts"
import { ClientRegistrar } from "../../../src/ports/ClientRegistrar.ts"
import { Discovery } from "../../../src/ports/Discovery.ts"
import { NetworkError } from "../../../src/ports/HttpTransport.ts"
import {
  InvalidClient,
  InvalidGrant,
  TokenEndpoint,
  type TokenFailure,
  type TokenRequest as PortRequest,
  TokenRequestError,
  Transient,
  Unanswered
} from "../../../src/ports/TokenEndpoint.ts"
import type { Seed } from "../engine/Seed.ts"
import type { VirtualProcess } from "../engine/VirtualProcess.ts"
import type { TokenRequest } from "../judge/Facts.ts"
import { type Account, accountAt } from "./Account.ts"
import type { AuthorizationServer, TokenAnswer } from "./AuthorizationServer.ts"
import type { Network, NoAnswer } from "./Network.ts"
import { isDuring, type Period, periodsOf, type World } from "./World.ts"

const outageLimit = 900_000

/** Scopes that every MCP server requires. Another one takes a step-up. */
export const firstScope = "read"
/** The scope of a step-up. */
export const furtherScope = "write"

const metadataOf = ({ issuer }: AuthorizationServer, isDynamic: boolean) =>
  new AuthorizationServerMetadata({
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    revocation_endpoint: `${issuer}/revoke`,
    ...(isDynamic ? { registration_endpoint: `${issuer}/register` } : {}),
    code_challenge_methods_supported: ["S256"],
    token_endpoint_auth_methods_supported: ["none"],
    authorization_response_iss_parameter_supported: true
  })

const networkError = (issuer: string) => (failure: NoAnswer) =>
  new NetworkError({ origin: issuer, detail: failure.outcome })

const failureOf = ({ outcome }: NoAnswer): TokenFailure =>
  outcome === "not sent"
    ? new Transient({ detail: outcome })
    : new Unanswered({ detail: outcome, end: outcome })

/** The ports of OAuth over the simulated network. */
export class OAuth {
  readonly #world: World
  readonly #network: Network
  readonly #accounts: ReadonlyArray<Account>
  readonly #outages: ReadonlyArray<Period>

  constructor(world: World, network: Network, accounts: ReadonlyArray<Account>) {
    this.#world = world
    this.#network = network
    this.#accounts = accounts
    this.#outages = periodsOf(world, "outage", outageLimit)
  }

  #unavailable(stream: Seed): TokenAnswer | undefined {
    const { count, fails, simulator } = this.#world
    if (isDuring(this.#outages, simulator.now)) count("outage")
    else if (!fails(stream, "unavailable")) return undefined
    return { _tag: "Unavailable", retryAfter: stream.chance(0.5) ? stream.integer(1, 30) * 1000 : undefined }
  }

  /** The authorization server at an origin. */
  #serverAt(origin: string): AuthorizationServer {
    const found = this.#accounts.find(({ authorizationServer }) => authorizationServer.issuer === origin)
    if (found === undefined) throw new Error(`a request to ${origin}`)
    return found.authorizationServer
  }

  /** Sends a token request, and records what becomes of it. */
  #request(stream: Seed, request: TokenRequest, answerOf: () => TokenAnswer) {
    const { families, simulator, tell } = this.#world
    const what = `${request.kind} ${request.id} with ${request.token}`
    const handle = () => {
      const answer = this.#unavailable(stream) ?? answerOf()
      if (answer._tag === "Tokens") {
        request.processed = "rotated"
        request.issued = answer.refreshToken
        request.accessToken = answer.accessToken
        request.family = families.ofRefreshToken(answer.refreshToken)?.name
        const { accessToken, refreshToken } = answer
        simulator.trace("as", `${what}: ${accessToken} ${refreshToken} (${request.family})`)
      } else {
        request.processed = answer._tag === "Unavailable" ? "unavailable" : "refused"
        request.isRepeatable = answer._tag !== "InvalidGrant"
        simulator.trace("as", `${what}: ${answer._tag}`)
      }
      tell({ _tag: "Processed", request })
      return answer
    }
    const handleCopy = () => {
      simulator.trace("as", `${what} arrives once more: ${answerOf()._tag}`)
      tell({ _tag: "Copied", request })
    }
    const ended = (outcome: NonNullable<TokenRequest["outcome"]>) => {
      request.outcome = outcome
      tell({ _tag: "Ended", request })
    }
    const lost = () => void (request.isLost = true)
    return Effect.suspend(() => {
      simulator.trace(request.process.name, `sends ${what}`)
      tell({ _tag: "Sent", request })
      return this.#network.send(request.process, stream, { what, handle, handleCopy, lost, ended })
    })
  }

  tokenEndpoint(process: VirtualProcess): Layer.Layer<TokenEndpoint> {
    const { families, nextId, simulator, tell } = this.#world
    const stream = simulator.seed.fork(`network of ${process.name}`)
    const send = Effect.fnUntraced(
      function* (
        this: OAuth,
        kind: TokenRequest["kind"],
        { client, resource, server, tokenEndpoint }: PortRequest,
        token: string
      ) {
        const recipient = tokenEndpoint.origin
        const authorizationServer = this.#serverAt(recipient)
        const fail = (reason: TokenFailure) => new TokenRequestError({ server, origin: recipient, reason })
        const request: TokenRequest = {
          id: nextId(),
          kind,
          process,
          isForeign: false,
          account: resource === undefined ? server : accountAt(resource),
          recipient,
          token,
          at: simulator.now,
          pausedBefore: process.pausedFor,
          family: families.ofRefreshToken(token)?.name
        }
        const obtainedAt = yield* Clock.currentTimeMillis
        const answer = yield* this.#request(stream, request, () =>
          authorizationServer[kind](token, client.clientId)
        ).pipe(Effect.mapError((failure) => fail(failureOf(failure))))
        switch (answer._tag) {
          case "InvalidGrant":
            return yield* fail(new InvalidGrant())
          case "InvalidClient":
            return yield* fail(new InvalidClient())
          case "Unavailable": {
            const { retryAfter } = answer
            const wait = retryAfter === undefined ? {} : { retryAfter }
            return yield* fail(new Transient({ detail: "HTTP 503", ...wait }))
          }
          case "Tokens":
            return new TokenSet({
              accessToken: Redacted.make(answer.accessToken),
              tokenType: "bearer",
              obtainedAt,
              expiresAt: obtainedAt + answer.lifetime,
              refreshToken: Redacted.make(answer.refreshToken),
              scope: answer.scope
            })
        }
      }.bind(this)
    )
    return Layer.mock(TokenEndpoint, {
      refresh: (request) => send("refresh", request, Redacted.value(request.refreshToken)),
      exchange: (request) => send("exchange", request, Redacted.value(request.code)),
      revoke: ({ revocationEndpoint: { origin }, server, token }) => {
        const handle = () => {
          const family = this.#serverAt(origin).revoke(Redacted.value(token))
          if (family === undefined) return
          simulator.trace("as", `revokes ${family.name}`)
          const account = accountAt(family.resource)
          tell({ _tag: "Revoked", account, family: family.name, recipient: origin })
        }
        return this.#network
          .send(process, stream, { what: `revocation of ${Redacted.value(token)}`, handle })
          .pipe(
            Effect.mapError(
              ({ outcome }) =>
                new TokenRequestError({
                  server,
                  origin,
                  purpose: "revocation",
                  reason: new Transient({ detail: outcome })
                })
            )
          )
      }
    })
  }

  discovery(process: VirtualProcess): Layer.Layer<Discovery> {
    const stream = this.#world.simulator.seed.fork(`discovery of ${process.name}`)
    const { isDynamic } = this.#world.scenario
    return Layer.succeed(
      Discovery,
      Discovery.of({
        discover: (server) => {
          const account = this.#accounts.find(({ server: { url } }) => url.href === server.url.href)
          if (account === undefined) return Effect.die(new Error(`discovery of ${server.name}`))
          const { authorizationServer, resource } = account
          const found = {
            metadata: metadataOf(authorizationServer, isDynamic),
            resource,
            scopes: [firstScope]
          }
          return this.#network
            .send(process, stream, { what: "discovery", handle: () => found })
            .pipe(Effect.mapError(networkError(authorizationServer.issuer)))
        },
        tokenEndpointsFor: () => Effect.succeed([])
      })
    )
  }

  registrar(process: VirtualProcess): Layer.Layer<ClientRegistrar> {
    const stream = this.#world.simulator.seed.fork(`registration of ${process.name}`)
    return Layer.mock(ClientRegistrar, {
      register: ({ metadata: { issuer }, redirectUri }) =>
        this.#network
          .send(process, stream, {
            what: "registration",
            handle: () => {
              this.#world.tell({ _tag: "Registered", process })
              return this.#serverAt(issuer).register()
            }
          })
          .pipe(
            Effect.map(
              (clientId) =>
                new DynamicRegistration({
                  clientId,
                  authenticationMethod: "none",
                  redirectUri: redirectUri.href
                })
            ),
            Effect.mapError(networkError(issuer))
          )
    })
  }
}
