import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Stream } from "effect"
import { TestClock } from "effect/testing"
import { layer as connector } from "../../src/adapters/mcp/McpConnector.ts"
import { Chat, chatServer, ServerSession, ToolApproval } from "../../src/index.ts"
import {
  ScriptedAuthorizationServer,
  ScriptedChatModel,
  ScriptedMcpServer,
  ScriptedUser,
  Testing
} from "../../src/testing.ts"

const approval = Layer.succeed(ToolApproval, { ask: () => Effect.succeed({ _tag: "Once" }) })

/** The stack in memory, with sessions and conversations. */
const stack = (options: Testing.TestingOptions = {}) =>
  ServerSession.layer.pipe(
    Layer.provide(connector({ version: "1" })),
    Layer.merge(Chat.layer.pipe(Layer.provide(approval))),
    Layer.provideMerge(Testing.layer(options))
  )

const call = (name: string) => ({ calls: [{ name: `test__${name}`, arguments: { text: "hello" } }] })

/** A conversation with the scripted server. */
const converse = (answers: ScriptedChatModel.ScriptedChatOptions["answers"]) =>
  Effect.gen(function* () {
    const sessions = yield* ServerSession.ServerSession
    const session = yield* sessions.open(Testing.server)
    const { model, requests } = ScriptedChatModel.make({ answers })
    const { open } = yield* Chat.Chat
    const chat = yield* open({
      servers: [chatServer(Testing.server, "default", session)],
      model,
      allow: [],
      allowReadOnly: false
    })
    const say = (text: string) => Stream.runCollect(chat.turn([{ _tag: "Text", text }]))
    return { requests, say }
  })

describe("a conversation with a server that requires a sign-in", () => {
  it.effect("signs in first; a token that expires in its middle is refreshed, and no browser opens", () =>
    Effect.gen(function* () {
      const { requests, say } = yield* converse([call("echo"), "It says hello.", call("echo"), "Again."])
      yield* say("echo")
      const user = yield* ScriptedUser.ScriptedUser
      assert.lengthOf(user.opened, 1)
      yield* TestClock.adjust("2 hours")
      yield* say("again")
      const server = yield* ScriptedAuthorizationServer.ScriptedAuthorizationServer
      assert.lengthOf(user.opened, 1)
      assert.deepInclude({ ...server.counts }, { codeExchanges: 1, refreshes: 1 })
      const told = JSON.stringify(requests.at(-1)?.messages)
      assert.strictEqual(told.split('"text":"hello"').length - 1, 2)
      // A model gets no token.
      const { counts } = yield* ScriptedMcpServer.ScriptedMcpServer
      assert.strictEqual(counts.get("tools/call"), 2)
    }).pipe(Effect.provide(stack()))
  )

  it.effect("signs in for the scope that a tool requires, and calls it once", () =>
    Effect.gen(function* () {
      const { requests, say } = yield* converse([call("write"), "Done."])
      yield* say("write")
      const user = yield* ScriptedUser.ScriptedUser
      assert.lengthOf(user.opened, 1)
      assert.include(JSON.stringify(requests.at(-1)?.messages), "written")
    }).pipe(
      Effect.provide(
        stack({
          signedIn: true,
          mcpServer: { tools: { write: () => "written" }, toolScopes: { write: "pages:write" } }
        })
      )
    )
  )

  it.effect("tells the user the command that signs in, and the model only that it is not", () =>
    Effect.gen(function* () {
      const { requests, say } = yield* converse([call("echo"), "I cannot."])
      const server = yield* ScriptedAuthorizationServer.ScriptedAuthorizationServer
      const { rejectSeenTokens } = yield* ScriptedMcpServer.ScriptedMcpServer
      yield* server.revokeAll
      yield* rejectSeenTokens
      const events = yield* say("echo")
      const notices = events.flatMap((event) => (event._tag === "Notice" ? [event] : []))
      assert.isTrue(
        notices.some(({ remedies = [] }) =>
          remedies.some((remedy) => remedy._tag === "Command" && remedy.verb === "auth login")
        )
      )
      const told = JSON.stringify(requests.at(-1)?.messages)
      assert.include(told, "Not signed in to test.")
      assert.notMatch(told, /invalid_grant|refresh|token|auth login/)
    }).pipe(Effect.provide(stack({ signedIn: true, user: { present: false } })))
  )
})
