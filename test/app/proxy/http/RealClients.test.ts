import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client"
import { Client as OlderClient } from "@modelcontextprotocol/sdk/client/index.js"
import { StreamableHTTPClientTransport as OlderTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import { ToolListChangedNotificationSchema } from "@modelcontextprotocol/sdk/types.js"
import { assert, describe, it } from "@effect/vitest"
import { Deferred, Duration, Effect, Layer } from "effect"
import * as MemoryLock from "../../../../src/adapters/lock/MemoryLock.ts"
import * as MemoryStore from "../../../../src/adapters/store/memory/MemoryStore.ts"
import * as Credentials from "../../../../src/app/credentials/Credentials.ts"
import * as AuthorizedHttp from "../../../../src/app/http/AuthorizedHttp.ts"
import * as SignIn from "../../../../src/app/signin/SignIn.ts"
import * as AccessTokens from "../../../../src/app/tokens/AccessTokens.ts"
import type { RemoteServer } from "../../../../src/domain/Server.ts"
import * as WireLive from "../../../../src/live/WireLive.ts"
import { Browser } from "../../../../src/ports/Browser.ts"
import { UserInteraction } from "../../../../src/ports/UserInteraction.ts"
import { legacyServer } from "../../../adapters/mcp/McpServers.ts"
import { followRedirects } from "../../../servers/BrowserUser.ts"
import { realServers } from "../../DoorWorld.ts"
import { serverNamed } from "../../World.ts"
import { bearer, proxyOf, type RunningProxy } from "./ProxyWorld.ts"

const opened: Array<string> = []

/** The live core of a proxy: no user is present, and a browser that approves whatever it is sent to. */
const core = AuthorizedHttp.layer.pipe(
  Layer.provideMerge(AccessTokens.layer),
  Layer.provideMerge(SignIn.layer),
  Layer.provideMerge(Credentials.layer),
  Layer.provideMerge(
    Layer.mergeAll(
      MemoryStore.layer,
      MemoryLock.layer,
      Layer.succeed(Browser, {
        open: (url) => {
          opened.push(url.href)
          return Effect.asVoid(Effect.forkDetach(Effect.promise(() => followRedirects(url.href))))
        }
      }),
      Layer.mock(UserInteraction, {
        attention: Effect.void,
        present: false,
        timeout: Duration.seconds(30),
        askToSignIn: () => Effect.void,
        pastedRedirect: () => Effect.never,
        tell: () => Effect.void
      })
    )
  ),
  Layer.provideMerge(WireLive.layer)
)

/** The sign-in of `mcp-cli auth login` in another process, over the same store. */
const signIn = (server: RemoteServer) => SignIn.SignIn.use((service) => service.signIn({ server }))

const options = { requestInit: { headers: { authorization: `Bearer ${bearer}` } } }

/** A client of either version of the SDK, in the ways that these tests use it. */
interface AnyClient {
  readonly echo: (text: string) => Promise<unknown>
  readonly tools: () => Promise<ReadonlyArray<string>>
  readonly close: () => Promise<void>
}

const newer = async (url: URL, mode: "auto" | "legacy" = "auto"): Promise<AnyClient> => {
  const client = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode } })
  await client.connect(new StreamableHTTPClientTransport(url, options))
  return {
    echo: async (text) => (await client.callTool({ name: "echo", arguments: { text } })).content,
    tools: async () => (await client.listTools()).tools.map(({ name }) => name),
    close: () => client.close()
  }
}

const olderOf = async (url: URL) => {
  const client = new OlderClient({ name: "test", version: "1" })
  const transport = new OlderTransport(url, options)
  // The older SDK's own types do not agree with exactOptionalPropertyTypes.
  await client.connect(transport as Parameters<typeof client.connect>[0])
  return { client, transport }
}

const older = async (url: URL): Promise<AnyClient> => {
  const { client } = await olderOf(url)
  return {
    echo: async (text) => (await client.callTool({ name: "echo", arguments: { text } })).content,
    tools: async () => (await client.listTools()).tools.map(({ name }) => name),
    close: () => client.close()
  }
}

const clients = [
  ["version 2 of the SDK, revision 2026-07-28", (url: URL) => newer(url)],
  ["version 2 of the SDK, older revisions", (url: URL) => newer(url, "legacy")],
  ["version 1 of the SDK", older]
] as const

const started = (real: Effect.Success<ReturnType<typeof realServers>>) => {
  const server = { ...serverNamed("demo"), url: real.mcpServer.url }
  return Effect.map(proxyOf({ "/mcp": server }), (proxy) => ({ ...real, proxy, server }))
}

/** Why a promise rejects. */
const failure = (promise: Promise<unknown>) =>
  Effect.promise(() =>
    promise.then(
      () => "it was fulfilled",
      (error: unknown) => String(error)
    )
  )

const connectFailure = (proxy: RunningProxy) => failure(newer(proxy.url(), "legacy"))

describe("a client without OAuth", () => {
  it.live.each(clients)("uses a protected server, over a refresh: %s", ([, connect]) =>
    Effect.gen(function* () {
      const { authorizationServer, mcpServer, proxy, server } = yield* started(yield* realServers())
      yield* signIn(server)
      const client = yield* Effect.promise(() => connect(proxy.url()))
      assert.deepEqual(yield* Effect.promise(client.tools), ["echo", "add", "fail"])
      mcpServer.rejectSeenTokens()
      const texts = Array.from({ length: 20 }, (_, at) => `text ${at}`)
      const answers = yield* Effect.promise(() => Promise.all(texts.map(client.echo)))
      assert.deepEqual(
        answers,
        texts.map((text) => [{ type: "text", text }])
      )
      assert.strictEqual(authorizationServer.counts.get("token:refresh_token"), 1)
      assert.strictEqual(authorizationServer.counts.get("token:authorization_code"), 1)
      yield* Effect.promise(client.close)
    }).pipe(Effect.provide(core))
  )

  it.live("is told what to do without a sign-in, and works once that is done elsewhere", () =>
    Effect.gen(function* () {
      const { authorizationServer, proxy, server } = yield* started(yield* realServers())
      opened.length = 0
      assert.include(yield* connectFailure(proxy), "Not signed in to demo. Run: mcp-cli auth login demo")
      assert.deepEqual(opened, [])
      assert.isUndefined(authorizationServer.counts.get("register"))
      yield* signIn(server)
      const client = yield* Effect.promise(() => newer(proxy.url()))
      yield* Effect.promise(() => client.echo("hello"))

      authorizationServer.forgetTokens()
      assert.include(yield* failure(client.echo("hello")), "Run: mcp-cli auth login demo")
      assert.strictEqual(opened.length, 1)
      yield* signIn(server)
      assert.deepEqual(yield* Effect.promise(() => client.echo("again")), [{ type: "text", text: "again" }])
      yield* Effect.promise(client.close)
    }).pipe(Effect.provide(core))
  )

  it.live("is told which scopes a tool needs, and by which command they are had", () =>
    Effect.gen(function* () {
      const { proxy, server } = yield* started(
        yield* realServers({ scopes: ["mcp:read", "mcp:write"], mcp: { toolScopes: { echo: "mcp:write" } } })
      )
      yield* signIn(server)
      opened.length = 0
      const client = yield* Effect.promise(() => newer(proxy.url()))
      const refused = yield* failure(client.echo("hello"))
      assert.include(refused, "demo requires the scope mcp:write")
      assert.match(refused, /mcp-cli auth login demo --scope \\"[^"]*mcp:write/)
      assert.deepEqual(opened, [])
      yield* Effect.promise(client.close)
    }).pipe(Effect.provide(core))
  )

  it.live("is refused without the bearer, and starts no sign-in of its own", () =>
    Effect.gen(function* () {
      const { authorizationServer, proxy, server } = yield* started(yield* realServers())
      yield* signIn(server)
      const client = new Client({ name: "test", version: "1" })
      assert.include(
        yield* failure(client.connect(new StreamableHTTPClientTransport(proxy.url()))),
        "This proxy needs its own bearer token"
      )
      assert.strictEqual(authorizationServer.counts.get("register"), 1)
    }).pipe(Effect.provide(core))
  )

  it.live("keeps its session: messages of the server, a forgotten session, and its end", () =>
    Effect.gen(function* () {
      const server = yield* legacyServer()
      const proxy = yield* proxyOf({ "/mcp": { ...serverNamed("demo"), url: server.url } })
      const { client, transport } = yield* Effect.promise(() => olderOf(proxy.url()))
      const changed = yield* Deferred.make<void>()
      client.setNotificationHandler(ToolListChangedNotificationSchema, () => {
        Deferred.doneUnsafe(changed, Effect.void)
      })
      assert.strictEqual(server.sessions.size, 1)
      const [session] = server.sessions.values()
      // The stream of a GET opens by itself after the handshake.
      yield* Effect.promise(() => client.listTools())
      yield* Effect.promise(async () => {
        const stream = (session as { readonly send: (message: unknown) => Promise<void> }).send.bind(session)
        await stream({ jsonrpc: "2.0", method: "notifications/tools/list_changed" })
      })
      yield* Deferred.await(changed)
      yield* Effect.promise(() => transport.terminateSession())
      assert.strictEqual(server.sessions.size, 0)
      const { client: next } = yield* Effect.promise(() => olderOf(proxy.url()))
      server.forget()
      assert.include(yield* failure(next.listTools()), "No such session")
      yield* Effect.promise(() => Promise.all([client.close(), next.close()]))
    }).pipe(Effect.provide(core))
  )
})
