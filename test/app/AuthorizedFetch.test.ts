import { Client as OlderClient } from "@modelcontextprotocol/sdk/client/index.js"
import { StreamableHTTPClientTransport as OlderTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Layer } from "effect"
import * as FetchTransport from "../../src/adapters/http/FetchTransport.ts"
import * as MemoryLock from "../../src/adapters/lock/MemoryLock.ts"
import * as CallbackListener from "../../src/adapters/loopback/CallbackListener.ts"
import * as ClientRegistrar from "../../src/adapters/oauth/ClientRegistrar.ts"
import * as Discovery from "../../src/adapters/oauth/Discovery.ts"
import * as DeviceAuthorization from "../../src/adapters/oauth/DeviceAuthorization.ts"
import * as DpopProofs from "../../src/adapters/oauth/DpopProofs.ts"
import * as FlowSecretSource from "../../src/adapters/oauth/FlowSecretSource.ts"
import * as TokenEndpoint from "../../src/adapters/oauth/TokenEndpoint.ts"
import * as MemoryStore from "../../src/adapters/store/memory/MemoryStore.ts"
import * as AccessTokens from "../../src/app/AccessTokens.ts"
import { authorizedFetch } from "../../src/app/AuthorizedFetch.ts"
import * as AuthorizedHttp from "../../src/app/AuthorizedHttp.ts"
import * as Credentials from "../../src/app/Credentials.ts"
import * as SignIn from "../../src/app/SignIn.ts"
import { Browser } from "../../src/ports/Browser.ts"
import { Person } from "../../src/ports/Person.ts"
import { startAuthorizationServer } from "../servers/AuthorizationServer.ts"
import { startMcpServer } from "../servers/McpServer.ts"
import { followRedirects } from "../servers/Person.ts"
import { serverNamed } from "./World.ts"

const servers = Effect.acquireRelease(
  Effect.promise(async () => {
    const authorizationServer = await startAuthorizationServer({ autoApprove: true })
    return { authorizationServer, mcpServer: await startMcpServer({ authorizationServer }) }
  }),
  ({ authorizationServer, mcpServer }) =>
    Effect.promise(() => Promise.all([authorizationServer.close(), mcpServer.close()]))
)

const stack = AuthorizedHttp.layer.pipe(
  Layer.provideMerge(AccessTokens.layer),
  Layer.provide(SignIn.layer),
  Layer.provide(Credentials.layer),
  Layer.provide(
    Layer.mergeAll(
      Discovery.layer,
      ClientRegistrar.layer,
      TokenEndpoint.layer,
      FlowSecretSource.layer,
      DpopProofs.layer,
      DeviceAuthorization.layer,
      CallbackListener.layer,
      MemoryStore.layer,
      MemoryLock.layer,
      Layer.succeed(Browser, {
        open: (url) => Effect.asVoid(Effect.forkDetach(Effect.promise(() => followRedirects(url.href))))
      }),
      Layer.succeed(Person, {
        present: true,
        patience: Duration.seconds(30),
        askToSignIn: () => Effect.void,
        askToUseDevice: () => Effect.void,
        pastedRedirect: () => Effect.never,
        tell: () => Effect.void
      })
    )
  ),
  Layer.provide(FetchTransport.layer)
)

/** Lists tools by a client that knows nothing of OAuth, before and after its token was rejected. */
const twice = (list: (url: URL, fetch: typeof globalThis.fetch) => Promise<ReadonlyArray<string>>) =>
  Effect.gen(function* () {
    const { authorizationServer, mcpServer } = yield* servers
    const fetch = yield* authorizedFetch({ ...serverNamed("demo"), url: mcpServer.url })
    const first = yield* Effect.promise(() => list(mcpServer.url, fetch))
    mcpServer.rejectSeenTokens()
    const second = yield* Effect.promise(() => list(mcpServer.url, fetch))
    assert.deepEqual(first, ["echo", "add", "fail"])
    assert.deepEqual(second, first)
    assert.strictEqual(authorizationServer.counts.get("token:authorization_code"), 1)
    assert.strictEqual(authorizationServer.counts.get("token:refresh_token"), 1)
  }).pipe(Effect.provide(stack))

describe("the fetch for MCP clients", () => {
  it.live("signs in and refreshes under version 2 of the SDK", () =>
    twice(async (url, fetch) => {
      const client = new Client({ name: "test", version: "1" }, { versionNegotiation: { mode: "auto" } })
      await client.connect(new StreamableHTTPClientTransport(url, { fetch }))
      const { tools } = await client.listTools()
      await client.close()
      return tools.map(({ name }) => name)
    })
  )

  it.live("signs in and refreshes under version 1 of the SDK", () =>
    twice(async (url, fetch) => {
      const client = new OlderClient({ name: "test", version: "1" })
      const transport = new OlderTransport(url, { fetch })
      // The older SDK's own types do not agree with exactOptionalPropertyTypes.
      await client.connect(transport as Parameters<typeof client.connect>[0])
      const { tools } = await client.listTools()
      await client.close()
      return tools.map(({ name }) => name)
    })
  )
})
