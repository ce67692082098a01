import { assert, describe, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import type { Completions } from "effect/cli"
import { answer } from "../../src/app/cli/completion/Answer.ts"
import { kinds } from "../../src/app/cli/completion/Expected.ts"
import { shells } from "../../src/app/cli/completion/ShellLine.ts"
import { scripts } from "../../src/app/cli/completion/ShellScripts.ts"
import { absentBackends, commandTable } from "../../src/live/CompletionLive.ts"
import { Configuration } from "../../src/ports/Configuration.ts"
import { KnownNames } from "../../src/ports/KnownNames.ts"
import { serverNamed } from "../app/World.ts"

const tools = [
  { name: "search", description: "Search\nall", arguments: ["query", "limit"] },
  {
    name: "filter",
    description: "",
    arguments: ["sort", "where", "where.author", "where.open"],
    values: { sort: ["new", "old ones"], "where.open": ["true", "false"] }
  },
  { name: "fetch", description: "" }
]

const known = Layer.mergeAll(
  Layer.mock(Configuration, {
    servers: Effect.succeed(
      ["notion", "my server"].map((name) => ({
        name,
        transport: "http" as const,
        target: `https://${name.replace(" ", "")}.test/mcp`,
        authorization: "oauth (discovered)" as const
      }))
    ),
    server: (name) => Effect.succeed(serverNamed(name.replace(" ", "-")))
  }),
  Layer.succeed(KnownNames, {
    remember: () => Effect.void,
    rememberAccount: () => Effect.void,
    forgetAccount: () => Effect.void,
    recall: ({ name }, kind) =>
      Effect.succeed(
        name !== "notion" ? [] : kind === "tools" ? tools : [{ name: `${kind}:x`, description: "" }]
      ),
    accounts: (server) => Effect.succeed(server === "notion" ? ["work", "home"] : ["other"])
  })
)

/** The values that zsh gets, and what the first line says. */
const asked = Effect.fnUntraced(function* (line: string, platform: NodeJS.Platform = "linux") {
  const { globalFlags, root } = yield* commandTable
  const absent = absentBackends(platform)
  const [[directive] = [], ...rows] = yield* answer({ shell: "zsh", line, absent }, root, globalFlags)
  return { directive, values: rows.map(([value]) => value), rows }
}, Effect.provide(known))

describe("completions", () => {
  it.effect.each<[string, ReadonlyArray<string>]>([
    ["mcp-cli tools ", ["notion", "my server"]],
    ["mcp-cli auth login ", ["notion", "my server"]],
    ["mcp-cli --server ", ["notion", "my server"]],
    ["mcp-cli -s ", ["notion", "my server"]],
    ["mcp-cli --json tools ", ["notion", "my server"]],
    ["mcp-cli --account x tools ", ["notion", "my server"]],
    ["mcp-cli tools -- ", ["notion", "my server"]],
    ["mcp-cli tools notion ", ["search", "filter", "fetch"]],
    ["mcp-cli call notion ", ["search", "filter", "fetch"]],
    ["mcp-cli call --timeout 5 notion ", ["search", "filter", "fetch"]],
    ["mcp-cli call 'my server' ", []],
    ["mcp-cli call notion search ", ["query=", "limit="]],
    ["mcp-cli call notion search query=x ", ["limit="]],
    ["mcp-cli call notion fetch ", []],
    ["mcp-cli call notion filter ", ["sort=", "where="]],
    ["mcp-cli call notion filter whe", ["where=", "where.author=", "where.open="]],
    ["mcp-cli call notion filter where.", ["where.author=", "where.open="]],
    ["mcp-cli call notion filter where.author=me where.", ["where.open="]],
    ["mcp-cli call notion filter where.author=me ", ["sort="]],
    ["mcp-cli call notion filter sort=", ["sort=new", "sort=old ones"]],
    ["mcp-cli call notion filter where.open=", ["where.open=true", "where.open=false"]],
    ["mcp-cli call notion filter constructor=", []],
    ["mcp-cli tools notion --account ", ["work", "home"]],
    ["mcp-cli tools --account ", ["other"]],
    [
      "mcp-cli auth ",
      ["login", "doctor", "status", "token", "headers", "logout", "reset", "client-metadata"]
    ],
    ["mcp-cli completions ", ["bash", "zsh", "fish", "powershell"]],
    ["mcp-cli storage move --to ", ["keyring", "secretservice", "vault", "encrypted"]],
    ["mcp-cli storage move --to vault --from ", ["keyring", "secretservice", "vault", "encrypted"]],
    ["mcp-cli auth login notion --scope ", []]
  ])("after %s", ([line, values]) =>
    Effect.map(asked(line), (found) => assert.deepEqual(found.values, [...values]))
  )

  it.effect.each<[NodeJS.Platform, ReadonlyArray<string>]>([
    ["darwin", ["keyring", "keychain", "vault", "encrypted"]],
    ["win32", ["keyring", "windows", "vault", "encrypted"]],
    ["freebsd", ["vault", "encrypted"]]
  ])("have only the keyring of this system: %s", ([platform, values]) =>
    Effect.map(asked("mcp-cli storage move --to ", platform), (found) =>
      assert.deepEqual(found.values, [...values])
    )
  )

  it.effect("have every flag of a command and of the program, and none twice", () =>
    Effect.gen(function* () {
      const { values } = yield* asked("mcp-cli auth reset notion --yes --")
      for (const flag of ["--all", "--shared", "--url", "--json", "--account", "--config-file", "--help"])
        assert.include(values, flag)
      assert.notInclude(values, "--yes")
      assert.notInclude(values, "--device")
      assert.lengthOf(values, new Set(values).size)
    })
  )

  it.effect("say what goes on, what follows a flag, and what is a file", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* asked("mcp-cli call notion search ")).directive, "nospace")
      assert.deepInclude(yield* asked("mcp-cli storage move --to="), { directive: "value" })
      for (const line of ["mcp-cli --config-file ", "mcp-cli auth login x --trace=", "mcp-cli trust "])
        assert.deepInclude(yield* asked(line), { directive: "files", values: [] })
    })
  )

  it.effect("have descriptions of one line", () =>
    Effect.map(asked("mcp-cli call notion "), ({ rows }) =>
      assert.deepEqual(rows, [
        ["search", "Search all"],
        ["filter", ""],
        ["fetch", ""]
      ])
    )
  )

  it.effect("in bash have descriptions where there is a choice, and never where they would be inserted", () =>
    Effect.gen(function* () {
      const { globalFlags, root } = yield* commandTable
      const inBash = (line: string, type: string) =>
        Effect.map(answer({ shell: "bash", line, type }, root, globalFlags), (rows) => rows.flat())
      assert.deepEqual(yield* inBash("mcp-cli tools ", "63"), [
        "names",
        "notion      (https://notion.test/mcp)",
        "my\\ server  (https://myserver.test/mcp)"
      ])
      assert.deepEqual(yield* inBash("mcp-cli tools no", "9"), ["names", "notion"])
      assert.deepEqual(yield* inBash("mcp-cli tools ", "37"), ["names", "notion", "my\\ server"])
    }).pipe(Effect.provide(known))
  )

  it.effect("know what every argument and every flag with a value is", () =>
    Effect.gen(function* () {
      const { globalFlags, root } = yield* commandTable
      const check = (command: Completions.CommandDescriptor): void => {
        for (const { name, type } of [...command.flags, ...command.arguments, ...globalFlags])
          if (!["Boolean", "Choice", "Path"].includes(type._tag))
            assert.property(kinds, name, `add "${name}" of ${command.name} to "kinds" in Expected.ts`)
        command.subcommands.forEach(check)
      }
      check(root)
    })
  )
})

describe("the scripts of the shells", () => {
  it.each(shells)("of %s is small, hides errors, and names no command of the program", (shell) => {
    const script = scripts[shell]
    assert.isBelow(script.split("\n").length, 35)
    assert.include(script, `mcp-cli __complete ${shell}`)
    assert.match(script, shell === "powershell" ? /2>\$null/ : /2>\/dev\/null/)
    assert.notMatch(script, /\b(tools|auth|storage|eval)\b/)
  })

  it("of PowerShell closes what it opens, and passes the line in no argument", () => {
    const script = scripts.powershell
    let depth = 0
    const code = script.replaceAll(/'[^']*'|"[^"]*"|#.*$/gm, "")
    for (const one of code) {
      depth += Number("({[".includes(one)) - Number(")}]".includes(one))
      assert.isAtLeast(depth, 0)
    }
    assert.strictEqual(depth, 0)
    assert.match(script, /\$env:MCP_CLI_COMPLETE_LINE = \$line\n/)
    assert.match(script, /finally \{\n\s+Remove-Item Env:MCP_CLI_COMPLETE_LINE /)
    assert.match(code, /^Register-ArgumentCompleter -Native -CommandName {2}-ScriptBlock \{/m)
  })
})
