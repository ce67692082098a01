import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { errorText } from "../../../src/app/cli/RemedyText.ts"
import { defaultOAuth } from "../../../src/domain/Server.ts"
import { Configuration } from "../../../src/ports/Configuration.ts"
import { SecretReference } from "../../../src/domain/SecretReference.ts"
import {
  configuredServerOf,
  errorsOf,
  httpServerOf,
  serverOf,
  useErrorsOf,
  warningsOf,
  withFile
} from "./InMemoryFile.ts"

const url = "https://mcp.example.com/mcp"
const types = "http, streamable-http, sse, stdio"
const insecure = "must be an https URL (http only for this machine, as in http://localhost:3000)"
const header = "must be one line of characters that a header can hold"
const nul = "must not have a NUL character in it"

describe("a server over HTTP", () => {
  it.effect("needs its url only", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* serverOf({ url }), {
        _tag: "Http",
        name: "s",
        url: new URL(url),
        headers: {},
        transport: "auto",
        oauth: defaultOAuth
      })
    })
  )

  it.effect.each([
    "http://192.168.1.5:3000/mcp",
    "http://10.0.0.1/mcp",
    "http://[fd00::1]/mcp",
    "http://nas.local/mcp",
    "http://mcp:8000/mcp",
    "http://192.0.2.2/mcp"
  ])("may use http in a private network if the entry allows it, with a warning: %s", (address) =>
    Effect.gen(function* () {
      const token_url = address.replace("/mcp", "/token")
      const oauth = { authorization_url: token_url, token_url, client_id: "i", issuer: address }
      const server = yield* httpServerOf({ url: address, allow_http: true, oauth })
      assert.deepInclude(server, { url: new URL(address), allowHttp: true })
      const file = { mcpServers: { s: { url: address, allow_http: true, oauth } } }
      assert.deepStrictEqual(yield* errorsOf(file), [])
      const [warning] = yield* warningsOf(file)
      assert.include(warning, "mcpServers.s.allow_http: lets tokens go unencrypted to")
      const [error] = yield* errorsOf({ mcpServers: { s: { url: address } } })
      assert.include(error, `${insecure}; "allow_http": true in the entry allows http in a private network`)
    })
  )

  it.effect.each([
    "http://example.com/mcp",
    "http://203.0.113.7/mcp",
    "http://[2001:db8::1]/mcp",
    "ftp://10.0.0.1/"
  ])("never uses http elsewhere: %s", (address) =>
    Effect.gen(function* () {
      const [error] = yield* errorsOf({ mcpServers: { s: { url: address, allow_http: true } } })
      assert.include(error, insecure)
    })
  )

  it.effect.each(["serverUrl", "httpUrl", "link", "uri", "endpoint"])("is told its url from %s", (name) =>
    Effect.gen(function* () {
      const [error] = yield* errorsOf({ mcpServers: { s: { [name]: url } } })
      assert.include(error, 'mcpServers.s: needs a "url"')
      assert.include(error, `"${name}"`)
    })
  )

  it.effect.each(["transport", "config", "remote"])("is told that %s is not the entry", (name) =>
    Effect.gen(function* () {
      for (const inner of [{ type: "http", url }, { command: "npx" }]) {
        assert.deepStrictEqual(yield* errorsOf({ mcpServers: { s: { [name]: inner } } }), [
          `mcpServers.s: has its server in "${name}": write those fields in the entry itself`
        ])
      }
    })
  )

  it.effect.each(["streamableHttp", "streamable_http", "http-stream"])("may have the type %s", (type) =>
    Effect.gen(function* () {
      assert.strictEqual((yield* httpServerOf({ url, type })).transport, "auto")
    })
  )

  it.effect("has no variable of another program anywhere", () =>
    Effect.gen(function* () {
      const problem = "has a variable as $NAME: write ${NAME}, and set that environment variable"
      const oauth = { client_id: "$ID", client_secret: "$SECRET", extra_auth_params: { tenant: "$TENANT" } }
      assert.deepStrictEqual(
        yield* errorsOf({
          mcpServers: {
            s: { url: "https://$HOST/mcp", headers: { Authorization: "Bearer $TOKEN" }, oauth },
            t: { command: "x", args: ["-c", "echo $HOME"], env: { TOKEN: "$TOKEN" }, cwd: "$HOME/x" }
          },
          tokenStorage: { password: "$PASSWORD" }
        }),
        [
          "mcpServers.s.url",
          "mcpServers.s.headers.Authorization",
          "mcpServers.s.oauth.client_id",
          "mcpServers.s.oauth.client_secret",
          "mcpServers.s.oauth.extra_auth_params.tenant",
          "mcpServers.t.env.TOKEN",
          "mcpServers.t.cwd",
          "tokenStorage.password"
        ].map((place) => `${place}: ${problem}`)
      )
    })
  )

  it.effect.each(["C:\\new\\tool.exe", "C:\\bin\\new", "D:\\folder"])(
    "has no path whose backslashes were read as other characters: %j",
    (path) =>
      Effect.gen(function* () {
        const asRead = JSON.parse(`"${path}"`) as string
        const errors = yield* errorsOf({
          mcpServers: { s: { command: asRead, args: [asRead], cwd: asRead } }
        })
        assert.lengthOf(errors, 3)
        for (const error of errors) assert.include(error, 'a backslash is written twice, as in "C:\\\\Users"')
      })
  )

  it.effect("sends its headers, filled in, which are secrets", () =>
    Effect.gen(function* () {
      const { headers } = yield* httpServerOf(
        { url, headers: { Authorization: "Bearer ${KEY}", "X-Team": "a b" } },
        { env: { KEY: "k-1" } }
      )
      assert.deepStrictEqual(Object.keys(headers), ["Authorization", "X-Team"])
      assert.strictEqual(Redacted.value(headers["Authorization"]!), "Bearer k-1")
      assert.strictEqual(Redacted.value(headers["X-Team"]!), "a b")
    })
  )

  it.effect.each([
    ["http", "auto"],
    ["streamable-http", "auto"],
    ["sse", "sse"],
    ["${TYPE}", "sse"],
    ["${NOPE:-http}", "auto"]
  ] as const)("of type %s", ([type, transport]) =>
    Effect.gen(function* () {
      assert.strictEqual((yield* httpServerOf({ url, type }, { env: { TYPE: "sse" } })).transport, transport)
    })
  )

  it.effect.each([
    "https://mcp.example.com",
    "http://localhost:3000/mcp",
    "http://127.0.0.1/",
    "http://[::1]:1/x?y=z",
    "https://${HOST}/mcp"
  ])("may be at %s", (address) =>
    Effect.gen(function* () {
      const server = yield* httpServerOf({ url: address }, { env: { HOST: "h.example" } })
      assert.strictEqual(server.url.href, new URL(address.replace("${HOST}", "h.example")).href)
    })
  )
})

describe("a server on this machine", () => {
  it.effect("has a command, arguments, variables and a folder, all filled in", () =>
    Effect.gen(function* () {
      const server = yield* serverOf(
        {
          type: "stdio",
          command: "${NOPE:-npx}",
          args: ["-y", "a$b", "${PACKAGE}"],
          env: { KEY: "${KEY}", EMPTY: "" },
          cwd: "/srv/${PACKAGE}"
        },
        { env: { PACKAGE: "p", KEY: "k-1" } }
      )
      assert.strictEqual(server._tag, "Stdio")
      if (server._tag !== "Stdio") return
      const { env, ...rest } = server
      assert.deepStrictEqual(rest, {
        _tag: "Stdio",
        name: "s",
        command: "npx",
        args: ["-y", "a$b", "p"],
        cwd: "/srv/p"
      })
      assert.deepStrictEqual(Object.keys(env), ["KEY", "EMPTY"])
      assert.strictEqual(Redacted.value(env["KEY"]!), "k-1")
      assert.strictEqual(Redacted.value(env["EMPTY"]!), "")
    })
  )

  it.effect("needs its command only", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* serverOf({ command: "npx" }), {
        _tag: "Stdio",
        name: "s",
        command: "npx",
        args: [],
        env: {},
        cwd: undefined
      })
    })
  )
})

describe("an error in a server", () => {
  it.effect.each<readonly [string, unknown, ReadonlyArray<string>]>([
    ["no object", "https://x", ["mcpServers.s: must be an object"]],
    ["a list", [], ["mcpServers.s: must be an object"]],
    ["null", null, ["mcpServers.s: must be an object"]],
    [
      "neither url nor command",
      { disabled: true },
      ['mcpServers.s: needs a "url", or a "command" for a server on this machine']
    ],
    [
      "a misspelled url",
      { ulr: url },
      [
        'mcpServers.s: needs a "url", or a "command" for a server on this machine (is "ulr" a misspelling of "url"?)'
      ]
    ],
    [
      "url and command",
      { url: "ftp://x", command: "npx" },
      [
        "mcpServers.s: has both a url and a command: a server has one or the other",
        `mcpServers.s.url: ${insecure}`
      ]
    ],
    [
      "arguments without a command",
      { args: [], comand: "npx" },
      ['mcpServers.s.command: is missing (is "comand" a misspelling of "command"?)']
    ],
    ["variables without a command", { env: {} }, ["mcpServers.s.command: is missing"]],
    ["a folder without a command", { cwd: "/" }, ["mcpServers.s.command: is missing"]],
    [
      "oauth of a command",
      { command: "npx", oauth: {} },
      ["mcpServers.s.oauth: is only for servers with a url"]
    ],
    ["another type", { url, type: "websocket" }, [`mcpServers.s.type: must be one of ${types}`]],
    [
      "another type of a command",
      { command: "npx", type: "ws" },
      [`mcpServers.s.type: must be one of ${types}`]
    ],
    [
      "stdio of a url",
      { url, type: "stdio" },
      ["mcpServers.s.type: is stdio, which needs a command and no url"]
    ],
    [
      "sse of a command",
      { command: "npx", type: "sse" },
      ["mcpServers.s.type: is sse, which needs a url and no command"]
    ],
    ["a type that is no string", { url, type: 1 }, ["mcpServers.s.type: must be a string"]],
    ["a url that is no string", { url: 1 }, ["mcpServers.s.url: must be a string"]],
    ["an empty url", { url: "" }, ["mcpServers.s.url: must be an absolute URL"]],
    ["a relative url", { url: "/mcp" }, ["mcpServers.s.url: must be an absolute URL"]],
    ["http", { url: "http://mcp.example.com/mcp" }, [`mcpServers.s.url: ${insecure}`]],
    ["another scheme", { url: "ws://localhost/mcp" }, [`mcpServers.s.url: ${insecure}`]],
    ["a fragment", { url: `${url}#x` }, ["mcpServers.s.url: must not have a fragment (#…)"]],
    ["an empty fragment", { url: `${url}#` }, ["mcpServers.s.url: must not have a fragment (#…)"]],
    [
      "a user name",
      { url: "https://u@example.com" },
      ["mcpServers.s.url: must not have a user name or password in it"]
    ],
    [
      "a password alone",
      { url: "https://:p@example.com" },
      ["mcpServers.s.url: must not have a user name or password in it"]
    ],
    ["headers in a list", { url, headers: ["a"] }, ["mcpServers.s.headers: must be an object"]],
    [
      "headers that are no strings",
      { url, headers: { a: 1, b: true, c: null, "d e": {} } },
      [
        "mcpServers.s.headers.a: must be a string",
        "mcpServers.s.headers.b: must be a string",
        "mcpServers.s.headers.c: must be a string",
        'mcpServers.s.headers["d e"]: is not the name of an HTTP header',
        'mcpServers.s.headers["d e"]: must be a string'
      ]
    ],
    ["a header of two lines", { url, headers: { a: "b\r\nc: d" } }, [`mcpServers.s.headers.a: ${header}`]],
    ["a header that is not Latin", { url, headers: { a: "𝓪" } }, [`mcpServers.s.headers.a: ${header}`]],
    ["oauth that is no object", { url, oauth: true }, ["mcpServers.s.oauth: must be an object"]],
    ["a command that is no string", { command: ["npx"] }, ["mcpServers.s.command: must be a string"]],
    ["an empty command", { command: "" }, ["mcpServers.s.command: must not be empty"]],
    [
      "arguments in a string",
      { command: "npx", args: "-y" },
      ["mcpServers.s.args: must be a list of strings"]
    ],
    [
      "an argument that is no string",
      { command: "npx", args: ["-y", 1, null] },
      ["mcpServers.s.args[1]: must be a string", "mcpServers.s.args[2]: must be a string"]
    ],
    [
      "a variable that is no string",
      { command: "npx", env: { PORT: 80 } },
      ["mcpServers.s.env.PORT: must be a string"]
    ],
    [
      "an impossible variable",
      { command: "npx", env: { "A=B": "" } },
      ['mcpServers.s.env["A=B"]: is not the name of an environment variable']
    ],
    ["an empty folder", { command: "npx", cwd: "" }, ["mcpServers.s.cwd: must not be empty"]],
    [
      "a NUL",
      { command: "n\0", args: ["\0"], env: { A: "\0" }, cwd: "\0" },
      [
        `mcpServers.s.command: ${nul}`,
        `mcpServers.s.args[0]: ${nul}`,
        `mcpServers.s.env.A: ${nul}`,
        `mcpServers.s.cwd: ${nul}`
      ]
    ],
    [
      "a malformed template",
      { command: "npx", args: ["${A"], env: { B: "x ${1}" } },
      [
        "mcpServers.s.args[0]: has a ${ that starts neither ${NAME} nor ${NAME:-default} (write $${ for a plain ${)",
        "mcpServers.s.env.B: has a ${ that starts neither ${NAME} nor ${NAME:-default} (write $${ for a plain ${)"
      ]
    ]
  ])("%s", ([, entry, expected]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* errorsOf({ mcpServers: { s: entry } }), expected)
    })
  )

  it.effect("is said of every server of the file at once", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(
        yield* errorsOf({
          mcpServers: {
            "my server": {},
            good: { url },
            "a.b": { url: "x" },
            c: { url, oauth: { token_url: url } }
          },
          tokenStorage: { backend: 1 }
        }),
        [
          'mcpServers["my server"]: needs a "url", or a "command" for a server on this machine',
          'mcpServers["a.b"].url: must be an absolute URL',
          "mcpServers.c.oauth.authorization_url: is missing: token_url is given, and needs it",
          "mcpServers.c.oauth.client_id: is missing: configured endpoints need the client that is registered there, or registration_url to register one",
          "tokenStorage.backend: must be a string"
        ]
      )
    })
  )
})

describe("the maximum of an answer", () => {
  it.effect.each([0, 513, 1.5, "64", null])("is a whole number of MiB: %s", (maxAnswerMiB) =>
    Effect.gen(function* () {
      for (const entry of [{ url }, { command: "server" }]) {
        assert.deepStrictEqual(yield* errorsOf({ mcpServers: { a: { ...entry, maxAnswerMiB } } }), [
          "mcpServers.a.maxAnswerMiB: must be a whole number from 1 to 512"
        ])
      }
    })
  )
})

describe("the name of a server", () => {
  const rest = "a-z, 0-9, _, . and -"
  it.effect.each([
    ["", 'mcpServers[""]: the name of a server must not be empty'],
    [
      "a\u001b[2J",
      'mcpServers["a\\u001b[2J"]: the name of a server must not have control or invisible characters'
    ],
    ["a".repeat(101), `mcpServers.${"a".repeat(101)}: the name of a server has at most 100 characters`],
    [
      "é".repeat(100),
      `mcpServers["${"é".repeat(100)}"]: the name of this server is too long to name a file by: use fewer characters other than ${rest}`
    ]
  ] as const)("may not be %s", ([name, expected]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* errorsOf({ mcpServers: { [name]: { url } } }), [expected])
    })
  )

  it.effect.each(["a".repeat(100), "Ümlaut ✓", "../x", "constructor", "__proto__", "toString", "0"])(
    "may be %s",
    (name) =>
      Effect.gen(function* () {
        const configuration = yield* Configuration
        assert.deepStrictEqual(
          (yield* configuration.servers).map((server) => server.name),
          [name]
        )
        const server = yield* configuration.server(name)
        assert.strictEqual(server.name, name)
        assert.strictEqual(server._tag === "Http" && server.url.href, url)
      }).pipe(withFile(`{ "mcpServers": { ${JSON.stringify(name)}: { "url": "${url}" } } }`))
  )

  it.effect("is known only where the file has it", () =>
    Effect.gen(function* () {
      const configuration = yield* Configuration
      for (const name of ["nope", "constructor", "__proto__", "hasOwnProperty", ""]) {
        const error = yield* Effect.flip(configuration.server(name))
        assert.strictEqual(error._tag, "UnknownServer")
        assert.include(errorText(error), `has no server "${name}".\nIt configures: notion, github.`)
      }
      const misspelled = yield* Effect.flip(configuration.server("Notoin"))
      assert.include(errorText(misspelled), 'has no server "Notoin".\nDid you mean "notion"?')
    }).pipe(withFile({ mcpServers: { notion: { url }, github: { url } } }))
  )

  it.effect("of a field is harmless too", () =>
    Effect.gen(function* () {
      const entry: unknown = JSON.parse(
        `{ "url": "${url}", "__proto__": { "oauth": 1 }, "headers": { "__proto__": "x" } }`
      )
      const { headers, oauth } = yield* httpServerOf(entry)
      assert.deepStrictEqual(Object.keys(headers), ["__proto__"])
      assert.deepStrictEqual(oauth, defaultOAuth)
      assert.isUndefined(({} as Record<string, unknown>)["oauth"])
    })
  )
})

describe("a variable", () => {
  const entry = { url: "https://${HOST}/${NOPE_PATH:-mcp}", headers: { A: "${KEY}${HOST}" } }

  it.effect("that is not set is an error of its server, when that is used", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* errorsOf({ mcpServers: { s: entry } }), [])
      assert.deepStrictEqual(yield* useErrorsOf(entry), [
        "mcpServers.s.url: the environment variable HOST is not set or is empty",
        "mcpServers.s.headers.A: the environment variable KEY is not set or is empty"
      ])
      assert.deepStrictEqual(yield* useErrorsOf(entry, { env: { HOST: "h", KEY: "" } }), [
        "mcpServers.s.headers.A: the environment variable KEY is not set or is empty"
      ])
    })
  )

  it.effect("of another server does not matter", () =>
    Effect.gen(function* () {
      const configuration = yield* Configuration
      assert.strictEqual((yield* configuration.server("b")).name, "b")
      assert.deepStrictEqual(
        (yield* configuration.servers).map(({ target }) => target),
        ["https://${HOST}/", url]
      )
      assert.deepStrictEqual(yield* configuration.warnings, [])
    }).pipe(withFile({ mcpServers: { a: { url: "https://${HOST}/" }, b: { url } } }))
  )

  it.effect("is found beside others that begin with its name, and no property is taken for one", () =>
    Effect.gen(function* () {
      const options = { env: { A: "a", A_0: "x", A_1: "y", A_B: "z", lower_case: "l" } }
      const { headers } = yield* httpServerOf(
        { url, headers: { X: "${A}${A_0}${A_B}${lower_case}" } },
        options
      )
      assert.strictEqual(Redacted.value(headers["X"]!), "axzl")
      assert.deepStrictEqual(
        yield* useErrorsOf({ url, headers: { X: "${constructor}", Y: "${__proto__}" } }),
        [
          "mcpServers.s.headers.X: the environment variable constructor is not set or is empty",
          "mcpServers.s.headers.Y: the environment variable __proto__ is not set or is empty"
        ]
      )
    })
  )

  it.effect("is read as the environment is when the server is used", () =>
    Effect.gen(function* () {
      const { headers } = yield* httpServerOf(
        { url, headers: { X: "${A}" } },
        { env: { A: "${B} $${C", B: "b" } }
      )
      assert.strictEqual(Redacted.value(headers["X"]!), "${B} $${C")
    })
  )

  it.effect("is not read in a name", () =>
    Effect.gen(function* () {
      const server = yield* serverOf({ command: "npx", env: { "${A}": "x" } }, { env: { A: "a" } })
      assert.deepStrictEqual(server._tag === "Stdio" && Object.keys(server.env), ["${A}"])
    })
  )

  it.effect.each<readonly [string, string, string, string]>([
    ["url", "${V}", "x", "must be an absolute URL"],
    ["url", "${V}", "http://example.com", insecure],
    ["url", "https://h/${V}", "#f", "must not have a fragment (#…)"],
    ["url", "https://${V}@h/", "u:p", "must not have a user name or password in it"],
    ["type", "${V}", "ws", `must be one of ${types}`],
    ["headers.A", "${V}", "a\nb", header]
  ])("in %s (%s) gives what is checked as if it stood there", ([path, template, value, problem]) =>
    Effect.gen(function* () {
      const entry = path === "headers.A" ? { url, headers: { A: template } } : { url, [path]: template }
      assert.deepStrictEqual(yield* errorsOf({ mcpServers: { s: entry } }), [])
      assert.deepStrictEqual(yield* useErrorsOf(entry, { env: { V: value } }), [
        `mcpServers.s.${path}: ${problem}`
      ])
    })
  )

  it.effect("in a command gives what is checked as if it stood there", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(
        yield* useErrorsOf(
          { command: "${V:-}", args: ["x${N}"], cwd: "${V:-}", type: "${T}" },
          { env: { N: "\0", T: "http" } }
        ),
        [
          "mcpServers.s.type: is http, which needs a url and no command",
          "mcpServers.s.command: must not be empty",
          `mcpServers.s.args[0]: ${nul}`,
          "mcpServers.s.cwd: must not be empty"
        ]
      )
    })
  )
})

describe("an unknown field", () => {
  it.effect("draws a warning, with the name that was probably meant", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(
        yield* warningsOf({
          $schema: "x",
          mcpServer: {},
          mcpServers: {
            a: {
              url,
              header: {},
              timeout: 5,
              scopes: [],
              env: { A: 1 },
              args: [],
              oauth: { clientId: "x", pkce: true }
            },
            b: { command: "npx", headers: {}, cmd: "x", "a.b": 1 }
          },
          tokenStorage: { backed: "x", vaultRole: "x" }
        }),
        [
          'mcpServer: is not a field of mcp-cli; did you mean "mcpServers"?',
          'mcpServers.a.header: is not a field of mcp-cli; did you mean "headers"?',
          "mcpServers.a.timeout: is not a field of mcp-cli",
          'mcpServers.a.scopes: is ignored: it belongs in the "oauth" block of this entry',
          "mcpServers.a.env: is ignored: it is for servers with a command",
          "mcpServers.a.args: is ignored: it is for servers with a command",
          'mcpServers.a.oauth.clientId: is not a field of mcp-cli; did you mean "client_id"?',
          'mcpServers.a.oauth.pkce: is not a field of mcp-cli; did you mean "use_pkce"?',
          "mcpServers.b.headers: is ignored: it is for servers with a url",
          'mcpServers.b.cmd: is not a field of mcp-cli; did you mean "cwd"?',
          'mcpServers.b["a.b"]: is not a field of mcp-cli',
          'tokenStorage.backed: is not a field of mcp-cli; did you mean "backend"?',
          "tokenStorage.vaultRole: is not a field of mcp-cli"
        ]
      )
    })
  )
})

describe("the list of servers", () => {
  it.effect("shows each as the file writes it", () =>
    Effect.gen(function* () {
      const byHand = { authorization_url: url, token_url: url, client_id: "${ID}" }
      const listed = yield* Configuration.use(({ servers }) => servers).pipe(
        withFile({
          mcpServers: {
            a: { url: "https://${HOST}/mcp" },
            b: { url, oauth: byHand },
            c: { url, headers: { authorization: "Bearer ${KEY}" } },
            d: { command: "npx", args: ["-y", "${PACKAGE}"] }
          }
        })
      )
      assert.deepStrictEqual(listed, [
        { name: "a", transport: "http", target: "https://${HOST}/mcp", authorization: "oauth (discovered)" },
        { name: "b", transport: "http", target: url, authorization: "oauth (endpoints by hand)" },
        { name: "c", transport: "http", target: url, authorization: "header" },
        { name: "d", transport: "stdio", target: "npx -y ${PACKAGE}", authorization: "none" }
      ])
    })
  )
})

describe("what a model may do with the tools of a server", () => {
  const entries: ReadonlyArray<Record<string, unknown>> = [{ url }, { command: "server" }]

  it.effect.each(entries)("is in the entry: %o", (entry) =>
    Effect.gen(function* () {
      const tools = { allow: ["search", "get_*"], deny: ["delete_*"] }
      assert.deepStrictEqual((yield* serverOf({ ...entry, trust: true, tools })).toolRules, {
        isTrusted: true,
        ...tools
      })
      assert.deepStrictEqual((yield* serverOf({ ...entry, tools: {} })).toolRules, {
        isTrusted: false,
        allow: [],
        deny: []
      })
      assert.isUndefined((yield* serverOf(entry)).toolRules)
    })
  )

  const wrong: ReadonlyArray<readonly [unknown, string]> = [
    [{ trust: "true" }, "trust: must be true or false"],
    [{ trust: null }, "trust: must be true or false"],
    [{ tools: "search" }, "tools: must be an object"],
    [{ tools: { allow: "search" } }, "tools.allow: must be a list of strings"],
    [{ tools: { deny: [""] } }, "tools.deny[0]: must not be empty"]
  ]
  it.effect.each(wrong)("is checked: %o", ([fields, expected]) =>
    Effect.gen(function* () {
      for (const entry of entries) {
        const file = { mcpServers: { a: { ...entry, ...Object(fields) } } }
        assert.deepStrictEqual(yield* errorsOf(file), [`mcpServers.a.${expected}`])
      }
    })
  )

  const odd: ReadonlyArray<readonly [unknown, string]> = [
    [{ tools: { dney: [] } }, 'tools.dney: is not a field of mcp-cli; did you mean "deny"?'],
    [{ trsut: true }, 'trsut: is not a field of mcp-cli; did you mean "trust"?'],
    [{ tools: ["*"] }, 'tools: is ignored: write {"allow": [...], "deny": [...]}']
  ]
  it.effect.each(odd)("has a warning for what is not understood: %o", ([fields, expected]) =>
    Effect.gen(function* () {
      const file = { mcpServers: { a: { url, ...Object(fields) } } }
      assert.deepStrictEqual(yield* errorsOf(file), [])
      assert.deepStrictEqual(yield* warningsOf(file), [`mcpServers.a.${expected}`])
    })
  )
})

describe("a server that refers to stored secrets", () => {
  const partsOf = (value: unknown) =>
    value instanceof SecretReference
      ? value.parts.map((part) => (Redacted.isRedacted(part) ? Redacted.value(part) : part))
      : value

  it.effect("has references in headers, and for its client", () =>
    Effect.gen(function* () {
      const server = yield* configuredServerOf(
        {
          url,
          headers: { Authorization: "Bearer ${REGION}-${secret:KEY}", B: "plain" },
          oauth: { client_id: "c", client_secret: "${secret:client}" }
        },
        { env: { REGION: "eu" } }
      )
      assert(server._tag === "Http")
      assert.deepStrictEqual(partsOf(server.headers["Authorization"]), ["Bearer eu-", { secret: "KEY" }])
      assert.isTrue(Redacted.isRedacted(server.headers["B"]))
      assert.deepStrictEqual(partsOf(server.oauth.source.client?.clientSecret), [{ secret: "client" }])
      assert.strictEqual(
        yield* Effect.flip(serverOf({ url, headers: { A: "${secret:KEY}" } })),
        "refers to a secret"
      )
    })
  )

  it.effect("may have a variable that is empty beside the secret", () =>
    Effect.gen(function* () {
      const oauth = { client_id: "c", client_secret: "${PREFIX:-}${secret:client}" }
      const server = yield* configuredServerOf({ url, oauth })
      assert(server._tag === "Http")
      assert.deepStrictEqual(partsOf(server.oauth.source.client?.clientSecret), [{ secret: "client" }])
    })
  )

  it.effect("has references in env", () =>
    Effect.gen(function* () {
      const server = yield* configuredServerOf({ command: "npx", env: { KEY: "${secret:KEY}" } })
      assert(server._tag === "Stdio")
      assert.deepStrictEqual(partsOf(server.env["KEY"]), [{ secret: "KEY" }])
    })
  )

  it.effect("has none elsewhere", () =>
    Effect.gen(function* () {
      const reference = "${secret:KEY}"
      const elsewhere = "must not refer to a stored secret: only headers, env and oauth.client_secret can"
      const oauth = {
        client_id: reference,
        private_key: reference,
        grant_type: "enterprise_managed",
        identity_provider: {
          token_url: "https://a.test/t",
          client_id: "c",
          client_secret: reference,
          subject_token: "t"
        }
      }
      const errors = yield* errorsOf({
        mcpServers: {
          a: { url: `https://a.test/${reference}` },
          b: { url, oauth },
          c: { command: "npx", args: [reference], cwd: reference }
        }
      })
      for (const path of ["a.url", "b.oauth.client_id", "b.oauth.private_key", "c.args[0]", "c.cwd"]) {
        assert.include(errors, `mcpServers.${path}: ${elsewhere}`)
      }
      assert.include(errors, `mcpServers.b.oauth.identity_provider.client_secret: ${elsewhere}`)
    })
  )

  it.effect("is checked around them", () =>
    Effect.gen(function* () {
      const errors = yield* errorsOf({ mcpServers: { s: { url, headers: { A: "a\n${secret:KEY}" } } } })
      assert.deepStrictEqual(errors, [`mcpServers.s.headers.A: ${header}`])
    })
  )
})
