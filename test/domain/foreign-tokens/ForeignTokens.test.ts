import { assert, describe, it } from "@effect/vitest"
import { Option, Redacted } from "effect"
import { claudeCodeSignIns } from "../../../src/domain/foreign-tokens/ClaudeCodeTokens.ts"
import { codexKeyringSignIn, codexSignIns } from "../../../src/domain/foreign-tokens/CodexTokens.ts"
import type { DecodedSignIns, ForeignSignIn } from "../../../src/domain/foreign-tokens/ForeignSignIn.ts"
import { geminiSealedSignIns, geminiSignIns } from "../../../src/domain/foreign-tokens/GeminiTokens.ts"
import { mcpcSecrets, mcpcSignIns } from "../../../src/domain/foreign-tokens/McpcTokens.ts"
import { mcporterSignIns } from "../../../src/domain/foreign-tokens/McporterTokens.ts"
import { mcpRemoteSignIn } from "../../../src/domain/foreign-tokens/McpRemoteTokens.ts"
import { opencodeSignIns } from "../../../src/domain/foreign-tokens/OpencodeTokens.ts"
import { pythonCliSignIn } from "../../../src/domain/foreign-tokens/PythonCliTokens.ts"

const url = "https://mcp.notion.com/mcp"
/** 2027-01-01, in the units of the programs. */
const seconds = 1_798_761_600
const milliseconds = seconds * 1000

/** A sign-in with its secrets in plain text. */
const shown = ({ client, tokens, ...rest }: ForeignSignIn) => ({
  ...rest,
  ...(client === undefined
    ? {}
    : {
        client: {
          ...client,
          ...(client.clientSecret && { clientSecret: Redacted.value(client.clientSecret) })
        }
      }),
  ...(tokens === undefined
    ? {}
    : {
        tokens: {
          ...tokens,
          accessToken: Redacted.value(tokens.accessToken),
          ...(tokens.refreshToken && { refreshToken: Redacted.value(tokens.refreshToken) })
        }
      })
})
const all = (decoded: Option.Option<DecodedSignIns>) => Option.getOrThrow(decoded).signIns.map(shown)
const mcpcProfiles = JSON.stringify({
  profiles: { [url]: { default: { oauthIssuer: "https://as.example" }, work: {} } }
})

const tokens = { accessToken: "at", refreshToken: "rt", expiresAt: milliseconds, scope: "a b" }

describe("the tokens of other programs", () => {
  it("of mcp-remote 0.15.1, as it wrote them", () => {
    const decoded = mcpRemoteSignIn(
      url,
      {
        text: `{ "access_token": "at", "token_type": "Bearer", "expires_in": 3599, "refresh_token": "rt", "scope": "a b",
        "expires_at": ${milliseconds}, "requested_scope": "a", "issuer": "https://as.example" }`,
        modifiedAt: 0
      },
      `{ "client_id": "c", "client_secret": "s", "client_secret_expires_at": ${seconds}, "issuer": "https://as.example",
        "redirect_uris": ["http://localhost:3335/oauth/callback"], "token_endpoint_auth_method": "client_secret_post" }`
    )
    assert.deepStrictEqual<unknown>(shown(Option.getOrThrow(decoded)), {
      name: url,
      serverUrl: url,
      issuer: "https://as.example",
      client: {
        clientId: "c",
        clientSecret: "s",
        secretExpiresAt: milliseconds,
        redirectUri: "http://localhost:3335/oauth/callback",
        tokenEndpointAuthMethod: "client_secret_post"
      },
      tokens
    })
    // Older versions write what the server has answered: its lifetime counts from then. A damaged client is none.
    for (const [lifetime, expected] of [
      ['"expires_in": 600', { expiresAt: milliseconds + 600_000 }],
      ['"expires_in": null', {}]
    ] as const) {
      const text = `{ "access_token": "at", "token_type": "bearer", "expires_at": null, ${lifetime} }`
      const older = mcpRemoteSignIn(url, { text, modifiedAt: milliseconds }, "{")
      assert.deepStrictEqual<unknown>(shown(Option.getOrThrow(older)), {
        name: url,
        serverUrl: url,
        tokens: { accessToken: "at", ...expected }
      })
    }
  })

  it("of Claude Code, beside the sign-in to Claude itself", () => {
    const text = JSON.stringify({
      claudeAiOauth: { accessToken: "never", refreshToken: "never" },
      mcpOAuth: {
        "notion|abc": {
          serverName: "notion",
          serverUrl: url,
          ...tokens,
          expiresAt: milliseconds + 0.25,
          clientId: "c",
          discoveryState: { authorizationServerUrl: "https://as.example/" }
        },
        "half|abc": { serverName: "half", serverUrl: url, accessToken: "", clientId: "c" },
        "odd|abc": { serverName: 1 }
      },
      mcpOAuthClientConfig: { "notion|abc": { clientSecret: "s" } }
    })
    const decoded = claudeCodeSignIns(text)
    assert.deepStrictEqual<unknown>(all(decoded), [
      {
        name: "notion",
        serverUrl: url,
        issuer: "https://as.example/",
        client: { clientId: "c", clientSecret: "s" },
        tokens
      },
      { name: "half", serverUrl: url, client: { clientId: "c" } }
    ])
    assert.deepStrictEqual(Option.getOrThrow(decoded).unknown, ["odd|abc"])
    assert.deepStrictEqual(all(claudeCodeSignIns("{}")), [])
  })

  it("of Gemini CLI, plain and sealed", () => {
    const entry = {
      serverName: "notion",
      token: { ...tokens, tokenType: "Bearer" },
      clientId: "c",
      tokenUrl: "https://as.example/token",
      mcpServerUrl: url,
      updatedAt: 1
    }
    const expected = [
      {
        name: "notion",
        tokens,
        serverUrl: url,
        tokenEndpoint: "https://as.example/token",
        client: { clientId: "c" }
      }
    ]
    assert.deepStrictEqual<unknown>(all(geminiSignIns(JSON.stringify([entry]))), expected)
    const sealed = JSON.stringify({
      "gemini-cli-oauth": { notion: JSON.stringify(entry) },
      other: { x: "{" }
    })
    assert.deepStrictEqual<unknown>(all(geminiSealedSignIns(sealed)), expected)
    assert.strictEqual(
      all(geminiSignIns(JSON.stringify([{ ...entry, mcpServerUrl: null }])))[0]?.serverUrl,
      ""
    )
  })

  it("of Codex, in its file and in the keyring", () => {
    const expected = { name: "notion", serverUrl: url, client: { clientId: "c" }, tokens }
    const file = {
      "notion|0123456789abcdef": {
        server_name: "notion",
        server_url: url,
        client_id: "c",
        access_token: "at",
        expires_at: milliseconds,
        refresh_token: "rt",
        scopes: ["a", "b"]
      }
    }
    assert.deepStrictEqual<unknown>(all(codexSignIns(JSON.stringify(file))), [expected])
    const keyring = {
      server_name: "notion",
      url,
      client_id: "c",
      token_response: {
        access_token: "at",
        token_type: "bearer",
        expires_in: 10,
        refresh_token: "rt",
        scope: "a b"
      },
      expires_at: milliseconds
    }
    assert.deepStrictEqual<unknown>(
      shown(Option.getOrThrow(codexKeyringSignIn(JSON.stringify(keyring)))),
      expected
    )
  })

  it("of opencode, mcporter and mcpc, whose times are in seconds", () => {
    const inSeconds = { ...tokens, expiresAt: seconds }
    const opencode = {
      notion: {
        tokens: inSeconds,
        clientInfo: { clientId: "c", clientSecret: "s", clientSecretExpiresAt: 0 },
        serverUrl: url
      },
      started: { codeVerifier: "x" }
    }
    assert.deepStrictEqual<unknown>(all(opencodeSignIns(JSON.stringify(opencode))), [
      { name: "notion", serverUrl: url, client: { clientId: "c", clientSecret: "s" }, tokens },
      { name: "started", serverUrl: "" }
    ])
    const wire = { access_token: "at", refresh_token: "rt", scope: "a b", token_type: "Bearer" }
    const mcporter = (times: object) => ({
      version: 1,
      entries: {
        "notion|0123": {
          serverName: "notion",
          serverUrl: url,
          tokens: { ...wire, ...times },
          clientInfo: { client_id: "c" }
        }
      }
    })
    for (const times of [{ expires_at: seconds }, { expiresAt: seconds }]) {
      assert.deepStrictEqual<unknown>(all(mcporterSignIns(JSON.stringify(mcporter(times)))), [
        { name: "notion", serverUrl: url, tokens, client: { clientId: "c" } }
      ])
    }
    const secrets = mcpcSecrets(
      JSON.stringify({
        "auth-profile:mcp.notion.com:default:tokens": JSON.stringify({ ...inSeconds, tokenType: "Bearer" }),
        "auth-profile:mcp.notion.com:default:client": JSON.stringify({ clientId: "c" }),
        "auth-profile:mcp.notion.com:work:tokens": "{",
        ignored: 1
      })
    )
    const mcpc = mcpcSignIns(mcpcProfiles, Option.getOrThrow(secrets))
    assert.deepStrictEqual<unknown>(all(mcpc), [
      {
        name: "mcp.notion.com",
        serverUrl: url,
        tokens,
        issuer: "https://as.example",
        client: { clientId: "c" }
      }
    ])
    assert.deepStrictEqual(Option.getOrThrow(mcpc).unknown, ["mcp.notion.com (work)"])
  })

  it("of the Python mcp-cli, by its name for the server and in both of its copies", () => {
    const data = {
      access_token: "at",
      token_type: "Bearer",
      expires_in: 3600,
      refresh_token: "rt",
      scope: null,
      issued_at: 1_700_000_000.5
    }
    const { scope: _, ...withoutScope } = tokens
    const expected = { name: "notion", tokens: { ...withoutScope, expiresAt: 1_700_003_600_500 } }
    for (const json of [data, { token_type: "oauth", name: "notion", data, metadata: null }]) {
      const decoded = pythonCliSignIn("notion", JSON.stringify(json), undefined)
      assert.deepStrictEqual<unknown>(shown(Option.getOrThrow(decoded)), expected)
    }
    const client = '{ "client_id": "c", "client_secret": null, "client_secret_expires_at": null }'
    const withClient = pythonCliSignIn("notion", JSON.stringify({ ...data, expires_in: null }), client)
    assert.deepStrictEqual<unknown>(shown(Option.getOrThrow(withClient)), {
      name: "notion",
      client: { clientId: "c" },
      tokens: { accessToken: "at", refreshToken: "rt" }
    })
    assert.isTrue(
      Option.isNone(pythonCliSignIn("x", '{ "token_type": "bearer", "data": { "token": "t" } }', undefined))
    )
  })

  it.each([
    ["mcp-remote", (text: string) => mcpRemoteSignIn(url, { text, modifiedAt: 0 }, text)],
    ["Claude Code", claudeCodeSignIns],
    ["Gemini CLI", geminiSignIns],
    ["Gemini CLI, sealed", geminiSealedSignIns],
    ["Codex", codexSignIns],
    ["Codex, keyring", codexKeyringSignIn],
    ["opencode", opencodeSignIns],
    ["mcporter", mcporterSignIns],
    [
      "mcpc",
      (text: string) => mcpcSignIns(text, new Map([["auth-profile:mcp.notion.com:default:tokens", text]]))
    ],
    ["mcpc, its secrets", mcpcSecrets],
    ["the Python mcp-cli", (text: string) => pythonCliSignIn("notion", text, text)]
  ] as const)("of %s may be any text, and never crash", (_, decode) => {
    const texts = [
      "",
      "{",
      "null",
      "1",
      '"x"',
      "[]",
      "[1, null, {}]",
      '{ "a": 1, "b": null, "c": [], "d": {} }',
      '{ "__proto__": { "tokens": {} }, "constructor": "x", "entries": 1, "profiles": [], "mcpOAuth": [] }',
      '{ "entries": { "__proto__": 1 }, "mcpOAuth": { "__proto__": {} }, "profiles": { "x": 1 } }',
      '{ "access_token": "", "accessToken": "" }',
      '{ "access_token": 1, "token_type": "oauth", "data": [] }',
      "[".repeat(200_000),
      `${'{"a":'.repeat(5000)}1${"}".repeat(5000)}`,
      "\0\uFFFD\u202e",
      mcpcProfiles
    ]
    for (const text of texts) {
      const decoded: Option.Option<unknown> = decode(text)
      if (Option.isNone(decoded) || typeof decoded.value !== "object" || decoded.value === null) continue
      const { signIns } = decoded.value as { readonly signIns?: ReadonlyArray<ForeignSignIn> }
      for (const signIn of signIns ?? []) assert.isUndefined(signIn.tokens)
    }
  })
})
