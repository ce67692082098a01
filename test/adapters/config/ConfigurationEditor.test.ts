import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer, Option } from "effect"
import * as ConfigurationEditorLive from "../../../src/adapters/config/ConfigurationEditor.ts"
import * as FileEditorLive from "../../../src/adapters/edit/FileEditor.ts"
import * as ApprovalFolder from "../../../src/adapters/store/approval/ApprovalFolder.ts"
import { errorText } from "../../../src/app/cli/RemedyText.ts"
import { TestClock } from "effect/testing"
import { ConfigurationEditor, type EntryJson } from "../../../src/ports/ConfigurationEditor.ts"
import { temporaryFolder } from "../TemporaryFolder.ts"

const notion = { url: "https://mcp.notion.com/mcp" }

/** A configuration at a path of the test's own, and the edits of it. */
const configured = Effect.fnUntraced(function* (content?: string) {
  const folder = yield* temporaryFolder
  const file = join(folder, "server_config.json")
  if (content !== undefined) writeFileSync(file, content, { mode: 0o600 })
  const layer = ConfigurationEditorLive.layer({ path: Option.some(file) }).pipe(
    Layer.provide([
      NodeFileSystem.layer,
      NodePath.layer,
      FileEditorLive.layer,
      ApprovalFolder.layer({ directory: join(folder, "trusted") })
    ])
  )
  const add = (name: string, entry: EntryJson, force = false, isDerived = false) =>
    ConfigurationEditor.use((editor) => editor.add(name, entry, { force, isDerived })).pipe(
      Effect.provide(layer)
    )
  const remove = (name: string) =>
    ConfigurationEditor.use((editor) => editor.remove(name)).pipe(Effect.provide(layer))
  const addMissing = (
    entries: ReadonlyArray<{ readonly name: string; readonly entry: EntryJson }>,
    dryRun = false
  ) => ConfigurationEditor.use((editor) => editor.addMissing(entries, { dryRun })).pipe(Effect.provide(layer))
  return { file, add, addMissing, remove, text: () => readFileSync(file, "utf8") }
})

const withServers = (...lines: ReadonlyArray<string>) =>
  ["{", "  // mine", '  "mcpServers": {', ...lines.map((line) => `    ${line}`), "  }", "}", ""].join("\n")

const refused = <A, E extends Parameters<typeof errorText>[0], R>(
  effect: Effect.Effect<A, E, R>,
  file: string
) => Effect.map(Effect.flip(effect), (error) => errorText(error).replaceAll(file, "FILE"))

describe("adding a server", () => {
  it.effect("makes a file that names its schema and that no other user can read", () =>
    Effect.gen(function* () {
      const { add, file, text } = yield* configured()
      assert.deepStrictEqual(yield* add("notion", notion), {
        name: "notion",
        file,
        backup: undefined,
        result: "added"
      })
      assert.strictEqual(
        text(),
        `{
  "$schema": "https://unpkg.com/mcp-cli-oauth@0/server_config.schema.json",
  "mcpServers": {
    "notion": {
      "url": "https://mcp.notion.com/mcp"
    }
  }
}
`
      )
      assert.strictEqual(statSync(file).mode & 0o777, 0o600)
    })
  )

  it.effect("fills a file that is empty, or has no servers yet", () =>
    Effect.gen(function* () {
      for (const content of [
        "",
        " \n",
        "{}",
        '{ "tokenStorage": { "backend": "encrypted" } }',
        "{\n  // todo\n}\n"
      ]) {
        const { add, text } = yield* configured(content)
        assert.strictEqual((yield* add("notion", notion)).result, "added")
        assert.match(text(), /"notion": \{\s*"url": "https:\/\/mcp\.notion\.com\/mcp"\s*\}/)
        if (content.includes("todo")) assert.include(text(), "// todo")
      }
    })
  )

  it.effect("leaves all else as it is, and keeps it in a backup", () =>
    Effect.gen(function* () {
      const before = withServers(
        '"b": { "url": "https://b.example" }, // the second',
        '"a": { "url": "https://a.example" }'
      )
      const { add, file, text } = yield* configured(before)
      assert.deepStrictEqual(yield* add("notion", notion), {
        name: "notion",
        file,
        backup: `${file}.bak`,
        result: "added"
      })
      assert.strictEqual(
        text(),
        withServers(
          '"b": { "url": "https://b.example" }, // the second',
          '"a": { "url": "https://a.example" },',
          '"notion": { "url": "https://mcp.notion.com/mcp" }'
        )
      )
      assert.strictEqual(readFileSync(`${file}.bak`, "utf8"), before)
    })
  )

  it.effect("again changes nothing, and with other settings only those", () =>
    Effect.gen(function* () {
      const before = withServers(
        '"notion": {',
        '  "url": "https://MCP.notion.com/mcp", // as I write it',
        '  "oauth": { "dpop": true }',
        "}"
      )
      const { add, file, text } = yield* configured(before)
      assert.strictEqual((yield* add("notion", notion)).result, "unchanged")
      assert.isFalse(existsSync(`${file}.bak`))
      const oauth = { client_id: "c", scopes: ["a", "b"] }
      assert.strictEqual((yield* add("notion", { ...notion, oauth })).result, "changed")
      assert.strictEqual(
        text(),
        before.replace('"dpop": true', '"dpop": true, "client_id": "c", "scopes": ["a", "b"]')
      )
      assert.strictEqual((yield* add("notion", { ...notion, oauth })).result, "unchanged")
    })
  )

  it.effect("does not replace another server, unless it is forced to", () =>
    Effect.gen(function* () {
      const others: ReadonlyArray<readonly [string, string]> = [
        ['{ "url": "https://old.example/mcp", "oauth": { "client_id": "old" } }', "https://old.example/mcp"],
        ['{ "url": "https://mcp.notion.com/mcp/" }', "https://mcp.notion.com/mcp/"],
        ['{ "command": "notion-mcp", "args": ["-v"] }', "notion-mcp -v"]
      ]
      for (const [entry, target] of others) {
        const before = withServers(`"notion": ${entry} // mine`)
        const { add, file, text } = yield* configured(before)
        assert.strictEqual(
          yield* refused(add("notion", notion), file),
          `FILE has another server "notion": ${target}.\nTo replace it, run: mcp-cli add notion https://mcp.notion.com/mcp --force`
        )
        assert.strictEqual(text(), before)
        assert.strictEqual((yield* add("notion", notion, true)).result, "replaced")
        assert.strictEqual(text(), withServers('"notion": { "url": "https://mcp.notion.com/mcp" } // mine'))
      }
    })
  )

  it.effect("under the name of its host replaces no other, and keeps the name that it has", () =>
    Effect.gen(function* () {
      const other = withServers('"notion": { "url": "https://old.example/mcp" }')
      const { add, file } = yield* configured(other)
      assert.strictEqual(
        yield* refused(add("notion", notion, false, true), file),
        'FILE has another server "notion": https://old.example/mcp.\nTo give this one another name, run: mcp-cli add notion-2 https://mcp.notion.com/mcp'
      )
      for (const [url, scopes, result] of [
        [notion.url, undefined, "unchanged"],
        ["HTTPS://mcp.notion.com/mcp", undefined, "unchanged"],
        [notion.url, ["read"], "changed"]
      ] as const) {
        const before = withServers('"work": { "url": "https://mcp.notion.com/mcp" }')
        const own = yield* configured(before)
        const entry = { url, ...(scopes === undefined ? {} : { oauth: { scopes } }) }
        const done = yield* own.add("notion", entry, false, true)
        assert.deepStrictEqual([done.name, done.result], ["work", result])
      }
      const twice = withServers(
        '"one": { "url": "https://mcp.notion.com/mcp" },',
        '"two": { "url": "https://mcp.notion.com/mcp" }'
      )
      const ambiguous = yield* configured(twice)
      const error = yield* refused(ambiguous.add("notion", notion, false, true), ambiguous.file)
      assert.include(error, "one, two")
    })
  )

  it.effect("is refused for an entry, a name or a file with errors, and changes nothing", () =>
    Effect.gen(function* () {
      const good = '{ "mcpServers": {} }'
      const cases: ReadonlyArray<readonly [content: string, name: string, entry: EntryJson, error: RegExp]> =
        [
          [good, "s", { url: "http://mcp.example.com" }, /^mcpServers\.s\.url: must be an https URL/],
          [good, "s", { ...notion, oauth: { client_secret: "${S}" } }, /oauth\.client_id: is missing/],
          [good, "a\u0000b", notion, /must not have control or invisible characters/],
          [good, "s", { command: "s", oauth: {} }, /oauth: is only for servers with a url/],
          ['{ "mcpServers": [] }', "s", notion, /^FILE: mcpServers: must be an object/],
          ['{ "servers": {} }', "s", notion, /is "servers" a misspelling of "mcpServers"/],
          ['{ "mcpServers": {}, ', "s", notion, /^FILE: it is not valid JSON at line 1/],
          ['{ "mcpServers": { "s": {}, "s": {} } }', "s", notion, /another server|edited safely/]
        ]
      for (const [content, name, entry, error] of cases) {
        const { add, file, text } = yield* configured(content)
        assert.match(yield* refused(add(name, entry), file), error)
        assert.strictEqual(text(), content)
      }
    })
  )

  it.effect("loses nothing if many are added at the same time", () =>
    Effect.gen(function* () {
      const { add, text } = yield* configured(withServers())
      const names = Array.from({ length: 8 }, (_, index) => `s${index}`)
      const added = Effect.forEach(names, (name) => add(name, notion), { concurrency: "unbounded" })
      yield* TestClock.withLive(added)
      for (const name of names) assert.include(text(), `"${name}"`)
    })
  )
})

describe("removing a server", () => {
  it.effect("finds it by its name or its URL, also one with errors", () =>
    Effect.gen(function* () {
      const cases = [
        ["notion", "notion"],
        ["https://MCP.notion.com:443/mcp", "notion"],
        ["broken", "broken"]
      ] as const
      for (const [given, name] of cases) {
        const lines = ['"notion": { "url": "https://mcp.notion.com/mcp" },', '"broken": { "uri": 1 }']
        const { file, remove, text } = yield* configured(withServers(...lines))
        const { backup, removed } = yield* remove(given)
        assert.deepStrictEqual([removed.name, backup], [name, `${file}.bak`])
        assert.notInclude(text(), `"${name}"`)
        assert.include(text(), name === "notion" ? "broken" : "notion")
      }
    })
  )

  it.effect("is refused for a server that is not there, or several with one URL", () =>
    Effect.gen(function* () {
      const { file, remove } = yield* configured(
        withServers('"a": { "url": "https://s.test" },', '"b": { "url": "https://s.test/" }')
      )
      assert.match(yield* refused(remove("c"), file), /^FILE has no server "c"/)
      assert.match(yield* refused(remove("https://s.test"), file), /name one of a, b/)
      assert.match(yield* refused(remove("https://t.test"), file), /^FILE has no server "https:\/\/t\.test"/)
    })
  )
})

describe("adding several servers", () => {
  const linear = { url: "https://mcp.linear.app/mcp" }
  const both = [
    { name: "notion", entry: notion },
    { name: "linear", entry: linear }
  ]

  it.effect("is one edit with one backup, and again changes nothing", () =>
    Effect.gen(function* () {
      const before = withServers('"a": { "url": "https://a.example" } // the first')
      const { addMissing, file, text } = yield* configured(before)
      const { servers, ...edit } = yield* addMissing(both, true)
      assert.deepStrictEqual(edit, { file, backup: undefined })
      assert.deepStrictEqual(
        servers.map((server) => server._tag === "Added" && server.server?.name),
        ["notion", "linear"]
      )
      assert.strictEqual(text(), before)
      assert.strictEqual((yield* addMissing(both)).backup, `${file}.bak`)
      assert.strictEqual(readFileSync(`${file}.bak`, "utf8"), before)
      assert.include(text(), "// the first")
      const after = text()
      assert.deepStrictEqual((yield* addMissing(both)).servers, [
        { _tag: "Present", name: "notion", as: "notion" },
        { _tag: "Present", name: "linear", as: "linear" }
      ])
      assert.strictEqual(text(), after)
      assert.strictEqual(readFileSync(`${file}.bak`, "utf8"), before)
    })
  )

  it.effect("makes a file, unless none can be added", () =>
    Effect.gen(function* () {
      const { addMissing, file, text } = yield* configured()
      const bad = [{ name: "bad", entry: { url: "http://mcp.example.com" } }]
      const { servers } = yield* addMissing(bad)
      assert.strictEqual(servers[0]?._tag, "Refused")
      assert.isFalse(existsSync(file))
      assert.strictEqual((yield* addMissing([...bad, ...both])).backup, undefined)
      assert.deepStrictEqual(Object.keys(JSON.parse(text()).mcpServers), ["notion", "linear"])
    })
  )

  it.effect("leaves what the file has, by whatever name", () =>
    Effect.gen(function* () {
      const before = withServers(
        '"wiki": { "url": "https://MCP.notion.com/mcp", "oauth": { "client_id": "c" } },',
        '"linear": { "url": "https://elsewhere.example" }'
      )
      const { addMissing, file, text } = yield* configured(before)
      const { servers } = yield* addMissing([
        ...both,
        { name: "again", entry: linear },
        { name: "x", entry: linear }
      ])
      assert.deepStrictEqual(
        servers.map((server) =>
          server._tag === "Refused"
            ? errorText(server.why).replaceAll(file, "FILE")
            : server._tag === "Added"
              ? `${server.name}: ${server.server?.name}`
              : server
        ),
        [
          { _tag: "Present", name: "notion", as: "wiki" },
          'FILE has another server "linear": https://elsewhere.example.\nTo replace it, add --force.',
          "again: again",
          { _tag: "Present", name: "x", as: "again" }
        ]
      )
      assert.notInclude(text(), '"notion"')
    })
  )
})
