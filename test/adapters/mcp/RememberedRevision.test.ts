import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { KnownRevisions } from "../../../src/ports/KnownRevisions.ts"
import { errorText } from "../../../src/app/cli/RemedyText.ts"
import { connect, connector, httpServer, way } from "./McpWorld.ts"
import { modernServer } from "./McpServers.ts"
import { type Answer, olderServer, refusal, status } from "./OlderServer.ts"

/** A memory with these servers in it, as servers of older revisions. */
const remembering = (older: Set<string>) =>
  Layer.fresh(connector).pipe(
    Layer.provide(
      Layer.succeed(KnownRevisions, {
        recall: ({ url }) => Effect.sync(() => (older.has(url.href) ? "older" : undefined)),
        remember: ({ url }, spoken) =>
          Effect.sync(() => void (spoken === "older" ? older.add(url.href) : older.delete(url.href)))
      })
    )
  )

const older = ["initialize", "notifications/initialized", "tools/list"]

describe("a server that was one of an older revision", () => {
  it.effect("is not asked for the new one again", () =>
    Effect.gen(function* () {
      const known = new Set<string>()
      const { heard, url } = yield* olderServer({})
      for (let run = 0; run < 2; run++) {
        const { tools } = yield* Effect.provide(connect(httpServer(url), way().send), remembering(known))
        assert.lengthOf(yield* tools, 1)
      }
      assert.deepStrictEqual(heard, ["server/discover", ...older, ...older])
    })
  )

  it.effect("is one of 2026-07-28 now: that is noticed in the same run, and the memory is forgotten", () =>
    Effect.gen(function* () {
      const url = yield* modernServer()
      const known = new Set([url.href])
      const { send, sent } = way()
      const session = yield* Effect.provide(connect(httpServer(url), send), remembering(known))
      assert.strictEqual(session.server.protocol, "2026-07-28")
      assert.deepStrictEqual(sent, ["initialize", "server/discover"])
      assert.strictEqual(known.size, 0)
    })
  )

  const once =
    (refuse: Answer): Answer =>
    (response, message) => {
      if (isRefused.has(refuse)) return olderInitialize(response, message)
      isRefused.add(refuse)
      return refuse(response, message)
    }
  const isRefused = new Set<Answer>()
  const olderInitialize: Answer = (response, { id }) =>
    response.writeHead(200, { "content-type": "application/json" }).end(
      JSON.stringify({
        jsonrpc: "2.0",
        id,
        result: {
          protocolVersion: "2025-06-18",
          capabilities: { tools: {} },
          serverInfo: { name: "older", version: "1" }
        }
      })
    )
  const refusals: Readonly<Record<string, Answer>> = {
    "an HTTP 400": status(400, "no"),
    "an HTTP 404": status(404),
    "an HTTP 500": status(500),
    "an unknown method": (response, message) =>
      refusal(response, message, { code: -32601, message: "Method not found" }),
    "another version": (response, message) =>
      refusal(response, message, {
        code: -32022,
        message: "no",
        data: { supported: ["2026-07-28"], requested: "2025-11-25" }
      })
  }
  for (const [what, answer] of Object.entries(refusals)) {
    it.effect(`is greeted from the start where it answers with ${what}`, () =>
      Effect.gen(function* () {
        const { heard, url } = yield* olderServer({ initialize: once(answer) })
        const known = new Set([url.href])
        const { tools } = yield* Effect.provide(connect(httpServer(url), way().send), remembering(known))
        assert.lengthOf(yield* tools, 1)
        assert.deepStrictEqual(heard, ["initialize", "server/discover", ...older])
        assert.isTrue(known.has(url.href))
      })
    )
  }

  for (const code of [401, 403]) {
    it.effect(`is not asked again where it answers ${code}`, () =>
      Effect.gen(function* () {
        const { heard, url } = yield* olderServer({ initialize: status(code) })
        const error = yield* Effect.flip(
          Effect.provide(connect(httpServer(url), way().send), remembering(new Set([url.href])))
        )
        assert.include(errorText(error), `HTTP ${code}`)
        assert.deepStrictEqual(heard, ["initialize"])
      })
    )
  }
})
