import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { TestConsole } from "effect/testing"
import { allowedPatterns, warnOfUnknownTools } from "../../../../src/app/cli/chat/AllowedTools.ts"
import { Configuration } from "../../../../src/ports/Configuration.ts"

const configuration = Layer.mock(Configuration, {})

describe("the tools that a command line allows", () => {
  it.effect.each<[servers: ReadonlyArray<string>, given: string, read: string]>([
    [["shop"], "search", "shop:search"],
    [["shop"], "shop:search", "shop:search"],
    [["shop"], "se*", "shop:se*"],
    [["shop"], "*", "*"],
    [["shop"], "*:search", "*:search"],
    [["shop", "a:b"], "a:b:search", "a:b:search"]
  ])("of %j read %s as %s", ([servers, given, read]) =>
    Effect.gen(function* () {
      assert.deepEqual(yield* allowedPatterns(servers, [given]), [read])
    }).pipe(Effect.provide(configuration))
  )

  it.effect.each<[servers: ReadonlyArray<string>, given: string, problem: RegExp, remedy: RegExp]>([
    [
      ["shop", "mail"],
      "search",
      /--allow search names no server/,
      /SERVER:TOOL, such as --allow shop:search/
    ],
    [
      ["shop"],
      "shpo:search",
      /"shpo" is no server of this conversation/,
      /Did you mean --allow shop:search\?/
    ],
    [["shop", "mail"], "notion:search", /"notion" is no server/, /It has shop and mail/],
    [["shop"], "x*:search", /"x\*" is no server/, /It has shop/]
  ])("of %j refuse %s", ([servers, given, problem, remedy]) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(allowedPatterns(servers, [given]))
      assert.match(error.problem, problem)
      assert.match(JSON.stringify(error.remedies), remedy)
    }).pipe(Effect.provide(configuration))
  )

  it.effect("are warned of if the server does not list them", () =>
    Effect.gen(function* () {
      const servers = [{ name: "shop", tools: [{ name: "search" }, { name: "buy" }] }]
      const allow = ["shop:search", "shop:b*", "*", "away:search", "shop:serch", "shop:zzzzzzz", "shop:x*"]
      yield* warnOfUnknownTools(allow, servers)
      assert.deepEqual((yield* TestConsole.errorLines).join("\n").split("\n"), [
        "mcp-cli: warning: --allow shop:serch allows nothing: shop lists no such tool.",
        "Did you mean --allow shop:search?",
        "mcp-cli: warning: --allow shop:zzzzzzz allows nothing: shop lists no such tool.",
        'mcp-cli: warning: --allow "shop:x*" allows nothing: shop lists no such tool.'
      ])
    })
  )
})
