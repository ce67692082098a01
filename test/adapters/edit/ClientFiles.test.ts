import * as fs from "node:fs"
import { join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as ClientFilesLive from "../../../src/adapters/edit/ClientFiles.ts"
import * as FileEditorLive from "../../../src/adapters/edit/FileEditor.ts"
import { mcpClientOf, serversAt } from "../../../src/domain/McpClient.ts"
import { ClientFiles } from "../../../src/ports/ClientFiles.ts"
import { temporaryFolder } from "../TemporaryFolder.ts"

const clientFiles = (home: string) =>
  ClientFilesLive.layer({
    os: "linux",
    home,
    project: join(home, "project"),
    variable: () => undefined
  }).pipe(Layer.provide(FileEditorLive.layer))

/** The place of a client in a new home folder, and the text that is there. */
const placeOf = Effect.fnUntraced(function* (id: string, text?: string) {
  const home = yield* temporaryFolder
  const client = mcpClientOf(id) ?? assert.fail(id)
  const [place] = client.places({
    os: "linux",
    home,
    project: join(home, "project"),
    variable: () => undefined
  })
  if (place === undefined) return assert.fail("it has no place")
  if (text !== undefined) {
    fs.mkdirSync(join(place.file, ".."), { recursive: true })
    fs.writeFileSync(place.file, text)
  }
  return { client, home, place, files: clientFiles(home) }
})

const problemOf = (id: string, text: string) =>
  Effect.gen(function* () {
    const { files, place } = yield* placeOf(id, text)
    const { problem } = yield* Effect.flip(
      ClientFiles.use(({ read }) => read(place)).pipe(Effect.provide(files))
    )
    assert.strictEqual(fs.readFileSync(place.file, "utf8"), text)
    return problem
  })

describe("ClientFiles", () => {
  it.effect("reads the servers of each format, as plain values", () =>
    Effect.gen(function* () {
      const entry = { command: "npx", args: ["-y", "mcp-remote", "https://a.example/mcp"] }
      const texts = [
        ["cursor", `\uFEFF{ // mine\n"mcpServers": { "a.b": ${JSON.stringify(entry)}, } }`],
        [
          "codex",
          `model = "x"\r\n[mcp_servers."a.b"] # mine\r\ncommand = 'npx'\r\nargs = ["-y", "mcp-remote", "https://a.example/mcp"]`
        ],
        [
          "goose",
          `extensions:\n  a.b: # mine\n    command: npx\n    args: [-y, mcp-remote, "https://a.example/mcp"]\n`
        ],
        [
          "continue",
          `name: x\nmcpServers:\n- name: a.b\n  command: npx\n  args:\n  - -y\n  - mcp-remote\n  - https://a.example/mcp\n`
        ]
      ] as const
      for (const [id, text] of texts) {
        const { files, place } = yield* placeOf(id, text)
        const file = yield* ClientFiles.use(({ read }) => read(place)).pipe(Effect.provide(files))
        const expected = id === "continue" ? { name: "a.b", ...entry } : entry
        assert.deepStrictEqual(serversAt(place, file?.document), [{ name: "a.b", entry: expected }], id)
      }
    })
  )

  it.effect("reads a field `__proto__` as any other one", () =>
    Effect.gen(function* () {
      const texts = [
        [
          "cursor",
          `{ "mcpServers": { "__proto__": { "url": "u", "oauth": { "__proto__": { "client_id": "x" } } } } }`
        ],
        [
          "goose",
          `extensions:\n  __proto__:\n    url: u\n    oauth:\n      __proto__:\n        client_id: x\n`
        ]
      ] as const
      for (const [id, text] of texts) {
        const { files, place } = yield* placeOf(id, text)
        const file = yield* ClientFiles.use(({ read }) => read(place)).pipe(Effect.provide(files))
        const oauth = JSON.parse('{ "__proto__": { "client_id": "x" } }') as unknown
        assert.deepStrictEqual(
          serversAt(place, file?.document),
          [{ name: "__proto__", entry: { url: "u", oauth } }],
          id
        )
      }
    })
  )

  it.effect("says in which line a file is broken, and nothing of its text", () =>
    Effect.gen(function* () {
      const broken = [
        [
          "cursor",
          `{\n"mcpServers": { "a": { "env": { "KEY": "sk-secret" } } "b": {} }\n}`,
          "is not valid JSON in line 2"
        ],
        ["cursor", `{"mcpServers": {`, "is not valid JSON in line 1"],
        ["codex", `[mcp_servers.a]\nenv = { KEY = "sk-secret }\n`, "is not valid TOML in line 2"],
        ["codex", `[mcp_servers.a]\n[mcp_servers.a]\n`, "is not valid TOML in line 2"],
        ["goose", `extensions:\n  a: "sk-secret\n`, "is not valid YAML in line 3"],
        ["goose", `a: 1\na: 2\n`, "is not valid YAML in line 2"],
        ["goose", `a:\n  b: {c: 1, 'c': 2}\n`, "is not valid YAML in line 2"],
        ["goose", `- "a": 1\n  a: 2\n`, "is not valid YAML in line 2"],
        [
          "goose",
          `a: &a 1\n${Array.from({ length: 1001 }, (_, at) => `b${at}: *a\n`).join("")}`,
          "has more than 1000 aliases in line 1002"
        ]
      ] as const
      for (const [id, text, problem] of broken) assert.strictEqual(yield* problemOf(id, text), problem, text)
    })
  )

  it.effect("reads no TOML with a key `__proto__`, whose fields every object would have", () =>
    Effect.gen(function* () {
      for (const [text, line] of [
        [`[__proto__]\nspoiled = 1\n`, 1],
        [`a = 1\n["__proto__"]\nspoiled = 1\n`, 2],
        [`[mcp_servers.a."\\u005f_proto__"]\nspoiled = 1\n`, 1],
        [`[[__proto__.b]]\nspoiled = 1\n`, 1],
        [`__proto__.spoiled = 1\n`, 1],
        [`[mcp_servers]\na = { b = [\n{ __proto__ = { spoiled = 1 } }] }\n`, 3]
      ] as const) {
        assert.strictEqual(yield* problemOf("codex", text), `has a key "__proto__" in line ${line}`, text)
        assert.notProperty({}, "spoiled")
      }
      const { files, place } = yield* placeOf("codex", "[constructor.prototype]\nspoiled = 1\n")
      yield* ClientFiles.use(({ read }) => read(place)).pipe(Effect.provide(files))
      assert.notProperty({}, "spoiled")
    })
  )

  // The parser of the library compares each name with each other one: 40 seconds.
  it.effect("reads and edits a file with 40,000 names", () =>
    Effect.gen(function* () {
      const names = Array.from({ length: 40_000 }, (_, at) => `  k${at}: 1\n`).join("")
      const { files, place } = yield* placeOf("goose", `extensions:\n${names}`)
      const edited = yield* ClientFiles.use(({ edited: edit }) =>
        edit(place, fs.readFileSync(place.file, "utf8"), [{ path: ["extensions", "mine"], value: { a: 1 } }])
      ).pipe(Effect.provide(files))
      assert.strictEqual(edited, `extensions:\n${names}  mine:\n    a: 1\n`)
    })
  )

  it.live("edits a file again that another program changes meanwhile", () =>
    Effect.gen(function* () {
      const { files, place } = yield* placeOf("cursor", "{}")
      let times = 0
      const { text } = yield* ClientFiles.use(({ edit }) =>
        edit(
          place,
          (file) =>
            Effect.sync(() => {
              times++
              if (times < 3) fs.writeFileSync(place.file, `{ "theirs": ${times} }`)
              return `${file?.text} // mine`
            }),
          { followsLinks: false }
        )
      ).pipe(Effect.provide(files))
      assert.strictEqual(text, '{ "theirs": 2 } // mine')
      assert.strictEqual(fs.readFileSync(place.file, "utf8"), text)
      assert.deepStrictEqual(fs.readdirSync(join(place.file, "..")), ["mcp.json", "mcp.json.bak"])
    })
  )
})
