import { createHash } from "node:crypto"
import { writeFileSync } from "node:fs"
import { join, relative } from "node:path"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Layer, Redacted } from "effect"
import { decoderLayer } from "../../../src/adapters/config/ServerJson.ts"
import { remoteLineOf } from "../../../src/app/cli/RemoteLine.ts"
import { remedyText } from "../../../src/app/cli/RemedyText.ts"
import {
  advice,
  check,
  command,
  entryOf,
  oauthOf,
  type Remedy,
  remove,
  set
} from "../../../src/domain/Remedy.ts"
import type { RemoteServer } from "../../../src/domain/Server.ts"
import { SignInRequired } from "../../../src/domain/SignInError.ts"
import { here, over } from "../../adapters/config/InMemoryFile.ts"
import { temporaryFolder } from "../../adapters/TemporaryFolder.ts"
import { secretTextOf } from "../../SecretText.ts"

const url = "https://mcp.example.com/mcp"
const env = {
  TOKEN: "s3cr3t",
  X_API_KEY: "literal",
  AUTHORIZATION: "literal",
  CLIENT_SECRET: "hush",
  API_KEY: "k"
}

const configured = over(
  { [here]: { mcpServers: { notion: { url: "https://mcp.notion.com/mcp", headers: { "x-a": "1" } } } } },
  { acceptsUrls: true, env }
)

const run = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  effect.pipe(
    Effect.provide(Layer.mergeAll(NodeFileSystem.layer, NodePath.layer, decoderLayer, configured)),
    Effect.provideService(ConfigProvider.ConfigProvider, ConfigProvider.fromEnv({ env }))
  )
const read = (...line: ReadonlyArray<string>) => run(remoteLineOf(line))
const refused = (...line: ReadonlyArray<string>) =>
  Effect.map(Effect.flip(read(...line)), ({ message }) => message)

/** A server with its secrets. */
const inspect = ({ headers, ...server }: RemoteServer) => {
  const { client } = server.oauth.source
  return {
    ...server,
    secrets: Object.entries(headers).map(([name, value]) => [name, Redacted.value(value)]),
    secret: secretTextOf(client?.clientSecret)
  }
}

describe("a command line of mcp-remote", () => {
  it.effect("leads to a server with its headers filled in, and says how a secret is kept from others", () =>
    Effect.gen(function* () {
      const { notices, options, server } = yield* read(
        "https://MCP.example.com/mcp",
        "--header",
        "Authorization:Bearer ${TOKEN}",
        "--header",
        "X-Api-Key: literal",
        "--ignore-tool",
        "delete*"
      )
      assert.strictEqual(server.name, url)
      assert.strictEqual(Redacted.value(server.headers["Authorization"]!), "Bearer s3cr3t")
      assert.strictEqual(Redacted.value(server.headers["X-Api-Key"]!), "literal")
      assert.deepStrictEqual(options.ignoredTools, ["delete*"])
      assert.deepStrictEqual(notices, [
        'The value of X-Api-Key can be read in the list of processes: write --header "X-Api-Key:${VARIABLE}", and set that variable.'
      ])
    })
  )

  for (const given of ["https://mcp.notion.com/mcp", "https://MCP.notion.com:443/mcp"]) {
    it.effect(
      `has the name, and so the sign-in, of the configured server at ${given}, and nothing else of it`,
      () =>
        Effect.gen(function* () {
          const { server } = yield* read(given, "3334", "--header", "x-b: 2")
          assert.strictEqual(server.name, "notion")
          assert.deepStrictEqual(Object.keys(server.headers), ["x-b"])
        })
    )
  }

  it.effect("reads the files that it names", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const [headers, info] = [join(folder, "h.txt"), join(folder, "client.json")]
      writeFileSync(headers, "X-Api-Key: literal\n")
      writeFileSync(info, '{ "client_id": "c", "client_secret": "${TOKEN}" }')
      const { notices, server } = yield* read(
        url,
        "3334",
        "--header-file",
        headers,
        "--static-oauth-client-info",
        `@${info}`
      )
      assert.strictEqual(Redacted.value(server.headers["X-Api-Key"]!), "literal")
      assert.strictEqual(server.oauth.redirectUri.href, "http://localhost:3334/oauth/callback")
      const { client } = server.oauth.source
      assert.strictEqual(secretTextOf(client?.clientSecret), "s3cr3t")
      assert.deepStrictEqual(notices, [])
      assert.strictEqual(
        yield* refused(url, "--header-file", join(folder, "none")),
        "A file that the command line names cannot be read."
      )
    })
  )

  it.effect("listens where mcp-remote does, if a client may be registered with that", () =>
    Effect.gen(function* () {
      const client = ["--static-oauth-client-info", '{"client_id":"c"}']
      const { notices, server } = yield* read(url, ...client)
      const hash = createHash("md5").update(url).digest("hex")
      const port = 3335 + (Number.parseInt(hash.slice(0, 4), 16) % 45_816)
      assert.strictEqual(server.oauth.redirectUri.href, `http://localhost:${port}/oauth/callback`)
      assert.deepStrictEqual(notices, [])
      // Without a client of its own, any port will do.
      assert.strictEqual((yield* read(url)).server.oauth.redirectUri.href, "http://localhost:8080/callback")
    })
  )

  it.effect("that mcp-remote refuses is refused, and so is one that the configuration would refuse", () =>
    Effect.gen(function* () {
      for (const [line, message] of [
        [[], "The URL of the server is missing."],
        [["mcp.example.com"], "The URL of the server is not the http or https URL of a server."],
        [[url, "--authorize-param", "x"], "--authorize-param must be written as NAME=VALUE."]
      ] as const) {
        assert.strictEqual(yield* refused(...line), message)
      }
      assert.match(yield* refused("http://mcp.example.com"), /must be an https URL/)
      assert.match(yield* refused(url, "--header", "A:${UNSET}"), /the environment variable UNSET is not set/)
    })
  )

  const lines: ReadonlyArray<readonly [line: ReadonlyArray<string>, shown: string, variables?: string]> = [
    [
      ["--static-oauth-client-info", '{"client_id":"c","client_id_issued_at":1}'],
      `41409 --static-oauth-client-info '{"client_id":"c"}'`
    ],
    [
      ["3334", "--static-oauth-client-info", '{"client_id":"c","client_secret":"hush"}', "--debug"],
      `3334 --static-oauth-client-info '{"client_id":"c","client_secret":"\${CLIENT_SECRET}"}'`,
      "CLIENT_SECRET"
    ],
    [
      ["--static-oauth-client-info", '{"client_id":"c","client_secret":"${TOKEN}"}', "--host", "127.0.0.1"],
      `41409 --static-oauth-client-info '{"client_id":"c","client_secret":"\${TOKEN}"}' --host 127.0.0.1`
    ],
    [
      ["--static-oauth-client-metadata", '{"scope":"a b","client_name":"x"}', "--ignore-tool", "x"],
      `--static-oauth-client-metadata '{"scope":"a b"}'`
    ],
    // The port of mcp-remote depends on the headers as they were written.
    [
      ["--header", "X-Api-Key: literal", "--client-metadata-url", "https://app.example.com/client"],
      `20690 --header 'X-Api-Key:\${X_API_KEY}' --client-metadata-url https://app.example.com/client`,
      "X_API_KEY"
    ],
    [
      ["--header", "Authorization: Bearer literal", "--header", "X-Team:blue"],
      "--header 'Authorization:Bearer ${AUTHORIZATION}' --header X-Team:blue",
      "AUTHORIZATION"
    ],
    [
      ["--authorize-param", "api_key=k", "--authorize-param", "audience=x"],
      "--authorize-param 'api_key=${API_KEY}' --authorize-param audience=x",
      "API_KEY"
    ],
    [["--authorize-param", "scope=a b"], '--authorize-param "scope=a b"'],
    [
      ["--resource", "https://api.example.com", "--callback-path=/cb"],
      "42425 --resource https://api.example.com --callback-path /cb"
    ],
    [
      ["--disable-resource-parameter", "--keep-alive", "--ipv4", "--auth-timeout", "9"],
      "--disable-resource-parameter"
    ],
    [
      [
        "--client-credentials",
        "--token-endpoint",
        "https://as.example.com/t",
        "--static-oauth-client-info",
        '{"client_id":"c","client_secret":"hush"}'
      ],
      `--client-credentials --token-endpoint https://as.example.com/t --static-oauth-client-info '{"client_id":"c","client_secret":"\${CLIENT_SECRET}"}'`,
      "CLIENT_SECRET"
    ],
    [
      ["--device-code", "--transport", "sse-only", "--protocol", "legacy"],
      "--device-code --transport sse-only"
    ]
  ]
  for (const [line, shown, variables] of lines) {
    it.effect(`names the command that signs in as it does: ${line.join(" ")}`, () =>
      Effect.gen(function* () {
        const first = yield* read(url, ...line)
        const required = new SignInRequired({ server: first.server.name, account: "work", why: "expired" })
        const { remedies } = first.withLine(required)
        const command = `Run: mcp-cli auth login ${url} ${shown} --account work --config-file /c.json`
        assert.deepStrictEqual(
          remedies.map((remedy) => remedyText(remedy, "/c.json")),
          variables === undefined
            ? [command]
            : [command, `Before that, set ${variables} to what the command line of the proxy has.`]
        )
        const words = remedies[0]?._tag === "Command" ? (remedies[0].line ?? []) : []
        const again = yield* read(...words)
        assert.deepStrictEqual(inspect(again.server), inspect(first.server))
      })
    )
  }

  it.effect("leaves the commands for other servers, and other commands, as they are", () =>
    Effect.gen(function* () {
      const { withLine } = yield* read(url, "--device-code")
      const error = {
        message: "x",
        remedies: [
          command("auth login", { server: "notion" }),
          command("auth doctor", { server: url }),
          advice("y")
        ]
      }
      assert.deepStrictEqual(withLine(error), error)
    })
  )

  const changes: ReadonlyArray<readonly [remedy: Remedy, ...said: ReadonlyArray<string>]> = [
    [
      set(oauthOf(url), { client_id: null, client_secret: null }, "its provider gave you one"),
      "If its provider gave you one, set client_id of --static-oauth-client-info and client_secret of --static-oauth-client-info in the command line of the proxy."
    ],
    [
      check(oauthOf(url), ["scopes"]),
      "Check scope of --static-oauth-client-metadata in the command line of the proxy."
    ],
    [
      remove([...entryOf(url), "headers"], ["Authorization"], "you prefer to sign in"),
      "If you prefer to sign in, remove --header in the command line of the proxy."
    ],
    [
      set(oauthOf(url), { assume_pkce: true }),
      `Add the server, and set "assume_pkce": true in its oauth block: mcp-cli add example ${url}`,
      "Then give its name to the proxy in place of the URL and its flags."
    ],
    [set(entryOf("notion"), { url: null }), 'Set "url" in the entry of notion.']
  ]
  for (const [remedy, ...said] of changes) {
    it.effect(`names what to change in it: ${said[0]}`, () =>
      Effect.gen(function* () {
        const { withLine } = yield* read(url, "--device-code")
        const { remedies } = withLine({ message: "x", remedies: [remedy] })
        assert.deepStrictEqual(
          remedies.map((each) => remedyText(each)),
          said
        )
      })
    )
  }

  it.effect("names files by absolute paths", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const [headers, info] = [join(folder, "h.txt"), join(folder, "client.json")]
      writeFileSync(headers, "X-Api-Key: literal\n")
      writeFileSync(info, '{ "client_id": "c" }')
      const [shortHeaders, shortInfo] = [relative(process.cwd(), headers), relative(process.cwd(), info)]
      const { withLine } = yield* read(
        url,
        "1",
        "--header-file",
        shortHeaders,
        "--static-oauth-client-info",
        `@${shortInfo}`
      )
      const [remedy] = withLine(new SignInRequired({ server: url, why: "expired" })).remedies
      assert.strictEqual(
        remedy && remedyText(remedy),
        `Run: mcp-cli auth login ${url} 1 --header-file ${headers} --static-oauth-client-info @${info}`
      )
    })
  )
})
