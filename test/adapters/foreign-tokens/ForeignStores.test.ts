import { execFileSync } from "node:child_process"
import { createCipheriv, createHash, randomBytes, scryptSync } from "node:crypto"
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { hostname, userInfo } from "node:os"
import { dirname, join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Layer, Option, Redacted } from "effect"
import { fernetKey, isFernet, openFernet } from "../../../src/adapters/foreign-tokens/Fernet.ts"
import * as ForeignStores from "../../../src/adapters/foreign-tokens/ForeignStores.ts"
import { ForeignKeyring } from "../../../src/ports/ForeignKeyring.ts"
import { ForeignVault } from "../../../src/ports/ForeignVault.ts"
import { type ForeignProgram, ForeignTokens, type SearchedServers } from "../../../src/ports/ForeignTokens.ts"
import { SecretPrompt } from "../../../src/ports/SecretPrompt.ts"
import { temporaryFolder } from "../TemporaryFolder.ts"

const url = "https://mcp.notion.com/mcp"
const password = "correct horse"
/** Made with the Python package cryptography 48: salt 00..0f, initialization vector of zeros. */
const salt = Uint8Array.from({ length: 16 }, (_, index) => index)
const token =
  "gAAAAABlU_EAAAAAAAAAAAAAAAAAAAAAALePUNE6dDauPrHu98kKxQDPCyvf2KsCy_6kNDEil6e3s85lM3F45JMa7bc5PS6GsPGtcNYBaoGohQjpYGFMsuFLFSaWJ5QAOiBgxqCynnqwamg8UKspP8xAnQPwd20uTeb5Iw83NWK5EmQ491qVFAp9GdNAZUiN9sjg6Q5-EGyE6tekT7eVUL9behppKyuZHdN9lRb4Uw97zb2520VOL5cIXPzmuWMBIVf7RdLtXHFP"

const secrets = (access: string) => ({
  access_token: access,
  token_type: "Bearer",
  refresh_token: `${access}-r`
})

interface Machine {
  readonly keyring?: Readonly<Record<string, Readonly<Record<string, string>>>>
  readonly vault?: Readonly<Record<string, Readonly<Record<string, string>>>>
  readonly typed?: string
  readonly env?: Readonly<Record<string, string>>
}

/** A user's home, and the sign-ins that are found in it: the name and the access token of each. */
const machine = Effect.fnUntraced(function* ({ env = {}, keyring = {}, typed, vault = {} }: Machine = {}) {
  const home = yield* temporaryFolder
  const questions: Array<string> = []
  const layer = ForeignStores.layer({ os: "linux", home, project: home, variable: (name) => env[name] }).pipe(
    Layer.provide([
      Layer.succeed(
        ForeignKeyring,
        ForeignKeyring.of({
          find: (service) =>
            Effect.succeed(
              Object.entries(keyring[service] ?? {}).map(([account, secret]) => ({
                account,
                secret: Redacted.make(secret)
              }))
            )
        })
      ),
      Layer.succeed(
        ForeignVault,
        ForeignVault.of({ read: (...parts) => Effect.succeed(vault[parts.join("/")]) })
      ),
      Layer.succeed(
        SecretPrompt,
        SecretPrompt.of({
          ask: (question) => {
            questions.push(question.replaceAll(home, "~"))
            return Effect.succeed(Option.map(Option.fromUndefinedOr(typed), (text) => Redacted.make(text)))
          }
        })
      )
    ])
  )
  const write = (path: string, content: string | Uint8Array, mode = 0o600) => {
    const file = join(home, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, content)
    chmodSync(file, mode)
  }
  const find = Effect.fnUntraced(function* (
    program: ForeignProgram,
    searched: Partial<SearchedServers> = {}
  ) {
    const found = yield* ForeignTokens.use((service) =>
      service.find(program, { names: [], remoteLines: [], ...searched })
    ).pipe(
      Effect.provide(layer),
      Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env }))
    )
    return {
      signIns: found.signIns.map(({ name, tokens }) => [name, tokens && Redacted.value(tokens.accessToken)]),
      notes: found.notes.map((note) => note.replaceAll(home, "~"))
    }
  })
  return { home, write, find, questions }
})

const keyOf = (...parts: ReadonlyArray<string>) => createHash("md5").update(parts.join("|")).digest("hex")

describe("the sign-ins of mcp-remote", () => {
  it.effect("are found by what the program was started with, in every version's folder", () =>
    Effect.gen(function* () {
      const { find, write } = yield* machine()
      const linear = "https://mcp.linear.app/sse"
      const old = "https://old.example/mcp"
      const headers = '{"X-A":"${A}","X-B":"1"}'
      write(`.mcp-auth/mcp-remote-v1/${keyOf(url)}_tokens.json`, JSON.stringify(secrets("current")))
      write(`.mcp-auth/mcp-remote-0.1.29/${keyOf(url)}_tokens.json`, JSON.stringify(secrets("outdated")))
      write(`.mcp-auth/mcp-remote-0.1.9/${keyOf(old)}_tokens.json`, JSON.stringify(secrets("v9")))
      write(`.mcp-auth/mcp-remote-0.1.29/${keyOf(old)}_tokens.json`, JSON.stringify(secrets("v29")))
      write(
        `.mcp-auth/mcp-remote-v1/${keyOf(linear, headers)}_tokens.json`,
        JSON.stringify(secrets("linear"))
      )
      write(`.mcp-auth/mcp-remote-v1/${"0".repeat(32)}_tokens.json`, JSON.stringify(secrets("stranger")))
      const remoteLines = [
        { url, storeKey: url },
        { url: old, storeKey: old },
        { url: linear, storeKey: `${linear}|${headers}` }
      ]
      const { notes, signIns } = yield* find("mcp-remote", { remoteLines })
      assert.deepStrictEqual(Object.fromEntries(signIns), {
        [url]: "current",
        [old]: "v29",
        [linear]: "linear"
      })
      assert.deepStrictEqual(notes, [
        "A sign-in in ~/.mcp-auth is for servers that neither your configuration nor a client's file names."
      ])
    })
  )
})

describe("the sign-ins of programs with one file", () => {
  const entry = { serverName: "n", serverUrl: url, accessToken: "at" }
  it.effect.each<[ForeignProgram, string, unknown]>([
    ["claude-code", ".claude/.credentials.json", { mcpOAuth: { "n|1": entry } }],
    [
      "gemini",
      ".gemini/mcp-oauth-tokens.json",
      [{ serverName: "n", token: { accessToken: "at" }, mcpServerUrl: url }]
    ],
    [
      "codex",
      ".codex/.credentials.json",
      { "n|1": { server_name: "n", server_url: url, client_id: "c", access_token: "at" } }
    ],
    [
      "opencode",
      ".local/share/opencode/mcp-auth.json",
      { n: { tokens: { accessToken: "at" }, serverUrl: url } }
    ],
    [
      "mcporter",
      ".mcporter/credentials.json",
      { entries: { "n|1": { serverName: "n", serverUrl: url, tokens: secrets("at") } } }
    ]
  ])("%s", ([program, path, content]) =>
    Effect.gen(function* () {
      const { find, home, write } = yield* machine()
      const nothing = { signIns: [], notes: [] }
      assert.deepStrictEqual(yield* find(program), nothing)
      write(path, JSON.stringify(content))
      assert.deepStrictEqual(yield* find(program), { signIns: [["n", "at"]], notes: [] })
      // A mark of Windows, and rights that are too wide.
      write(path, `\uFEFF${JSON.stringify(content)}`, 0o640)
      assert.deepStrictEqual(yield* find(program), {
        signIns: [["n", "at"]],
        notes: [`~/${path} can be read by other users of this machine: run chmod 600 on it.`]
      })
      for (const [bytes, note] of [
        ["{ broken s3cr3t", "is written in a way that this version does not know."],
        [Uint8Array.of(0xff, 0xfe, 0, 1), "was not read: it is not UTF-8 text."],
        [new Uint8Array(16 * 1024 * 1024 + 1), "was not read: it has more than 16 MiB."]
      ] as const) {
        write(path, bytes)
        assert.deepStrictEqual(yield* find(program), { signIns: [], notes: [`~/${path} ${note}`] })
      }
      const file = join(home, path)
      for (const make of [`rm "$0" && mkdir "$0"`, `rmdir "$0" && mkfifo "$0"`]) {
        execFileSync("sh", ["-c", make, file])
        assert.deepStrictEqual(yield* find(program), {
          signIns: [],
          notes: [`~/${path} was not read: it is not a file.`]
        })
      }
    })
  )

  it.effect("are where the variables of the programs say", () =>
    Effect.gen(function* () {
      const elsewhere = yield* temporaryFolder
      const { find } = yield* machine({ env: { CLAUDE_CONFIG_DIR: elsewhere, XDG_DATA_HOME: elsewhere } })
      writeFileSync(join(elsewhere, ".credentials.json"), JSON.stringify({ mcpOAuth: { "n|1": entry } }), {
        mode: 0o600
      })
      mkdirSync(join(elsewhere, "mcporter"))
      writeFileSync(
        join(elsewhere, "mcporter", "credentials.json"),
        JSON.stringify({ entries: { "n|1": { serverName: "n", serverUrl: url, tokens: secrets("xdg") } } }),
        { mode: 0o600 }
      )
      assert.deepStrictEqual((yield* find("claude-code")).signIns, [["n", "at"]])
      assert.deepStrictEqual((yield* find("mcporter")).signIns, [["n", "xdg"]])
    })
  )

  it.effect("of Gemini CLI are opened where they were sealed", () =>
    Effect.gen(function* () {
      const { find, write } = yield* machine()
      const key = scryptSync("gemini-cli-oauth", `${hostname()}-${userInfo().username}-gemini-cli`, 32)
      const iv = randomBytes(16)
      const cipher = createCipheriv("aes-256-gcm", key, iv)
      const content = { serverName: "n", token: { accessToken: "sealed" }, mcpServerUrl: url }
      const text = JSON.stringify({ "gemini-cli-oauth": { n: JSON.stringify(content) } })
      const sealed = Buffer.concat([cipher.update(text), cipher.final()])
      const parts = [iv, cipher.getAuthTag(), sealed].map((part) => part.toString("hex"))
      write(".gemini/gemini-credentials.json", parts.join(":"))
      assert.deepStrictEqual(yield* find("gemini"), { signIns: [["n", "sealed"]], notes: [] })
      for (const damaged of ["", "a:b", "::", [...parts.slice(0, 2), "00"].join(":")]) {
        write(".gemini/gemini-credentials.json", damaged)
        assert.deepStrictEqual(yield* find("gemini"), {
          signIns: [],
          notes: [
            "~/.gemini/gemini-credentials.json was not read: it is of another machine or user, or damaged."
          ]
        })
      }
    })
  )
})

describe("the sign-ins in a keyring", () => {
  it.effect("of Codex and mcpc", () =>
    Effect.gen(function* () {
      const codex = { server_name: "n", url, client_id: "c", token_response: secrets("codex") }
      const { find, write } = yield* machine({
        keyring: {
          "Codex MCP Credentials": { "n|1": JSON.stringify(codex), "odd|2": "{" },
          mcpc: { "auth-profile:mcp.notion.com:default:tokens": '{ "accessToken": "from keyring" }' }
        }
      })
      assert.deepStrictEqual(yield* find("codex"), {
        signIns: [["n", "codex"]],
        notes: [
          "odd|2 in the keyring (service Codex MCP Credentials) is written in a way that this version does not know."
        ]
      })
      write(".mcpc/profiles.json", JSON.stringify({ profiles: { [url]: { default: {} } } }))
      write(
        ".mcpc/credentials.json",
        JSON.stringify({ "auth-profile:mcp.notion.com:default:tokens": '{ "accessToken": "from file" }' })
      )
      assert.deepStrictEqual(yield* find("mcpc"), {
        signIns: [["mcp.notion.com", "from keyring"]],
        notes: []
      })
    })
  )

  it.effect("of the Python mcp-cli, under each of its services and names", () =>
    Effect.gen(function* () {
      const old = { token_type: "oauth", name: "b", data: secrets("older") }
      const { find, write } = yield* machine({
        keyring: {
          "mcp-cli": { a: JSON.stringify(secrets("a")), "bearer:a": "{}" },
          "chuk-oauth": { a: JSON.stringify(secrets("outdated")), "oauth:b": JSON.stringify(old) },
          "mcp-cli-oauth": { c: '{ "resource": "of this program" }' }
        }
      })
      write(".chuk_oauth/tokens/a_client.json", '{ "client_id": "registered" }')
      assert.deepStrictEqual(yield* find("python-mcp-cli", { names: ["a", "b", "c"] }), {
        signIns: [
          ["a", "a"],
          ["b", "older"]
        ],
        notes: []
      })
    })
  )
})

describe("the sign-ins in Vault", () => {
  it.effect("of the Python mcp-cli, in both of its copies", () =>
    Effect.gen(function* () {
      const copy = { token_type: "oauth", name: "a", data: secrets("copy") }
      const { find } = yield* machine({
        vault: {
          "secret/mcp-cli/oauth/a": secrets("fields"),
          "secret/mcp-cli/oauth/oauth:a": { value: JSON.stringify(copy) },
          "secret/mcp-cli/oauth/b": secrets("b"),
          "secret/mcp-cli/oauth/c": { record: "of this program" }
        },
        keyring: { "mcp-cli": { a: JSON.stringify(secrets("outdated")) } }
      })
      assert.deepStrictEqual(yield* find("python-mcp-cli", { names: ["a", "b", "c", "d"] }), {
        signIns: [
          ["a", "copy"],
          ["b", "b"]
        ],
        notes: []
      })
    })
  )
})

describe("the encrypted files of the Python mcp-cli", () => {
  it("are Fernet tokens, which open with the derived key only", async () => {
    const key = await fernetKey(password, salt)
    assert.strictEqual(Buffer.from(key).toString("base64url"), "1-_-WE2gJyXy44SoriQKToYy0BvO65hZX04H3FJqztY")
    assert.isTrue(isFernet(token))
    const text =
      '{"access_token": "at", "token_type": "Bearer", "expires_in": 3600, "refresh_token": "rt", "scope": null, "issued_at": 1700000000.5}'
    assert.strictEqual(openFernet(token, key), text)
    const wrong = await fernetKey("wrong", salt)
    for (const [damaged, withKey] of [
      [token, wrong],
      [`${token.slice(0, -4)}AAAA`, key],
      [token.replace("gAAAA", "gQAAA"), key],
      [token.slice(0, 100), key],
      ["", key]
    ] as const) {
      assert.isUndefined(openFernet(damaged, withKey))
    }
    assert.isFalse(isFernet('{ "not": "a token" }'))
  })

  it.effect("open with the variable or the password that is typed", () =>
    Effect.gen(function* () {
      const names = ["notion", "my server", "none"]
      for (const options of [{ env: { MCP_CLI_ENCRYPTION_KEY: password } }, { typed: password }]) {
        const { find, home, questions, write } = yield* machine(options)
        write(".chuk_oauth/tokens/.salt", salt)
        write(".chuk_oauth/tokens/notion.enc", token)
        write(".chuk_oauth/tokens/oauth:my_server.enc", token)
        // A file of this program in the folder that both use.
        write(".mcp_cli/tokens/notion.enc", "sealed otherwise")
        assert.deepStrictEqual(yield* find("python-mcp-cli", { names }), {
          signIns: [
            ["notion", "at"],
            ["my server", "at"]
          ],
          notes: []
        })
        assert.deepStrictEqual(
          questions,
          "typed" in options ? ["The password of the files in ~/.chuk_oauth/tokens"] : []
        )
        assert.strictEqual(readFileSync(join(home, ".chuk_oauth/tokens/notion.enc"), "utf8"), token)
      }
    })
  )

  it.effect("are left alone without the password or the salt", () =>
    Effect.gen(function* () {
      const names = ["notion"]
      const noteOf = Effect.fnUntraced(function* (options: Machine, ofSalt: Uint8Array | undefined) {
        const { find, write } = yield* machine(options)
        write(".mcp_cli/tokens/notion.enc", token)
        if (ofSalt !== undefined) write(".mcp_cli/tokens/.salt", ofSalt)
        const { notes, signIns } = yield* find("python-mcp-cli", { names })
        assert.deepStrictEqual(signIns, [])
        return notes
      })
      assert.deepStrictEqual(yield* noteOf({}, salt), [
        "The files in ~/.mcp_cli/tokens were not read: set MCP_CLI_ENCRYPTION_KEY to their password."
      ])
      assert.deepStrictEqual(yield* noteOf({ typed: "wrong" }, salt), [
        "~/.mcp_cli/tokens/notion.enc was not read: the password does not open it."
      ])
      const noSalt =
        "The files in ~/.mcp_cli/tokens were not read: the file .salt beside them is missing or damaged."
      assert.deepStrictEqual(yield* noteOf({ typed: password }, undefined), [noSalt])
      assert.deepStrictEqual(yield* noteOf({ typed: password }, Uint8Array.of(1, 2, 3)), [noSalt])
    })
  )
})

describe("FastMCP", () => {
  it.effect("has no place to look in, and that is said", () =>
    Effect.gen(function* () {
      const { find } = yield* machine()
      const { notes, signIns } = yield* find("fastmcp")
      assert.deepStrictEqual(signIns, [])
      assert.match(notes.join(), /no place is known/)
    })
  )
})
