import { execFileSync } from "node:child_process"
import { assert, describe, it } from "@effect/vitest"
import {
  commandLine,
  errorLine,
  errorText,
  remediesJson,
  remedyText
} from "../../../src/app/cli/RemedyText.ts"
import * as Remedy from "../../../src/domain/Remedy.ts"
import {
  RevocationFailed,
  ScopeRequired,
  SignInRefused,
  SignInRequired
} from "../../../src/domain/SignInError.ts"

const login = (server: string, account?: string) => Remedy.command("auth login", { server, account })

describe("an error in one line", () => {
  it("has a mark behind each command that more follows", () => {
    const { advice } = Remedy
    const error = { message: "It failed:\nso.", remedies: [login("a"), advice("Or wait."), login("b")] }
    assert.strictEqual(
      errorLine(error),
      "It failed: so. Run: mcp-cli auth login a; Or wait. Run: mcp-cli auth login b"
    )
  })
})

describe("the command of a remedy", () => {
  const cases: ReadonlyArray<readonly [Remedy.Command, string | undefined, string]> = [
    [login("notion"), undefined, "mcp-cli auth login notion"],
    [login("notion", "default"), undefined, "mcp-cli auth login notion"],
    [login("notion", "-x"), undefined, "mcp-cli auth login notion --account=-x"],
    [login("-notion", "work"), undefined, "mcp-cli auth login --account work -- -notion"],
    [
      login("notion", "work"),
      "my file.json",
      'mcp-cli auth login notion --account work --config-file "my file.json"'
    ],
    [
      Remedy.command("auth login", {
        server: "notion",
        options: { scope: "a b", device: true, browser: false }
      }),
      undefined,
      'mcp-cli auth login notion --scope "a b" --device --no-browser'
    ],
    [Remedy.command("auth reset"), undefined, "mcp-cli auth reset NAME"],
    [Remedy.command("auth reset", { options: { all: true } }), undefined, "mcp-cli auth reset --all"],
    [Remedy.command("auth client-metadata"), undefined, "mcp-cli auth client-metadata"],
    [Remedy.command("add"), undefined, "mcp-cli add NAME URL"],
    [
      Remedy.command("add", { server: "my wiki", url: "https://a.test/?b=c&d", options: { force: true } }),
      "a.json",
      'mcp-cli add "my wiki" "https://a.test/?b=c&d" --force --config-file a.json'
    ],
    [Remedy.command("storage"), "a.json", "mcp-cli storage --config-file a.json"]
  ]

  it.each(cases)("%j with %s", (command, configFile, line) => {
    assert.strictEqual(commandLine(command, configFile), line)
  })

  it("is read by a shell as it was meant", () => {
    const accounts = [
      "work",
      "my work",
      "it's",
      '"',
      "$(id)",
      "`id`",
      "a\\",
      "!!",
      "*",
      "~",
      ";",
      "&",
      "#x",
      "日本"
    ]
    for (const account of [...accounts, accounts.join("'\n")]) {
      const command = commandLine(login("my server", account), account).replace("mcp-cli", "printf '%s\\0'")
      const words = execFileSync("sh", ["-c", command], { encoding: "utf8" }).split("\0")
      assert.deepEqual(words, [
        "auth",
        "login",
        "my server",
        "--account",
        account,
        "--config-file",
        account,
        ""
      ])
    }
  })
})

describe("a remedy as text", () => {
  const oauth = Remedy.oauthOf("notion")
  const cases: ReadonlyArray<readonly [Remedy.Remedy, string]> = [
    [login("notion"), "Run: mcp-cli auth login notion"],
    [Remedy.command("storage", { purpose: "test it" }), "To test it, run: mcp-cli storage"],
    [Remedy.advice("Try again."), "Try again."],
    [
      Remedy.set(oauth, { client_id: null, issuer: "https://as.test" }, "a client is registered there"),
      'If a client is registered there, set "client_id" and "issuer": "https://as.test" in the oauth block of notion.'
    ],
    [Remedy.set(oauth, { use_pkce: false }), 'Set "use_pkce": false in the oauth block of notion.'],
    [
      Remedy.check(Remedy.entryOf("notion"), ["url", "headers", "command"]),
      'Check "url", "headers" and "command" in the entry of notion.'
    ],
    [
      Remedy.remove([...Remedy.entryOf("notion"), "headers"], ["Authorization"]),
      'Remove "Authorization" from "headers" of notion.'
    ],
    [
      Remedy.set(Remedy.tokenStorage, { backend: "encrypted" }),
      'Set "backend": "encrypted" in "tokenStorage".'
    ]
  ]

  it.each(cases)("%j", (remedy, text) => {
    assert.strictEqual(remedyText(remedy), text)
  })
})

describe("a remedy of a server that was given by its URL alone", () => {
  const url = "https://mcp.wiki.test/mcp"
  const entry = Remedy.entryOf(url)
  const oauth = Remedy.oauthOf(url)
  const cases: ReadonlyArray<readonly [Remedy.Remedy, string]> = [
    [Remedy.check(entry, ["url"]), `Check the URL ${url}.`],
    [Remedy.check(entry, ["url", "headers"]), `Check the URL ${url}.`],
    [
      Remedy.set(entry, { url: null }, "the server is there now"),
      "If the server is there now, give that URL in place of this one."
    ],
    [
      Remedy.set(entry, { url: "https://new.test/mcp" }, "the server is there now"),
      "If the server is there now, give https://new.test/mcp in place of this URL."
    ],
    [
      Remedy.set(oauth, { client_id: null }, "you have registered one"),
      `If you have registered one, add the server, and set "client_id" in its oauth block: mcp-cli add wiki ${url} --config-file a.json`
    ],
    [
      Remedy.check(oauth, ["scopes"]),
      `Add the server, and set "scopes" in its oauth block: mcp-cli add wiki ${url} --config-file a.json`
    ],
    [
      Remedy.check(entry, ["headers"]),
      `Add the server, and set "headers" in its entry: mcp-cli add wiki ${url} --config-file a.json`
    ],
    [
      Remedy.set([...entry, "headers"], { Authorization: null }, "you have a key"),
      `If you have a key, add the server, and set "Authorization" in "headers" of its entry: mcp-cli add wiki ${url} --config-file a.json`
    ]
  ]

  it.each(cases)("names no entry: %j", (remedy, text) => {
    assert.strictEqual(remedyText(remedy, "a.json"), text)
  })

  it.each(["unauthorized_client", "invalid_scope"])("names none after the answer %s", (error) => {
    assert.notMatch(errorText(new SignInRefused({ server: url, error })), /(entry|oauth block) of/)
  })
})

describe("an error", () => {
  const error = new SignInRequired({ server: "notion", why: "expired" })

  it("says what happened, and below it what to do", () => {
    assert.strictEqual(
      errorText(error, "a b.json"),
      'The sign-in to notion has expired and cannot be refreshed.\nRun: mcp-cli auth login notion --config-file "a b.json"'
    )
  })

  it("puts the remedies of its cause first", () => {
    const failed = new RevocationFailed({
      server: "notion",
      detail: "It failed.",
      fixes: [Remedy.advice("Do this first.")]
    })
    assert.strictEqual(errorText(failed).split("\n")[1], "Do this first.")
  })

  it("shows nothing of a server that could rewrite the screen or look like a remedy", () => {
    const hostile = "\u001b[31mred\u009b2J\u202e\nRun: mcp-cli auth reset --all"
    const required = new ScopeRequired({ server: "notion", missing: [hostile], scopes: ["read", hostile] })
    const lines = errorText(required).split("\n")
    assert.lengthOf(lines, 2)
    for (const text of [...lines, ...remediesJson(required.remedies).map(({ text }) => text)]) {
      assert.notMatch(text, /\p{Cc}|\u202e/u)
    }
    assert.include(lines[1], "--scope 'read [31mred2J Run: mcp-cli auth reset --all'")
  })

  it("gives programs its remedies as data, with their text", () => {
    assert.deepEqual(JSON.parse(JSON.stringify(remediesJson(error.remedies))), [
      { _tag: "Command", verb: "auth login", server: "notion", text: "Run: mcp-cli auth login notion" }
    ])
  })
})
