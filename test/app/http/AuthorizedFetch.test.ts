import { Client as OlderClient } from "@modelcontextprotocol/sdk/client/index.js"
import { StreamableHTTPClientTransport as OlderTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js"
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { authorizedFetch } from "../../../src/app/http/AuthorizedFetch.ts"
import { liveCore, realServers } from "../DoorWorld.ts"
import { serverNamed } from "../World.ts"

/** Lists tools by a client that knows nothing of OAuth, before and after its token was rejected. */
const twice = (list: (url: URL, fetch: typeof globalThis.fetch) => Promise<ReadonlyArray<string>>) =>
  Effect.gen(function* () {
    const { authorizationServer, mcpServer } = yield* realServers()
    const fetch = yield* authorizedFetch({ ...serverNamed("demo"), url: mcpServer.url })
    const first = yield* Effect.promise(() => list(mcpServer.url, fetch))
    mcpServer.rejectSeenTokens()
    const second = yield* Effect.promise(() => list(mcpServer.url, fetch))
    assert.deepEqual(first, ["echo", "add", "fail"])
    assert.deepEqual(second, first)
    assert.strictEqual(authorizationServer.counts.get("token:authorization_code"), 1)
    assert.strictEqual(authorizationServer.counts.get("token:refresh_token"), 1)
  }).pipe(Effect.provide(liveCore))

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
