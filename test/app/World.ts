import { type Duration, Effect, Layer, Redacted } from "effect"
import * as MemoryLock from "../../src/adapters/lock/MemoryLock.ts"
import * as ScriptedAuthorizationServer from "../../src/adapters/scripted/ScriptedAuthorizationServer.ts"
import * as ScriptedUser from "../../src/adapters/scripted/ScriptedUser.ts"
import * as MemoryClientRegistrations from "../../src/adapters/store/memory/MemoryClientRegistrations.ts"
import * as MemoryStore from "../../src/adapters/store/memory/MemoryStore.ts"
import * as AccessTokens from "../../src/app/tokens/AccessTokens.ts"
import * as Credentials from "../../src/app/credentials/Credentials.ts"
import * as SignIn from "../../src/app/signin/SignIn.ts"
import { defaultOAuth, type RemoteServer, type OAuthSettings } from "../../src/domain/Server.ts"
import type { CredentialLock } from "../../src/ports/CredentialLock.ts"
import { CredentialStore } from "../../src/ports/CredentialStore.ts"
import type { Discovery } from "../../src/ports/Discovery.ts"
import { HttpTransport } from "../../src/ports/HttpTransport.ts"
import type { UserInteraction } from "../../src/ports/UserInteraction.ts"
import type { TokenEndpoint } from "../../src/ports/TokenEndpoint.ts"

/** A server of the tests' configuration. */
export const serverNamed = (name: string, oauth: Partial<OAuthSettings> = {}): RemoteServer => ({
  _tag: "Http",
  name,
  url: new URL(`https://${name}.test/mcp`),
  headers: {},
  transport: "auto",
  oauth: { ...defaultOAuth, ...oauth }
})

/** A server whose endpoints and client are written down by hand. */
export const byHand = (name: string, oauth: Partial<OAuthSettings> = {}): RemoteServer =>
  serverNamed(name, {
    source: {
      _tag: "ByHand",
      authorizationEndpoint: new URL("https://as.test/authorize"),
      tokenEndpoint: new URL("https://as.test/token"),
      client: { clientId: "written", clientSecret: Redacted.make("written-secret") }
    },
    ...oauth
  })

/** Answers every request in this way: what the preflight of a known client meets. */
export const transport = (answer: number | (() => Response)) =>
  Layer.succeed(
    HttpTransport,
    HttpTransport.of({
      send: () =>
        Effect.sync(() => (typeof answer === "number" ? new Response(null, { status: answer }) : answer()))
    })
  )

/** The whole core of one process over in-memory adapters. */
export const world = (
  options: ScriptedAuthorizationServer.ScriptedOptions & {
    readonly present?: boolean
    readonly script?: ScriptedUser.UserScript | ReadonlyArray<ScriptedUser.UserScript>
    readonly pastes?: (redirected: URL, signInUrl: URL) => ReadonlyArray<string>
    readonly timeout?: Duration.Input
    /** Loads the code of renewals when it is needed, as in a browser. */
    readonly onDemand?: boolean
    /** What the authorization endpoint answers to the preflight of a client that is known already. */
    readonly preflight?: number | (() => Response)
    /** Stands before the memory store. */
    readonly wrapStore?: Layer.Layer<CredentialStore, never, CredentialStore>
    /** Decides about first sign-ins. */
    readonly accountCheck?: Layer.Layer<never, never, CredentialStore | UserInteraction>
    /** Stands before the lock. */
    readonly wrapLock?: Layer.Layer<CredentialLock, never, CredentialLock>
    /** Stands before the scripted token endpoint. */
    readonly wrapTokenEndpoint?: Layer.Layer<TokenEndpoint, never, TokenEndpoint>
    /** Stands before the scripted discovery. */
    readonly wrapDiscovery?: Layer.Layer<Discovery, never, Discovery>
  } = {}
) =>
  (options.onDemand === true ? AccessTokens.layerOnDemand : AccessTokens.layer).pipe(
    Layer.provideMerge(SignIn.layer),
    Layer.provideMerge(Credentials.layer),
    Layer.provide(options.accountCheck ?? Layer.empty),
    Layer.provideMerge(ScriptedUser.layer(options)),
    Layer.provideMerge(options.wrapTokenEndpoint ?? Layer.empty),
    Layer.provideMerge(options.wrapDiscovery ?? Layer.empty),
    Layer.provideMerge(ScriptedAuthorizationServer.layer(options)),
    Layer.provideMerge(MemoryClientRegistrations.layer),
    Layer.provideMerge(options.wrapLock ?? Layer.empty),
    Layer.provideMerge(Layer.mergeAll(MemoryLock.layer, transport(options.preflight ?? 302))),
    Layer.provideMerge(options.wrapStore ?? Layer.empty),
    Layer.provideMerge(MemoryStore.layer)
  )
