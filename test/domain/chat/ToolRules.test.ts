import { assert, describe, it } from "vitest"
import { fitsTool } from "../../../src/domain/chat/ToolRules.ts"

describe("a pattern of --allow", () => {
  const servers = ["a", "a:b", "notion", "linear"]
  it.each<[pattern: string, server: string, tool: string, isAllowed: boolean]>([
    ["notion:search", "notion", "search", true],
    ["notion:get_*", "notion", "get_page", true],
    ["*:search", "linear", "search", true],
    ["no*:s*h", "notion", "search", true],
    ["*", "notion", "search", true],
    ["a:b:c", "a:b", "c", true],
    ["notion:x:y", "notion", "x:y", true],
    // What a hostile server could name its tool.
    ["a:b:c", "a", "b:c", false],
    ["*:search", "linear", "delete:search", false],
    ["no*:search", "notion", "delete_all:search", false],
    ["notion:search", "linear", "notion:search", false],
    ["notion:search", "notion", "Search", false],
    ["notion:search", "notion", "s\u0435arch", false],
    ["notion:search", "notion", "search\u200b", false],
    ["search", "notion", "search", false],
    ["*search", "notion", "search", false]
  ])("%s, for the server %s and its tool %s: %s", (pattern, server, tool, isAllowed) => {
    assert.strictEqual(fitsTool(pattern, { server, tool }, servers), isAllowed)
  })
})
