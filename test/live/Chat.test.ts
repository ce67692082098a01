import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option, Redacted, Stream } from "effect"
import { TestClock } from "effect/testing"
import { layer as connector } from "../../src/adapters/mcp/McpConnector.ts"
import { CredentialKey } from "../../src/domain/CredentialKey.ts"
import { CredentialStore } from "../../src/ports/CredentialStore.ts"
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
const converse = (answers: ScriptedChatModel.ScriptedChatOptions["answers"], also?: () => string) =>
  Effect.gen(function* () {
    const sessions = yield* ServerSession.ServerSession
    const opened = yield* sessions.open(Testing.server)
    const call: typeof opened.call = (...args) =>
      Effect.map(opened.call(...args), (result) => ({
        ...result,
        content: [...(also === undefined ? result.content : [{ _tag: "Text" as const, text: also() }])]
      }))
    const session = { ...opened, call }
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

const key = CredentialKey.at(Testing.server)
const stored = Effect.gen(function* () {
  const { tokens } = Option.getOrThrow(yield* CredentialStore.use((store) => store.get(key)))
  const { accessToken, refreshToken } = tokens ?? assert.fail("not signed in")
  return [accessToken, refreshToken].flatMap((token) => (token === undefined ? [] : [Redacted.value(token)]))
})

describe("the tokens of a conversation", () => {
  it.effect("reach no model, in whatever form a tool returns them, also those before a refresh", () =>
    Effect.gen(function* () {
      let tokens: ReadonlyArray<string> = []
      const forms = (): ReadonlyArray<string> =>
        tokens.flatMap((token) => [
          token,
          token.toUpperCase() === token ? token : `x${token}y`,
          encodeURIComponent(token),
          Buffer.from(token).toString("base64url"),
          Buffer.from(`user:${token}`).toString("base64"),
          Buffer.from(token).toString("hex")
        ])
      const echoed = () => ({ calls: [{ name: "test__echo", arguments: { text: "tokens" } }] })
      const { requests, say } = yield* converse([echoed(), "One.", echoed(), "Two."], () => forms().join(" "))
      tokens = yield* stored
      assert.lengthOf(tokens, 2)
      yield* say("one")
      yield* TestClock.adjust("2 hours")
      const before = tokens
      yield* say("two")
      tokens = [...before, ...(yield* stored)]
      assert.lengthOf([...new Set(tokens)], 4)
      const told = JSON.stringify(requests)
      assert.include(told, "…")
      for (const form of forms()) assert.notInclude(told, form)
    }).pipe(Effect.provide(stack()))
  )
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
