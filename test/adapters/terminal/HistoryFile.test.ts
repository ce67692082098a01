import { execFileSync } from "node:child_process"
import { chmodSync, mkdtempSync, rmSync, statSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, assert, describe, it } from "@effect/vitest"
import { historyFile, isKept } from "../../../src/adapters/terminal/HistoryFile.ts"

const folder = mkdtempSync(join(tmpdir(), "history-"))
afterAll(() => rmSync(folder, { recursive: true }))

const modeOf = (path: string) => statSync(path).mode & 0o777

describe("the history of sessions", () => {
  it("is private, and comes back at its server", () => {
    const path = join(folder, "new", "history")
    const history = historyFile({ MCP_CLI_HISTORY: path })
    history.add("notion", "search query=a")
    history.add("other", "fetch")
    assert.deepEqual(history.read("notion"), ["search query=a"])
    assert.strictEqual(modeOf(path), 0o600)
  })

  it.each<[string, (path: string) => void]>([
    ["a pipe", (path) => void execFileSync("mkfifo", [path])],
    ["a folder", (path) => void execFileSync("mkdir", [path])],
    ["a link to a device", (path) => void execFileSync("ln", ["-s", "/dev/null", path])]
  ])("neither waits for what is no file, nor changes its mode: %s", (what, make) => {
    const path = join(folder, what)
    make(path)
    if (!what.startsWith("a link")) chmodSync(path, 0o755)
    const before = modeOf(path)
    try {
      const history = historyFile({ MCP_CLI_HISTORY: path })
      history.add("notion", "search query=a")
      assert.deepEqual(history.read("notion"), [])
      assert.strictEqual(modeOf(path), before)
    } finally {
      // A device that a failed run has changed is everyone's.
      if (modeOf(path) !== before) chmodSync(path, before)
    }
  })

  it.each([
    "call a pwd=x",
    "call a url=https://ann:x@example.com/",
    "call a k=github_pat_11ABCDEFG0",
    "call a k=ghs_0123456789",
    "call a k=sk-ant-0123456789",
    "call a k=xoxe-0123456789",
    `call a k=${"AKIA"}IOSFODNN7EXAMPLE`,
    `call a k=AIza${"Sy0123456789".repeat(2)}`,
    "call a k=eyJhbGciOiJIUzI1NiJ9.e30.x"
  ])("has no line with a secret: %s", (line) => {
    assert.isFalse(isKept(line))
  })

  it.each(["search query=risk-management", "fetch url=https://example.com:8080/a@b", "open path=./skip"])(
    "has a line without a secret: %s",
    (line) => {
      assert.isTrue(isKept(line))
    }
  )
})
