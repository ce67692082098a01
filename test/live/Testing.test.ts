import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { TestClock } from "effect/testing"
import { authorizedFetch } from "../../src/http.ts"
import { SignOut } from "../../src/index.ts"
import { ScriptedAuthorizationServer, ScriptedMcpServer, ScriptedUser, Testing } from "../../src/testing.ts"

/** Connects the official SDK to the scripted server. */
const connect = Effect.acquireRelease(
  Effect.gen(function* () {
    const fetch = yield* authorizedFetch(Testing.server)
    const client = new Client({ name: "test", version: "1" })
    yield* Effect.promise(() =>
      client.connect(new StreamableHTTPClientTransport(Testing.server.url, { fetch }))
    )
    return client
  }),
  (client) => Effect.promise(() => client.close())
)

const call = (client: Client, name: string, input: Record<string, unknown> = {}) =>
  Effect.map(
    Effect.promise(() => client.callTool({ name, arguments: input })),
    ({ content }) => content
  )

describe("Testing.layer", () => {
  it.effect("signs in by the scripted user when the MCP server asks, and calls a tool", () =>
    Effect.gen(function* () {
      const client = yield* connect
      const { tools } = yield* Effect.promise(() => client.listTools())
      assert.deepEqual(
        tools.map(({ name }) => name),
        ["echo"]
      )
      assert.deepEqual(yield* call(client, "echo", { text: "hello" }), [{ type: "text", text: "hello" }])
      const user = yield* ScriptedUser.ScriptedUser
      assert.lengthOf(user.opened, 1)
      const { counts } = yield* ScriptedMcpServer.ScriptedMcpServer
      assert.strictEqual(counts.get("401"), 1)
    }).pipe(Effect.provide(Testing.layer()))
  )

  it.effect("starts signed in: no user is needed, and an expired token is refreshed", () =>
    Effect.gen(function* () {
      const client = yield* connect
      yield* TestClock.adjust("2 hours")
      yield* call(client, "echo", { text: "later" })
      const server = yield* ScriptedAuthorizationServer.ScriptedAuthorizationServer
      const user = yield* ScriptedUser.ScriptedUser
      assert.lengthOf(user.opened, 0)
      assert.deepInclude({ ...server.counts }, { codeExchanges: 1, refreshes: 1 })
    }).pipe(Effect.provide(Testing.layer({ signedIn: true, user: { present: false } })))
  )

  it.effect(
    "recovers from a token that the MCP server rejects, and signs in for a scope that a tool requires",
    () =>
      Effect.gen(function* () {
        const client = yield* connect
        const server = yield* ScriptedMcpServer.ScriptedMcpServer
        yield* server.rejectSeenTokens
        assert.deepEqual(yield* call(client, "write", {}), [{ type: "text", text: "written" }])
        assert.strictEqual(server.counts.get("403"), 1)
        const user = yield* ScriptedUser.ScriptedUser
        assert.include(user.opened.at(-1)?.searchParams.get("scope"), "files:write")
      }).pipe(
        Effect.provide(
          Testing.layer({
            signedIn: [Testing.server],
            mcpServer: { tools: { write: () => "written" }, toolScopes: { write: "files:write" } }
          })
        )
      )
  )

  it.effect("rejects where no user is there, and after a sign-out", () =>
    Effect.gen(function* () {
      yield* SignOut.SignOut.use(({ reset }) => reset("test"))
      const fetch = yield* authorizedFetch(Testing.server)
      const error = yield* Effect.flip(
        Effect.tryPromise({
          try: () => fetch(Testing.server.url, { method: "POST", body: `{"method":"ping","id":1}` }),
          catch: (cause) => cause as { readonly _tag: string }
        })
      )
      assert.strictEqual(error._tag, "SignInRequired")
    }).pipe(Effect.provide(Testing.layer({ signedIn: true, user: { present: false } })))
  )
})
