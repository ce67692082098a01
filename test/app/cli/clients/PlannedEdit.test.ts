import * as fs from "node:fs"
import { dirname, join } from "node:path"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import * as ClientFilesLive from "../../../../src/adapters/edit/ClientFiles.ts"
import * as FileEditorLive from "../../../../src/adapters/edit/FileEditor.ts"
import {
  carryOut,
  type EditOptions,
  planInstall,
  planUninstall
} from "../../../../src/app/cli/clients/PlannedEdit.ts"
import { type ClientPlatform, mcpClientOf } from "../../../../src/domain/McpClient.ts"
import type { ClientFiles } from "../../../../src/ports/ClientFiles.ts"
import { temporaryFolder } from "../../../adapters/TemporaryFolder.ts"

const isRoot = process.getuid?.() === 0
const launch = { command: "/usr/bin/node", args: ["/opt/mcp-cli.cjs", "proxy", "notion"] }
const user: EditOptions = { scope: "user", force: false, followsLinks: false }
const project: EditOptions = { ...user, scope: "project" }

/** A machine with a client that has a file. */
const machine = Effect.fnUntraced(function* (
  id: string,
  text?: string | Buffer,
  scope: "user" | "project" = "user"
) {
  const home = yield* temporaryFolder
  const platform: ClientPlatform = { os: "linux", home, project: join(home, "p"), variable: () => undefined }
  fs.mkdirSync(platform.project)
  const client = mcpClientOf(id) ?? assert.fail(id)
  const { file } = client.places(platform).find((place) => place.scope === scope) ?? assert.fail(id)
  if (text !== undefined) {
    fs.mkdirSync(dirname(file), { recursive: true })
    fs.writeFileSync(file, text)
  }
  const live = ClientFilesLive.layer(platform).pipe(Layer.provide(FileEditorLive.layer))
  const on = <A, E>(effect: Effect.Effect<A, E, ClientFiles>) => Effect.provide(effect, live)
  return {
    client,
    file,
    home,
    on,
    text: () => fs.readFileSync(file, "utf8"),
    install: (options = user, start = launch) =>
      on(
        Effect.gen(function* () {
          const planned = yield* planInstall(client, "notion", start, options)
          if (planned.diff.length > 0) yield* carryOut(planned)
          return planned.result
        })
      ),
    uninstall: (options = user) =>
      on(
        Effect.gen(function* () {
          const planned = yield* planUninstall(client, "notion", options)
          for (const edit of planned) if (edit.diff.length > 0) yield* carryOut(edit)
          return planned.map(({ result }) => result)
        })
      )
  }
})

/** The message of a refused installation. The file has to be as it was, with nothing new beside it. */
const refusalOf = Effect.fnUntraced(function* (
  { file, home, install }: Effect.Success<ReturnType<typeof machine>>,
  options = user
) {
  const folder = dirname(file)
  const list = () => (fs.existsSync(folder) ? fs.readdirSync(folder) : undefined)
  const read = () => (fs.existsSync(file) && fs.statSync(file).isFile() ? fs.readFileSync(file) : undefined)
  const before = [list(), read()]
  const { message, remedies } = yield* Effect.flip(install(options))
  assert.deepStrictEqual([list(), read()], before)
  assert.isAbove(remedies.length + message.length, 0)
  return message.replaceAll(home, "~")
})

describe("installing in a client", () => {
  it.effect("fills whatever stands for no servers, and keeps marks and line endings", () =>
    Effect.gen(function* () {
      const entry = { command: launch.command, args: launch.args }
      const texts = [
        ["cursor", undefined],
        ["cursor", ""],
        ["cursor", " \n"],
        ["cursor", "{}"],
        ["cursor", '{"mcpServers": null}'],
        ["cursor", '\uFEFF{\r\n\t"mcpServers": {\r\n\t\t"a": {},\r\n\t},\r\n}\r\n'],
        ["codex", undefined],
        ["codex", '\uFEFFmodel = "x"\r\n'],
        ["goose", undefined],
        ["goose", "extensions:\n"],
        ["goose", "extensions: null # none\n"],
        ["goose", "# only a comment\n"],
        ["continue", "mcpServers: []\n"],
        ["continue", "mcpServers:\n"]
      ] as const
      for (const [id, text] of texts) {
        const { file, home, install, text: now, uninstall } = yield* machine(id, text)
        if (text === undefined) fs.mkdirSync(dirname(file), { recursive: true })
        assert.strictEqual(yield* install(), "installed", `${id} ${text}`)
        assert.strictEqual(yield* install(), "unchanged")
        assert.include(now(), "notion")
        if (text?.startsWith("\uFEFF") === true) {
          assert.isTrue(now().startsWith("\uFEFF"))
          assert.notMatch(now(), /[^\r]\n/)
        }
        if (id === "cursor") {
          const servers = (
            JSON.parse(
              now()
                .replace(/^\uFEFF/, "")
                .replace(/,(\s*})/g, "$1")
            ) as {
              readonly mcpServers: Readonly<Record<string, unknown>>
            }
          ).mcpServers
          assert.deepStrictEqual(servers["notion"], entry)
        }
        assert.deepStrictEqual(yield* uninstall(), ["removed"])
        assert.notInclude(now(), "notion")
        assert.deepStrictEqual(yield* uninstall(), ["absent"])
        assert.isTrue(file.startsWith(home))
      }
    })
  )

  it.effect("refuses what it cannot edit, and leaves it untouched", () =>
    Effect.gen(function* () {
      const cases = [
        ["cursor", '{ "mcpServers": {', "~/.cursor/mcp.json is not valid JSON in line 1."],
        ["cursor", "[]", '~/.cursor/mcp.json has no object in "mcpServers".'],
        ["cursor", '{ "mcpServers": [] }', '~/.cursor/mcp.json has no object in "mcpServers".'],
        ["cursor", '{ "mcpServers": "x" }', '~/.cursor/mcp.json has no object in "mcpServers".'],
        [
          "cursor",
          '{ "mcpServers": {}, "mcpServers": {} }',
          "~/.cursor/mcp.json is written in a way that cannot be edited safely."
        ],
        ["cursor", Buffer.from('{ "caf\xe9": 1 }', "latin1"), "~/.cursor/mcp.json is not UTF-8 text."],
        ["codex", "[mcp_servers.a", "~/.codex/config.toml is not valid TOML in line 1."],
        ["codex", "mcp_servers = 1\n", '~/.codex/config.toml has no object in "mcp_servers".'],
        ["goose", "extensions: [\n", "~/.config/goose/config.yaml is not valid YAML in line 2."],
        ["goose", "a: 1\n---\nb: 1\n", "~/.config/goose/config.yaml is not valid YAML."],
        ["goose", "extensions: &x {}\n", undefined],
        ["continue", "mcpServers: {}\n", '~/.continue/config.yaml has no list in "mcpServers".'],
        ["zed", "{".repeat(100_000), "~/.config/zed/settings.json is not valid JSON"]
      ] as const
      for (const [id, text, message] of cases) {
        const world = yield* machine(id, text)
        if (message === undefined) {
          assert.strictEqual(yield* world.install(), "installed")
          continue
        }
        assert.isTrue((yield* refusalOf(world)).startsWith(message), message)
      }

      // Their parsers would take gigabytes.
      const sizes = [
        ["cursor", "~/.cursor/mcp.json", 65 * 1024, "64 MiB"],
        ["codex", "~/.codex/config.toml", 513, "512 KiB"],
        ["goose", "~/.config/goose/config.yaml", 513, "512 KiB"]
      ] as const
      for (const [id, file, kibibytes, max] of sizes) {
        const large = yield* machine(id, "")
        fs.truncateSync(large.file, kibibytes * 1024)
        assert.strictEqual(yield* refusalOf(large), `${file} has more than ${max}. It was not changed.`)
      }
      const folder = yield* machine("cursor")
      fs.mkdirSync(folder.file, { recursive: true })
      assert.include(yield* refusalOf(folder), "is not a file")
      const foreign = yield* machine(
        "cursor",
        '{ "mcpServers": { "notion": { "url": "https://a.example" } } }'
      )
      assert.strictEqual(
        yield* refusalOf(foreign),
        'Cursor has another server "notion" in ~/.cursor/mcp.json.'
      )
      const absent = yield* machine("cursor")
      assert.include(yield* refusalOf(absent), "Cursor is not on this machine")
      assert.include(yield* refusalOf(yield* machine("goose"), project), "Goose reads no file of a project")
      if (isRoot) return
      const fixed = yield* machine("cursor", "{}")
      fs.chmodSync(fixed.file, 0o400)
      assert.include(yield* refusalOf(fixed), "cannot be written: permission denied")
      const inside = yield* machine("cursor", "{}")
      fs.chmodSync(dirname(inside.file), 0o500)
      assert.include(yield* refusalOf(inside), "cannot be written: permission denied")
    })
  )

  it.effect("writes through a symbolic link only if it is asked to", () =>
    Effect.gen(function* () {
      const world = yield* machine("cursor")
      const target = join(world.home, "dotfiles.json")
      fs.mkdirSync(dirname(world.file))
      fs.writeFileSync(target, "{}")
      fs.symlinkSync(target, world.file)
      assert.include(
        yield* refusalOf(world),
        "is behind a symbolic link, ~/.cursor/mcp.json, to ~/dotfiles.json"
      )
      assert.strictEqual(yield* world.install({ ...user, followsLinks: true }), "installed")
      assert.include(fs.readFileSync(target, "utf8"), "notion")
      assert.isTrue(fs.lstatSync(world.file).isSymbolicLink())
      // Nothing to write: a link is no problem.
      assert.strictEqual(yield* world.install(), "unchanged")

      // A repository could have made a folder a link.
      const shared = yield* machine("cursor", undefined, "project")
      fs.mkdirSync(join(shared.home, ".cursor"))
      fs.symlinkSync(join(shared.home, ".cursor"), dirname(shared.file))
      assert.include(
        yield* refusalOf(shared, project),
        "is behind a symbolic link, ~/p/.cursor, to ~/.cursor"
      )
      // A folder above the user's own file is the user's.
      const own = yield* machine("cursor")
      fs.mkdirSync(join(own.home, "dotfiles"))
      fs.symlinkSync("dotfiles", dirname(own.file))
      assert.strictEqual(yield* own.install(), "installed")
    })
  )

  it.effect("writes through no link that was made after the change was shown", () =>
    Effect.gen(function* () {
      const text = "{}"
      for (const [scope, isFolder] of [
        ["user", false],
        ["project", false],
        ["project", true]
      ] as const) {
        const { client, file, home, on } = yield* machine("cursor", text, scope)
        const options = scope === "user" ? user : project
        const planned = yield* on(planInstall(client, "notion", launch, options))
        const elsewhere = join(home, "elsewhere")
        fs.mkdirSync(elsewhere)
        fs.writeFileSync(join(elsewhere, "mcp.json"), text)
        const [link, target] = isFolder ? [dirname(file), elsewhere] : [file, join(elsewhere, "mcp.json")]
        fs.rmSync(link, { recursive: true })
        fs.symlinkSync(target, link)
        const { message, remedies } = yield* Effect.flip(on(carryOut(planned)))
        assert.include(message, `is behind a symbolic link now, to ${join(elsewhere, "mcp.json")}`)
        assert.include(JSON.stringify(remedies), "--follow-links")
        assert.strictEqual(fs.readFileSync(join(elsewhere, "mcp.json"), "utf8"), text)
        assert.deepStrictEqual(fs.readdirSync(elsewhere), ["mcp.json"])
        const followed = yield* on(planInstall(client, "notion", launch, { ...options, followsLinks: true }))
        yield* on(carryOut(followed))
        assert.include(fs.readFileSync(join(elsewhere, "mcp.json"), "utf8"), "notion")
      }
    })
  )

  it.effect("makes the folders of a file, and the file of an absent client only with force", () =>
    Effect.gen(function* () {
      const forced = { ...user, force: true }
      for (const id of ["cursor", "codex", "goose", "antigravity", "kiro", "continue"]) {
        const { file, install } = yield* machine(id)
        assert.strictEqual(yield* install(forced), "installed", id)
        assert.strictEqual(fs.statSync(file).mode & 0o777, 0o600)
      }
      const shared = yield* machine("vscode", undefined, "project")
      assert.strictEqual(yield* shared.install(project), "installed")
    })
  )

  it.effect("uses the file of several that has the entry, and takes it from all of them", () =>
    Effect.gen(function* () {
      const { file, install, uninstall } = yield* machine("opencode", "{}")
      const other = file.replace(/c$/, "")
      const read = (path: string) => fs.readFileSync(path, "utf8")
      fs.writeFileSync(
        other,
        '{ "mcp": { "notion": { "type": "local", "command": ["mcp-cli", "proxy", "notion"] } } }'
      )
      assert.strictEqual(yield* install(), "updated")
      assert.strictEqual(read(file), "{}")
      assert.include(read(other), launch.command)
      fs.copyFileSync(other, file)
      assert.deepStrictEqual(yield* uninstall(), ["removed", "removed"])
      assert.notInclude(read(file) + read(other), "proxy")
    })
  )

  it.effect("updates its own entry, and keeps what the user added to it", () =>
    Effect.gen(function* () {
      const old = { command: "/old/node", args: ["/old/mcp-cli.cjs", "proxy", "notion"] }
      for (const [id, added] of [
        [
          "cursor",
          (text: string) => text.replace('"command"', '"env": { "A": "b" }, // mine\n      "command"')
        ],
        [
          "codex",
          (text: string) => text.replace("startup_timeout_sec = 60", "startup_timeout_sec = 5 # mine")
        ],
        ["goose", (text: string) => text.replace("timeout: 300", "timeout: 5 # mine")],
        ["opencode", (text: string) => text.replace('"enabled": true', '"enabled": false // mine')],
        ["continue", (text: string) => `${text}    env:\n      A: b # mine\n`]
      ] as const) {
        const { file, install, text, uninstall } = yield* machine(id, id === "goose" ? "a: 1\n" : "")
        yield* install(user, old)
        fs.writeFileSync(file, added(text()))
        const expected = text().replaceAll("/old/node", "/usr/bin/node").replaceAll("/old/mcp", "/opt/mcp")
        assert.strictEqual(yield* install(), "updated", id)
        assert.strictEqual(text(), expected)
        assert.include(text(), "mine")
        // Under another name it still is ours.
        fs.writeFileSync(file, text().replace(/(["\w.]*)\bnotion\b(?!.*proxy)(?=["\]:\s])/, "$1renamed"))
        assert.match(text(), /renamed/)
        assert.deepStrictEqual(yield* uninstall(), ["removed"], text())
        assert.notInclude(text(), "proxy")
      }
    })
  )

  it.effect("replaces an entry of another program with force, and never removes one", () =>
    Effect.gen(function* () {
      const servers = [
        ["cursor", '{ "mcpServers": { "notion": { "command": "npx", "args": ["mcp-remote"] } } }'],
        ["codex", '[mcp_servers.notion]\nurl = "https://a.example"\n'],
        ["goose", "extensions:\n  notion:\n    type: sse\n    uri: https://a.example\n"],
        ["continue", "mcpServers:\n  - name: notion\n    url: https://a.example\n"],
        [
          "cursor",
          '{ "mcpServers": { "notion": { "command": "mcp-cli", "args": ["proxy", "notion", "--sse"] } } }'
        ],
        ["cursor", '{ "mcpServers": { "notion": { "command": "mcp-cli", "args": ["proxy", "linear"] } } }']
      ] as const
      for (const [id, before] of servers) {
        const { install, text, uninstall } = yield* machine(id, before)
        assert.deepStrictEqual(yield* uninstall(), ["absent"], before)
        assert.strictEqual(text(), before)
        assert.strictEqual(yield* install({ ...user, force: true }), "replaced")
        assert.strictEqual(yield* install(), "unchanged")
        assert.deepStrictEqual(yield* uninstall(), ["removed"])
      }
    })
  )

  it.effect("edits the file as it is when the user agrees, if that is what was shown", () =>
    Effect.gen(function* () {
      const before = '{ "mcpServers": { "a": {} } }'
      const { client, file, on, text } = yield* machine("cursor", before)
      const plan = yield* on(planInstall(client, "notion", launch, user))
      // Claude Code writes its file all the time.
      fs.writeFileSync(file, '{ "mcpServers": { "a": {}, "b": {} }, "theirs": 1 }')
      yield* on(carryOut(plan))
      assert.include(text(), '"theirs": 1')
      assert.include(text(), '"notion"')

      for (const theirs of [
        '{ "mcpServers": { "notion": { "url": "https://a.example" } } }',
        '{ "mcpServers": { "notion": { "command": "mcp-cli", "args": ["proxy", "notion"] } } }',
        "{"
      ]) {
        fs.writeFileSync(file, before)
        const planned = yield* on(planInstall(client, "notion", launch, user))
        fs.writeFileSync(file, theirs)
        const { message } = yield* Effect.flip(on(carryOut(planned)))
        assert.include(message, file)
        assert.strictEqual(text(), theirs)
      }
    })
  )
})
