import { assert, describe, it } from "@effect/vitest"
import { nearClients, otherNames } from "../../../../src/app/cli/clients/NearClients.ts"
import { mcpClientIds } from "../../../../src/domain/McpClient.ts"

describe("a client that mcp-cli does not know", () => {
  it.each<[given: string, first: string | undefined]>([
    ["code", "vscode"],
    ["VSCode", "vscode"],
    ["vs-code", "vscode"],
    ["visual-studio-code", "vscode"],
    ["claude", "claude-code"],
    ["Claude Desktop", "claude-desktop"],
    ["insiders", "vscode-insiders"],
    ["cursr", "cursor"],
    ["codx", "codex"],
    ["jetbrains", "junie"],
    ["foo", undefined],
    ["xx", undefined],
    ["", undefined]
  ])("%s was probably meant to be %s", (given, first) => {
    const found = nearClients(given)
    assert.strictEqual(found[0], first)
    assert.isAtMost(found.length, 3)
  })

  it("has other names of clients that exist", () => {
    for (const id of Object.values(otherNames)) assert.include(mcpClientIds, id)
  })
})
