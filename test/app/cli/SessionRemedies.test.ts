import { assert, describe, it } from "@effect/vitest"
import { errorText } from "../../../src/app/cli/RemedyText.ts"
import { inSession } from "../../../src/app/cli/SessionRemedies.ts"
import { advice, command, type Remedy } from "../../../src/domain/Remedy.ts"

const remedyIn = (servers: ReadonlyArray<string>, remedy: Remedy) =>
  errorText(inSession({ message: "x", remedies: [remedy] }, servers)).split("\n")[1]

describe("a remedy in a session", () => {
  const tools = command("tools", { server: "demo", purpose: "see its tools" })
  const echo = command("tools", { server: "demo", operand: "echo", purpose: "see its arguments" })
  it.each<readonly [ReadonlyArray<string>, Remedy, string]>([
    [["demo"], tools, "To see its tools, type: /tools"],
    [["demo", "other"], tools, "To see its tools, type: /tools demo"],
    [["demo"], echo, "To see its arguments, type: /tools echo"],
    [["demo", "other"], echo, "To see its arguments, type: /tools demo:echo"],
    [["demo"], command("prompts", { server: "demo" }), "Type: /prompts"],
    [["demo"], command("tools", { server: "third" }), "Run: mcp-cli tools third"],
    [["demo"], command("auth login", { server: "demo" }), "Run: mcp-cli auth login demo"],
    [["demo"], advice("Try again."), "Try again."]
  ])("with %j is the command of the session, if there is one: %j", (servers, remedy, text) => {
    assert.strictEqual(remedyIn(servers, remedy), text)
  })
})
