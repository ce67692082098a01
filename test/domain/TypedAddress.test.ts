import { assert, describe, it } from "vitest"
import { commandLine } from "../../src/app/cli/RemedyText.ts"
import { addTyped, nameForUrl } from "../../src/domain/TypedAddress.ts"

describe("a name for a URL", () => {
  it.each([
    ["https://mcp.notion.com/mcp", "notion"],
    ["https://api.githubcopilot.com/mcp/", "githubcopilot"],
    ["https://mcp.example.co.uk", "example"],
    ["http://127.0.0.1:33467/mcp", "local"],
    ["http://localhost:3000/mcp", "local"],
    ["http://[::1]:3000/mcp", "local"],
    ["https://192.0.2.7/mcp", "my-server"],
    ["https://[2001:db8::1]/mcp", "my-server"],
    ["https://mcp.io", "my-server"]
  ])("of %s is %s", (url, name) => {
    assert.strictEqual(nameForUrl(new URL(url)), name)
  })
})

describe("what adds a server that was typed", () => {
  it.each([
    ["notion", "mcp-cli add notion URL"],
    ["notion.com", "mcp-cli add notion https://notion.com"],
    ["mcp.notion.com/mcp", "mcp-cli add notion https://mcp.notion.com/mcp"],
    ["127.0.0.1:33467", "mcp-cli add local http://127.0.0.1:33467"],
    ["localhost:3000/mcp", "mcp-cli add local http://localhost:3000/mcp"],
    ["./server.js", "mcp-cli add ./server.js URL"],
    [undefined, "mcp-cli add NAME URL"]
  ])("%s: %s", (given, line) => {
    assert.strictEqual(commandLine(addTyped(given, "add it")), line)
  })
})
