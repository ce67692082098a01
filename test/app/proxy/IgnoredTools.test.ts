import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ignoringTools } from "../../../src/app/proxy/IgnoredTools.ts"
import { answerWith, handshake, proxied, request, sessionServer } from "./RelayWorld.ts"

describe("ignored tools", () => {
  it.live("are in no list and cannot be called, whatever their case", () =>
    Effect.gen(function* () {
      const server = yield* sessionServer((call) => {
        if (call.message.method !== "tools/list") return false
        const tools = ["deleteAll", "read", "a.b", "axb"].map((name) => ({ name, inputSchema: {} }))
        answerWith(call, { tools, nextCursor: "2" })
        return true
      })
      const client = yield* proxied(server.url, { rules: [ignoringTools(["DELETE*", "a.b"])] })
      yield* handshake(client)
      yield* client.write(request("l", "tools/list"))
      const list = yield* client.next
      assert.strictEqual(list.id, "l")
      assert.deepStrictEqual(list.result, {
        tools: [
          { name: "read", inputSchema: {} },
          { name: "axb", inputSchema: {} }
        ],
        nextCursor: "2"
      })
      for (const [name, isRefused] of [
        ["Deleteall", true],
        ["a.b", true],
        ["axb", false],
        ["read", false]
      ] as const) {
        yield* client.write(request(name, "tools/call", { name }))
        const answer = yield* client.next
        assert.strictEqual(answer.error?.code, isRefused ? -32_603 : undefined, name)
      }
      assert.strictEqual(server.log().filter((line) => line === "POST tools/call").length, 2)
    })
  )
})
