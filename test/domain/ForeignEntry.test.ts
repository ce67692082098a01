import { assert, describe, it } from "@effect/vitest"
import { Redacted } from "effect"
import { type ForeignResult, readForeignEntry, translated } from "../../src/domain/ForeignEntry.ts"

const url = "https://mcp.notion.com/mcp"

const read = (json: unknown, options?: Parameters<typeof readForeignEntry>[2]): ForeignResult =>
  readForeignEntry("notion", json, options)
const entryOf = (json: unknown, options?: Parameters<typeof readForeignEntry>[2]) => {
  const result = read(json, options)
  return result._tag === "Taken" ? result.entry : result.reason
}
const detailsOf = (json: unknown) => {
  const result = read(json)
  return result._tag === "Taken" ? { notes: result.notes, variables: result.variables } : result.reason
}

describe("an entry of another client", () => {
  it.each<[string, unknown, unknown]>([
    ["Claude Code", { type: "http", url }, { url }],
    ["Claude Code, SSE", { type: "sse", url }, { url, type: "sse" }],
    [
      "Claude Code, with its own client",
      { type: "http", url, oauth: { clientId: "c", callbackPort: 8085, scopes: "a b" } },
      { url, oauth: { client_id: "c", scopes: ["a", "b"], redirect_uri: "http://localhost:8085/callback" } }
    ],
    [
      "Cursor",
      { url, headers: { "X-Region": "eu", "X-Key": "${env:KEY}" }, auth: { CLIENT_ID: "c", scopes: ["a"] } },
      { url, headers: { "X-Region": "eu", "X-Key": "${KEY}" }, oauth: { client_id: "c", scopes: ["a"] } }
    ],
    [
      "Cursor, with a secret",
      { url, auth: { CLIENT_ID: "${env:ID}", CLIENT_SECRET: "${env:SECRET}" } },
      { url, oauth: { client_id: "${ID}", client_secret: "${SECRET}" } }
    ],
    ["VS Code", { type: "http", url, headers: { A: "${env:A:-x}" } }, { url, headers: { A: "${A:-x}" } }],
    ["Windsurf", { serverUrl: url }, { url }],
    ["Zed", { source: "custom", url, headers: {} }, { url }],
    [
      "Zed, an older one",
      { source: "custom", command: { path: "npx", args: ["-y", "x"], env: { A: "1" } } },
      { command: "npx", args: ["-y", "x"], env: { A: "1" } }
    ],
    [
      "Codex",
      {
        url,
        bearer_token_env_var: "TOKEN",
        http_headers: { "X-Region": "eu" },
        env_http_headers: { "X-Org": "ORG" },
        scopes: ["a"]
      },
      {
        url,
        headers: { "X-Region": "eu", "X-Org": "${ORG}", Authorization: "Bearer ${TOKEN}" },
        oauth: { scopes: ["a"] }
      }
    ],
    [
      "Gemini CLI",
      {
        httpUrl: url,
        headers: { A: "$A" },
        oauth: { enabled: true, clientId: "c", issuer: "https://as.example.com" }
      },
      { url, headers: { A: "${A}" }, oauth: { client_id: "c", issuer: "https://as.example.com" } }
    ],
    [
      "Gemini CLI, with endpoints",
      { url, oauth: { clientId: "c", authorizationUrl: "https://as/a", tokenUrl: "https://as/t" } },
      { url, oauth: { client_id: "c", authorization_url: "https://as/a", token_url: "https://as/t" } }
    ],
    ["Goose", { type: "streamable_http", uri: url, enabled: true, timeout: 300, name: "n" }, { url }],
    [
      "Goose, a program",
      { type: "stdio", cmd: "uvx", args: ["x"], envs: { A: "1" }, enabled: true },
      { command: "uvx", args: ["x"], env: { A: "1" } }
    ],
    [
      "opencode",
      {
        type: "remote",
        url,
        enabled: true,
        headers: { Authorization: "Bearer {env:KEY}" },
        oauth: { clientId: "c", clientSecret: "{env:S}", scope: "a b" }
      },
      {
        url,
        headers: { Authorization: "Bearer ${KEY}" },
        oauth: { client_id: "c", client_secret: "${S}", scopes: ["a", "b"] }
      }
    ],
    ["opencode, without OAuth", { type: "remote", url, oauth: false }, { url }],
    [
      "opencode, a program",
      { type: "local", command: ["npx", "-y", "x"], environment: { A: "{env:A}" }, enabled: true },
      { command: "npx", args: ["-y", "x"], env: { A: "${A}" } }
    ],
    ["Cline", { url, type: "streamableHttp", disabled: false, autoApprove: [] }, { url }],
    [
      "Continue",
      { name: "n", type: "sse", url, requestOptions: { headers: { A: "${{ secrets.A }}" } } },
      { url, type: "sse", headers: { A: "${A}" } }
    ],
    ["Continue, an older one", { transport: { type: "streamable-http", url } }, { url }],
    ["Copilot CLI", { type: "http", url, tools: ["*"] }, { url }],
    ["Kimi Code", { transport: "sse", url }, { url, type: "sse" }],
    [
      "a program anywhere",
      { type: "stdio", command: "node", args: ["s.js"], env: { PORT: 1 }, cwd: "/srv" },
      { command: "node", args: ["s.js"], env: { PORT: "1" }, cwd: "/srv" }
    ]
  ])("of %s", (client, json, entry) => {
    const options = { hasBareVariables: client.startsWith("Gemini") }
    assert.deepStrictEqual<unknown>(entryOf(json, options), entry)
  })

  it("that starts mcp-remote becomes the server that it leads to", () => {
    assert.deepStrictEqual<unknown>(
      entryOf({
        command: "cmd",
        args: ["/c", "npx", "-y", "mcp-remote", url, "9000", "--header", "X-Org:${env:ORG}"],
        env: { MCP_REMOTE_CONFIG_DIR: "x" }
      }),
      { url, headers: { "X-Org": "${ORG}" }, oauth: { redirect_uri: "http://localhost:9000/oauth/callback" } }
    )
    // The variables of an entry are its own: what is no secret is filled in, and a secret is named.
    const json = {
      command: "npx",
      args: [
        "mcp-remote",
        "https://${HOST}/mcp",
        "--header",
        "Authorization:${AUTH_HEADER}",
        "--ignore-tool",
        "x"
      ],
      env: { AUTH_HEADER: "Bearer s3cr3t", HOST: "mcp.notion.com" }
    }
    assert.deepStrictEqual<unknown>(entryOf(json), { url, headers: { Authorization: "${AUTH_HEADER}" } })
    assert.deepStrictEqual<unknown>(detailsOf(json), {
      notes: ["--ignore-tool of mcp-remote was left out: it is a flag of the proxy."],
      variables: ["AUTH_HEADER"]
    })
    assert.deepStrictEqual<unknown>(
      entryOf({
        command: "npx",
        args: ["mcp-remote", url, "--static-oauth-client-info", '{"client_id":"c","client_secret":"s3cr3t"}']
      }),
      {
        url,
        oauth: {
          client_id: "c",
          redirect_uri: "http://localhost:8080/oauth/callback",
          client_secret: "${NOTION_CLIENT_SECRET}"
        }
      }
    )
    assert.deepStrictEqual<unknown>(
      entryOf({ command: "npx", args: ["mcp-remote", "nonsense"] }),
      "starts mcp-remote, and the URL of that is not the http or https URL of a server"
    )
  })

  it.each<[unknown, string]>([
    [{ url, disabled: true }, "is disabled there"],
    [{ type: "remote", url, enabled: false }, "is disabled there"],
    [{ type: "builtin", name: "developer", enabled: true }, "is a part of that program"],
    [{ source: "extension", settings: {} }, "is an extension of that program"],
    [
      { command: "/usr/bin/node", args: ["/x/mcp-cli.cjs", "proxy", "notion"] },
      "starts this program already"
    ],
    [{ command: "npx", args: ["-y", "mcp-cli-oauth", "proxy", url] }, "starts this program already"],
    [
      { url: "https://${input:host}/mcp" },
      "has ${input:host}, which only that program can ask for, in its URL"
    ],
    [
      { command: "node", args: ["${workspaceFolder}/s.js"] },
      "has ${workspaceFolder}, which only that program knows, in its command line"
    ],
    [
      { command: "node", args: [], env: { A: "${input:a}" } },
      "has ${input:a}, which only that program can ask for, in its variable A"
    ],
    [{ url: `${url}?api_key=s3cr3t` }, "has a secret in its URL (api_key)"],
    [{ url: "https://mcp.example.com/ghp_0123456789abcdef/mcp" }, "has a secret in its URL"],
    [{ command: "npx", args: ["x", "--key=ghp_0123456789abcdef"] }, "has a secret in its command line"],
    [{}, "has neither a URL nor a command"],
    [{ command: [] }, "has neither a URL nor a command"],
    [{ url: 1, command: {} }, "has neither a URL nor a command"],
    [null, "is not an object"],
    [[], "is not an object"],
    ["x", "is not an object"]
  ])("%j is skipped: it %s", (json, reason) => {
    assert.deepStrictEqual(read(json), { _tag: "Skipped", reason })
  })

  it("leaves its secrets where they are, and names what to set", () => {
    assert.deepStrictEqual<unknown>(
      read({
        url,
        headers: {
          Authorization: "Bearer s3cr3t",
          "X-Org": "a",
          "x-api-key": "s3cr3t",
          "X-Mine": "${input:mine}"
        }
      }),
      {
        _tag: "Taken",
        entry: { url, headers: { "X-Org": "a" } },
        notes: [
          'Its header "Authorization" has a secret and was left out (import --secrets stores it). If the server needs it, set NOTION_AUTHORIZATION and write "${NOTION_AUTHORIZATION}" in headers.',
          'Its header "x-api-key" has a secret and was left out (import --secrets stores it). If the server needs it, set NOTION_X_API_KEY and write "${NOTION_X_API_KEY}" in headers.',
          'Its header "X-Mine" has ${input:mine}, which only that program can ask for. It was left out.'
        ],
        secrets: new Map(),
        variables: []
      }
    )
    assert.deepStrictEqual<unknown>(
      read({ command: "npx", args: ["x"], env: { GITHUB_TOKEN: "s3cr3t", LEVEL: "ghp_0123456789abcdef" } }),
      {
        _tag: "Taken",
        entry: { command: "npx", args: ["x"], env: { GITHUB_TOKEN: "${GITHUB_TOKEN}", LEVEL: "${LEVEL}" } },
        notes: [],
        variables: ["GITHUB_TOKEN", "LEVEL"],
        secrets: new Map()
      }
    )
    assert.deepStrictEqual<unknown>(
      detailsOf({
        url,
        headersHelper: "/bin/x",
        oauth: { clientId: "c", authServerMetadataUrl: "https://x" }
      }),
      {
        notes: [
          "A program makes its headers there (headersHelper). It was left out.",
          "Fields of its oauth block were left out: authServerMetadataUrl."
        ],
        variables: []
      }
    )
  })
})

describe("an entry whose secrets are to be stored", () => {
  const taken = (json: unknown) => {
    const result = read(json, { takesSecrets: true })
    if (result._tag === "Skipped") return result.reason
    const { entry, secrets, variables } = result
    return {
      entry,
      variables,
      secrets: Array.from(secrets, ([name, value]) => [name, Redacted.value(value)])
    }
  }

  it.each<[string, unknown, unknown]>([
    [
      "headers",
      { url, headers: { "X-Api-Key": "sk-1", Authorization: "Bearer $${t", "X-Region": "eu", A: "${A}" } },
      {
        entry: {
          url,
          headers: {
            "X-Api-Key": "${secret:X-Api-Key}",
            Authorization: "Bearer ${secret:Authorization}",
            "X-Region": "eu",
            A: "${A}"
          }
        },
        variables: [],
        secrets: [
          ["X-Api-Key", "sk-1"],
          ["Authorization", "${t"]
        ]
      }
    ],
    [
      "a client",
      { url, oauth: { clientId: "c", clientSecret: "hush" } },
      {
        entry: { url, oauth: { client_id: "c", client_secret: "${secret:client_secret}" } },
        variables: [],
        secrets: [["client_secret", "hush"]]
      }
    ],
    [
      "variables of a program",
      { command: "npx", args: ["x"], env: { GITHUB_TOKEN: "hush", DEBUG: "1", API_KEY: "${K}" } },
      {
        entry: {
          command: "npx",
          args: ["x"],
          env: { GITHUB_TOKEN: "${secret:GITHUB_TOKEN}", DEBUG: "1", API_KEY: "${K}" }
        },
        variables: [],
        secrets: [["GITHUB_TOKEN", "hush"]]
      }
    ],
    [
      "the variables of a command line of mcp-remote",
      {
        command: "npx",
        args: ["mcp-remote", url, "--header", "Authorization:${AUTH_HEADER}"],
        env: { AUTH_HEADER: "Bearer hush" }
      },
      {
        entry: { url, headers: { Authorization: "${secret:AUTH_HEADER}" } },
        variables: [],
        secrets: [["AUTH_HEADER", "Bearer hush"]]
      }
    ],
    [
      "a command line of mcp-remote with another variable in its URL",
      {
        command: "npx",
        args: [
          "mcp-remote",
          `${url}/${"${TENANT_TOKEN}"}`,
          "--header",
          "Authorization: Bearer ${AUTH_TOKEN}"
        ],
        env: { AUTH_TOKEN: "hush", TENANT_TOKEN: "hush too" }
      },
      {
        entry: {
          url: `${url}/${"${TENANT_TOKEN}"}`,
          headers: { Authorization: "Bearer ${secret:AUTH_TOKEN}" }
        },
        variables: ["TENANT_TOKEN"],
        secrets: [["AUTH_TOKEN", "hush"]]
      }
    ],
    [
      "two fields whose names are alike",
      { url, headers: { "X.Api-Key": "sk-1", "X~Api-Key": "sk-2" } },
      {
        entry: { url, headers: { "X.Api-Key": "${secret:X_Api-Key}", "X~Api-Key": "${secret:X_Api-Key_2}" } },
        variables: [],
        secrets: [
          ["X_Api-Key", "sk-1"],
          ["X_Api-Key_2", "sk-2"]
        ]
      }
    ]
  ])("has those of %s apart", (_, json, expected) => assert.deepStrictEqual(taken(json), expected))

  it("leaves a secret beside a variable where it is", () => {
    const result = read(
      { url, headers: { Authorization: "Bearer ghp_0123456789abcdef ${A}" } },
      { takesSecrets: true }
    )
    assert(result._tag === "Taken")
    assert.deepStrictEqual(result.entry, { url })
    assert.strictEqual(result.secrets.size, 0)
    assert.lengthOf(result.notes, 1)
    const program = { command: "npx", args: ["x"], env: { TOKEN: "ghp_0123456789abcdef ${A}" } }
    assert.deepStrictEqual(taken(program), {
      entry: { command: "npx", args: ["x"], env: { TOKEN: "${TOKEN}" } },
      variables: ["TOKEN"],
      secrets: []
    })
  })

  it("keeps the reference of another program out", () => {
    assert.deepStrictEqual(taken({ url, headers: { A: "${secret:KEY}" } }), {
      entry: { url },
      variables: [],
      secrets: []
    })
  })
})

describe("the variables of other clients", () => {
  it.each([
    ["a ${A} b", "a ${A} b"],
    ["${A:-x}", "${A:-x}"],
    ["${env:A}", "${A}"],
    ["{env:A}", "${A}"],
    ["${{ secrets.A }}", "${A}"],
    ["${{secrets.A}}${{ inputs.B }}", "${A}${B}"],
    ["$${A}", "$${A}"],
    ["$A costs $5", "$A costs $5"],
    ["", ""]
  ])("%s", (source, text) => {
    assert.deepStrictEqual(translated(source), { text })
  })

  it("are unknown if only the client has them", () => {
    assert.deepStrictEqual(translated("${input:key}"), { unknown: "${input:key}" })
    assert.deepStrictEqual(translated("${A} ${userHome}/x"), { unknown: "${userHome}" })
    assert.deepStrictEqual(translated("${command:x y}"), { unknown: "${...}" })
    assert.deepStrictEqual(translated("${"), { unknown: "${...}" })
    assert.deepStrictEqual(translated("$A", true), { text: "${A}" })
  })
})
