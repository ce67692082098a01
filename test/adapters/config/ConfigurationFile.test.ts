import { chmodSync, mkdirSync, writeFileSync } from "node:fs"
import { homedir } from "node:os"
import { join, resolve, win32 } from "node:path"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Layer, Option } from "effect"
import { errorText } from "../../../src/app/cli/RemedyText.ts"
import * as ConfigurationFile from "../../../src/adapters/config/ConfigurationFile.ts"
import {
  Configuration,
  type ConfigurationError,
  type UnknownServer
} from "../../../src/ports/Configuration.ts"
import { temporaryFolder } from "../TemporaryFolder.ts"
import { errorsOf, here, type Options, over, warningsOf, withFile } from "./InMemoryFile.ts"

const url = "https://mcp.example.com/mcp"
const good = { mcpServers: { s: { url } } }
const example = '{ "mcpServers": { "notion": { "url": "https://mcp.notion.com/mcp" } } }'
const atHome = "/home/ann/.mcp_cli/server_config.json"

const file = Configuration.use((configuration) => configuration.file)
const servers = Configuration.use((configuration) => configuration.servers)
const tokenStorage = Configuration.use((configuration) => configuration.tokenStorage)
const warnings = Configuration.use((configuration) => configuration.warnings)
const server = Configuration.use((configuration) => configuration.server("s"))
const parts: ReadonlyArray<Effect.Effect<unknown, ConfigurationError | UnknownServer, Configuration>> = [
  file,
  servers,
  server,
  tokenStorage,
  warnings
]

describe("the place of the configuration file", () => {
  it.effect("is the folder one is in, before the home folder", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* Effect.provide(file, over({ [here]: good, [atHome]: good })), here)
    })
  )

  it.effect("is else the home folder", () =>
    Effect.gen(function* () {
      assert.strictEqual(yield* Effect.provide(file, over({ [atHome]: good })), atHome)
    })
  )

  it.effect("is the home folder as Windows names it, or as the system does", () =>
    Effect.gen(function* () {
      const bob = "/users/bob/.mcp_cli/server_config.json"
      const system = join(homedir(), ".mcp_cli/server_config.json")
      const files = { [bob]: good, [system]: good }
      const as = (env: Record<string, string>) => over(files, { env: { HOME: "", ...env } })
      assert.strictEqual(yield* Effect.provide(file, as({ USERPROFILE: "/users/bob" })), bob)
      assert.strictEqual(yield* Effect.provide(file, as({})), system)
    })
  )

  it.effect("is the one that is named, and no other", () =>
    Effect.gen(function* () {
      const named = resolve("team.json")
      const files = { [here]: "", [atHome]: "", [named]: good, "/etc/mcp.json": good }
      assert.strictEqual(yield* Effect.provide(file, over(files, { path: "./team.json" })), named)
      assert.strictEqual(yield* Effect.provide(file, over(files, { path: "/etc/mcp.json" })), "/etc/mcp.json")
    })
  )

  it.effect("has to exist where it is named, for everything", () =>
    Effect.gen(function* () {
      const layer = over({ [here]: good, [atHome]: good }, { path: "/nope.json" })
      for (const part of parts) {
        const error = yield* Effect.flip(Effect.provide(part, layer))
        assert.strictEqual(error._tag, "ConfigurationError")
        assert.strictEqual(
          errorText(error),
          "/nope.json: there is no such file\nTo add a server, run: mcp-cli add NAME URL"
        )
      }
    })
  )

  it.effect("missing is an error that offers to add a server, and the storage has its defaults", () =>
    Effect.gen(function* () {
      for (const [index, part] of parts.slice(0, 3).entries()) {
        const error = yield* Effect.flip(Effect.provide(part, over({})))
        assert.strictEqual(error._tag, "ConfigurationError")
        assert.strictEqual(
          errorText(error),
          `There is no configuration at ${here} or ${atHome}.\nTo add a server, run: mcp-cli add ${index < 2 ? "NAME" : "s"} URL`
        )
      }
      assert.deepInclude(yield* Effect.provide(tokenStorage, over({})), {
        backend: "auto",
        password: undefined,
        vault: undefined
      })
      assert.deepStrictEqual(yield* Effect.provide(warnings, over({})), [])
    })
  )

  it.effect("has an example that works", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* errorsOf(example), [])
    })
  )
})

describe("the configuration file", () => {
  it.effect("is read when it is asked for, and once", () =>
    Effect.gen(function* () {
      const read: Array<string> = []
      const layer = over({ [here]: good }, { onRead: (path) => read.push(path) })
      yield* Effect.gen(function* () {
        const configuration = yield* Configuration
        assert.deepStrictEqual(read, [])
        yield* Effect.all([configuration.servers, configuration.server("s"), configuration.warnings], {
          concurrency: "unbounded"
        })
        yield* configuration.tokenStorage
        assert.deepStrictEqual(read, [here])
      }).pipe(Effect.provide(layer))
    })
  )

  it.effect("looks variables up when its server is asked for, each time", () =>
    Effect.gen(function* () {
      const configuration = yield* Configuration
      for (const host of ["one.example", "two.example"]) {
        const found = yield* configuration
          .server("s")
          .pipe(
            Effect.provideService(
              ConfigProvider.ConfigProvider,
              ConfigProvider.fromEnv({ env: { HOST: host } })
            )
          )
        assert.strictEqual(found._tag === "Http" && found.url.hostname, host)
      }
    }).pipe(withFile({ mcpServers: { s: { url: "https://${HOST}/" } } }))
  )

  it.effect("says that the environment cannot be read, and not why", () =>
    Effect.gen(function* () {
      const broken = ConfigProvider.make(() =>
        Effect.fail(new ConfigProvider.SourceError({ message: "hunter2" }))
      )
      const error = yield* Effect.flip(
        Effect.provideService(
          Configuration.use((configuration) => configuration.server("s")),
          ConfigProvider.ConfigProvider,
          broken
        )
      )
      assert.strictEqual(error.message, `${here}: mcpServers.s.headers.A: the environment cannot be read`)
    }).pipe(withFile({ mcpServers: { s: { url, headers: { A: "${SECRET:-x}" } } } }))
  )

  it.effect("may begin with a byte order mark", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* errorsOf(`\uFEFF${JSON.stringify(good)}`), [])
      assert.deepStrictEqual(yield* errorsOf("\uFEFF{x"), [
        ": it is not valid JSON at line 1, column 2: names need double quotes"
      ])
    })
  )

  it.effect.each([
    ['{ "a": "hunter2" # x\n}', ": it is not valid JSON at line 1, column 18: a comment starts with //"],
    [
      '{ "a": "hunter2\\Users" }',
      ': it is not valid JSON at line 1, column 16: a backslash in a string is written twice, as in "C:\\\\Users"'
    ],
    ['{ "a": hunter2 }', ": it is not valid JSON at line 1, column 8"],
    ["", ": it is not valid JSON at line 1, column 1: it ends too early"],
    ["[]", ": must be an object"],
    ['"hunter2"', ": must be an object"],
    ["null", ": must be an object"],
    ["{}", `mcpServers: is missing: as in ${example}`],
    [
      '{"mcp_servers": {}}',
      `mcpServers: is missing: as in ${example} (is "mcp_servers" a misspelling of "mcpServers"?)`
    ],
    ['{"mcpServers": []}', "mcpServers: must be an object"],
    ['{"mcpServers": "hunter2"}', "mcpServers: must be an object"],
    ['{"__proto__": {"mcpServers": {}}}', `mcpServers: is missing: as in ${example}`]
  ] as const)("is not %s", ([text, expected]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* errorsOf(text), [expected])
    })
  )

  it.effect("may have comments and commas before its closing brackets", () =>
    Effect.gen(function* () {
      const text = `{ // the servers
        "mcpServers": { /* one */ "s": { "url": "${url}", }, },
      }`
      assert.deepStrictEqual(yield* errorsOf(text), [])
    })
  )

  it.effect.each(["servers", "mcp_servers", "context_servers", "mcp"])(
    "is told its servers from %s",
    (name) =>
      Effect.gen(function* () {
        const [error] = yield* errorsOf({ [name]: { s: { url } } })
        assert.include(error, `"${name}"`)
        assert.include(error, `"mcpServers"`)
      })
  )

  const twice = `{
    "mcpServers": {
      "good": { "url": "${url}" },
      "s": { "url": "${url}" },
      "t": { "url": "${url}", "oauth": { "scopes": [],
        "scopes": ["a"] } },
      "s": { "url": "https://other.test/mcp" }
    }
  }`

  it.effect("must not give a name twice: both lines are told, and the other servers work", () =>
    Effect.gen(function* () {
      const configuration = yield* Configuration
      assert.deepStrictEqual(
        (yield* configuration.invalid).map(({ location, problem }) => `${location} ${problem}`),
        [
          "mcpServers.t.oauth.scopes is given twice, in lines 5 and 6",
          "mcpServers.s is given twice, in lines 4 and 7"
        ]
      )
      assert.deepStrictEqual(
        (yield* configuration.servers).map(({ name }) => name),
        ["good"]
      )
      for (const name of ["s", "t"]) {
        assert.include((yield* Effect.flip(configuration.server(name))).message, "is given twice, in lines")
      }
      assert.strictEqual((yield* configuration.server("good")).name, "good")
    }).pipe(withFile(twice))
  )

  it.effect.each([
    ['{ "mcpServers": {}, "mcpServers": {} }', "mcpServers: is given twice in line 1"],
    ['{ "mcpServers": {}, "tokenStorage": { "backend": "auto",\n"backend": "vault" } }', "lines 1 and 2"]
  ] as const)("is refused whole if it gives a name twice outside an entry: %s", ([text, part]) =>
    Effect.gen(function* () {
      assert.include(
        (yield* Effect.flip(Configuration.use(({ servers }) => servers).pipe(withFile(text)))).message,
        part
      )
    })
  )

  it.effect("is refused with more levels than a configuration has", () =>
    Effect.gen(function* () {
      const [error] = yield* errorsOf(`${"[".repeat(100_000)}${"]".repeat(100_000)}`)
      assert.include(error, "it is nested more than 500 levels deep")
    })
  )

  it.effect("is refused as UTF-16, which PowerShell writes", () =>
    Effect.gen(function* () {
      // A decoder of UTF-8 reads the mark as two unknown characters.
      const [error] = yield* errorsOf(
        `\ufffd\ufffd${[...JSON.stringify(good)].map((c) => `${c}\0`).join("")}`
      )
      assert.include(error, "it is UTF-16 text: save the file as UTF-8")
    })
  )

  it.effect("with several errors shows all of them, under its own name", () =>
    Effect.gen(function* () {
      const file = { mcpServers: { s: { url }, t: { url: "x", oauth: { token_url: "hunter2" } } } }
      const error = yield* Effect.flip(
        Configuration.use((configuration) => configuration.server("t")).pipe(withFile(file))
      )
      // The other servers work.
      assert.strictEqual((yield* server.pipe(withFile(file))).name, "s")
      const names = yield* Configuration.use(({ servers }) => servers).pipe(withFile(file))
      assert.deepStrictEqual(
        names.map(({ name }) => name),
        ["s"]
      )
      assert.strictEqual(
        error.message,
        [
          `${here} has 4 errors:`,
          "  mcpServers.t.url: must be an absolute URL",
          "  mcpServers.t.oauth.token_url: must be an absolute URL",
          "  mcpServers.t.oauth.authorization_url: is missing: token_url is given, and needs it",
          "  mcpServers.t.oauth.client_id: is missing: configured endpoints need the client that is registered there, or registration_url to register one"
        ].join("\n")
      )
    })
  )
})

describe("a problem of the configuration", () => {
  const issuesOf = (content: unknown, env: Record<string, string> = {}) =>
    Effect.all([server, tokenStorage]).pipe(
      Effect.flip,
      Effect.map((error) => (error._tag === "ConfigurationError" ? error.issues : [])),
      withFile(content, { env })
    )

  it.effect("has the values that a field accepts", () =>
    Effect.gen(function* () {
      const [issue] = yield* issuesOf({ mcpServers: { s: { url, type: "ws" } } })
      assert.deepStrictEqual(issue?.path, ["mcpServers", "s", "type"])
      assert.deepStrictEqual(issue?.allowed, ["http", "streamable-http", "sse", "stdio"])
    })
  )

  it.effect("has the misspelled field and the name that was probably meant", () =>
    Effect.gen(function* () {
      const [missing] = yield* issuesOf({ mcpServers: { s: { command: "npx", Url: url, args: 1 } } })
      assert.isUndefined(missing?.rename)
      const [issue] = yield* issuesOf({ mcpServers: { s: { args: [], Command: "npx" } } })
      assert.deepStrictEqual(issue?.path, ["mcpServers", "s", "command"])
      assert.deepStrictEqual(issue?.rename, { from: "Command", to: "command" })
      const [entry] = yield* issuesOf({ mcpServers: { s: { Url: url } } })
      assert.deepStrictEqual(entry?.rename, { from: "Url", to: "url" })
      const [warning] = yield* warnings.pipe(withFile({ ...good, tokenStorage: { back_end: "auto" } }))
      assert.deepStrictEqual(warning?.path, ["tokenStorage", "back_end"])
      assert.deepStrictEqual(warning?.rename, { from: "back_end", to: "backend" })
    })
  )

  it.effect("has the variable to set or correct, and a path if a field uses it", () =>
    Effect.gen(function* () {
      const [unset] = yield* issuesOf({ mcpServers: { s: { url: "${HOST}" } } })
      assert.deepStrictEqual(unset?.path, ["mcpServers", "s", "url"])
      assert.strictEqual(unset?.variable, "HOST")
      const [wrong] = yield* issuesOf(good, { VAULT_ADDR: "hunter2" })
      assert.deepStrictEqual(wrong?.path, [])
      assert.strictEqual(wrong?.variable, "VAULT_ADDR")
      assert.strictEqual(wrong?.location, "VAULT_ADDR")
    })
  )
})

describe("a secret in the file", () => {
  const advice =
    "is in plain text in a file that others can read: write ${NAME} and set that variable, or run chmod 600 on the file"
  const content = {
    mcpServers: {
      a: { url, oauth: { client_id: "i", client_secret: "hunter2" } },
      b: { url, oauth: { client_id: "i", client_secret: "${SECRET}" } },
      c: { url, oauth: { client_id: "i", client_secret: "${SECRET:-hunter2}" } },
      d: { url, oauth: { client_id: "i", client_secret: "${SECRET:-}" } }
    },
    tokenStorage: {
      password: "hunter2",
      vaultToken: "hunter2",
      vaultAuth: { method: "${METHOD}", roleId: "r", secretId: "hunter2", jwt: "${JWT:-hunter2}" }
    }
  }

  it.effect.each([0o644, 0o640, 0o604, 0o660])("draws a warning where others can read it (%o)", (mode) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* warningsOf(content, { mode: 0o100000 | mode }), [
        `mcpServers.a.oauth.client_secret: ${advice}`,
        `mcpServers.c.oauth.client_secret: ${advice}`,
        `tokenStorage.password: ${advice}`,
        `tokenStorage.vaultToken: ${advice}`,
        `tokenStorage.vaultAuth.secretId: ${advice}`,
        `tokenStorage.vaultAuth.jwt: ${advice}`
      ])
    })
  )

  it.effect.each([0o600, 0o400, 0o700])("draws none where they cannot (%o)", (mode) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* warningsOf(content, { mode: 0o100000 | mode }), [])
    })
  )

  it.effect("draws none on Windows, whose permissions Node makes up", () =>
    Effect.gen(function* () {
      const layer = over(
        { [win32.resolve("server_config.json")]: content },
        { windows: true, mode: 0o100666 }
      )
      assert.deepStrictEqual(yield* Effect.provide(warnings, layer), [])
      assert.strictEqual((yield* Effect.provide(servers, layer)).length, 4)
    })
  )

  it.effect("draws no warning if it is a variable", () =>
    Effect.gen(function* () {
      const variables = { ...good, tokenStorage: { password: "${KEY}" } }
      assert.deepStrictEqual(yield* warningsOf(variables, { mode: 0o100644 }), [])
    })
  )
})

describe("a server that is named by its URL", () => {
  const named = (given: string, content: unknown, options: Options = {}) =>
    Configuration.use((configuration) => configuration.server(given)).pipe(
      Effect.map((found) => [found.name, found._tag === "Http" ? found.url.href : ""]),
      Effect.catchTags({
        ConfigurationError: ({ message }) => Effect.succeed(message),
        UnknownServer: ({ message }) => Effect.succeed(message)
      }),
      Effect.provide(
        over(content === undefined ? {} : { [atHome]: content }, { acceptsUrls: true, ...options })
      )
    )
  const servers = {
    a: { url: "https://a.test" },
    b: { url: "https://b.test/mcp", oauth: { client_id: "b" } },
    two: { url: "https://c.test/mcp" },
    three: { url: "https://c.test/mcp" },
    variable: { url: "${URL}" }
  }

  it.effect("is the one that the configuration has, in every spelling of the URL", () =>
    Effect.gen(function* () {
      for (const [given, name] of [
        ["https://a.test", "a"],
        ["HTTPS://A.TEST/", "a"],
        ["https://a.test:443#x", "a"],
        ["https://b.test/mcp", "b"]
      ] as const) {
        assert.strictEqual((yield* named(given, { mcpServers: servers }))[0], name, given)
      }
    })
  )

  it.effect("is one of its own where no configuration has it, or there is no configuration", () =>
    Effect.gen(function* () {
      for (const content of [undefined, { mcpServers: servers }]) {
        for (const [given, name] of [
          ["https://D.test/", "https://d.test"],
          ["https://d.test/mcp/", "https://d.test/mcp/"],
          ["https://b.test/mcp?a=b", "https://b.test/mcp?a=b"],
          ["http://localhost:3000/mcp", "http://localhost:3000/mcp"]
        ] as const) {
          assert.strictEqual((yield* named(given, content))[0], name, given)
        }
      }
    })
  )

  it.effect("has to be one that tokens may be sent to, and no other server may have its URL", () =>
    Effect.gen(function* () {
      for (const [given, problem] of [
        ["http://d.test", /must be an https URL/],
        ["https://ann:x@d.test", /must not have a user name or password in it/],
        [`https://d.test/${"x".repeat(100)}`, /has at most 100 characters/],
        ["https://d.test/mcp?api_key=abc", /must not be named by a URL that has a secret in it/],
        ["https://d.test/?a=b&access_token=abc", /must not be named by a URL that has a secret in it/],
        ["https://d.test/ghp_0123456789abcdef/mcp", /must not be named by a URL that has a secret in it/],
        ["https://c.test/mcp", /is the URL of several servers: name one of two, three/]
      ] as const) {
        assert.match(String(yield* named(given, { mcpServers: servers })), problem)
      }
    })
  )

  it.effect("is a name like any other for a program that takes names from elsewhere", () =>
    Effect.gen(function* () {
      const message = yield* named("https://a.test", { mcpServers: servers }, { acceptsUrls: false })
      assert.match(String(message), /has no server "https:\/\/a\.test"/)
    })
  )
})

describe("a file on a disk", () => {
  const onDisk = (path: string) =>
    ConfigurationFile.layer({ path: Option.some(path) }).pipe(
      Layer.provide(Layer.merge(NodeFileSystem.layer, NodePath.layer))
    )
  const secret = JSON.stringify({ ...good, tokenStorage: { password: "hunter2" } })

  it.effect("is read with a byte order mark, its permissions looked at", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryFolder, "c.json")
      writeFileSync(path, `\uFEFF${secret}`, { mode: 0o600 })
      assert.strictEqual((yield* Effect.provide(server, onDisk(path))).name, "s")
      assert.deepStrictEqual(yield* Effect.provide(warnings, onDisk(path)), [])
      chmodSync(path, 0o644)
      assert.deepStrictEqual(
        (yield* Effect.provide(warnings, onDisk(path))).map(({ location }) => location),
        ["tokenStorage.password"]
      )
    })
  )

  it.effect("may not be a folder", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryFolder, "c.json")
      mkdirSync(path)
      const error = yield* Effect.flip(Effect.provide(servers, onDisk(path)))
      assert.strictEqual(error.message, `${path}: it cannot be read: it is not a file`)
    })
  )
})
