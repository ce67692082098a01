import { assert, describe, it } from "vitest"
import { proxyWords } from "../../../src/app/cli/ProxyWords.ts"

const url = "https://mcp.example.com/mcp"

describe("the words after proxy and auth login", () => {
  const lines: ReadonlyArray<readonly [given: ReadonlyArray<string>, read: ReadonlyArray<string>]> = [
    [
      ["proxy", "demo", "-v"],
      ["proxy", "demo", "-v"]
    ],
    [
      ["proxy", url],
      ["proxy", url]
    ],
    [
      ["proxy", url, "--no-browser"],
      ["proxy", url, "--no-browser"]
    ],
    [
      ["tools", "demo", "--header", "x"],
      ["tools", "demo", "--header", "x"]
    ],
    [
      ["proxy", url, "3334", "--header", "A: b", "--allow-http", "-v"],
      ["proxy", "-v", "--", url, "3334", "--header", "A: b", "--allow-http"]
    ],
    [
      ["proxy", "--header", "A: b", url, "--account", "work", "--transport=http-only"],
      ["proxy", "--account", "work", "--", url, "--header", "A: b", "--transport=http-only"]
    ],
    [
      ["proxy", url, "--ignore-tool", "delete*", "--auth-timeout", "60"],
      ["proxy", "--auth-timeout", "60", "--", url, "--ignore-tool", "delete*"]
    ],
    [
      ["proxy", "--", url, "--debug"],
      ["proxy", "--", url, "--debug"]
    ],
    [
      ["auth", "login", url, "3334", "--device-code", "--scope", "a b", "--account=work"],
      ["auth", "login", "--scope", "a b", "--account=work", "--", url, "3334", "--device-code"]
    ],
    [
      ["auth", "login", url, "--device", "--trace", "x.html"],
      ["auth", "login", url, "--device", "--trace", "x.html"]
    ],
    [
      ["auth", "logout", url, "--header", "x"],
      ["auth", "logout", url, "--header", "x"]
    ],
    [
      ["proxy", url, "--header"],
      ["proxy", "--", url, "--header"]
    ]
  ]
  for (const [given, read] of lines) {
    it(`are read as mcp-remote reads them: ${given.join(" ")}`, () => {
      assert.deepEqual(proxyWords(given), read)
    })
  }
})
