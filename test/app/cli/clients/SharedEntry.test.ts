import { assert, describe, it } from "@effect/vitest"
import { identityProviderFields } from "../../../../src/adapters/config/GrantFields.ts"
import { oauthFields } from "../../../../src/adapters/config/OAuthBlock.ts"
import {
  fileOAuthFields,
  publicOAuthFields,
  secretOAuthFields,
  sharedEntry
} from "../../../../src/app/cli/clients/SharedEntry.ts"

describe("a server for other people", () => {
  it("knows of every field of oauth whether it is public", () => {
    const known = [...publicOAuthFields, ...secretOAuthFields, ...fileOAuthFields]
    assert.sameMembers(known, [...new Set([...oauthFields, ...identityProviderFields])])
    assert.strictEqual(new Set(known).size, known.length)
  })

  it("has variables instead of secrets in the path and the query of its URL", () => {
    const cases = [
      ["https://a.example/sk-live-abcdefghij/mcp", "https://a.example/${A_URL_KEY}/mcp"],
      ["https://a.example/%73k-live-abcdefghij/mcp", "https://a.example/${A_URL_KEY}/mcp"],
      ["https://a.example/s/OGY5NzkxYTItZGZkZC00ZjM3LTg4/mcp", "https://a.example/s/${A_URL_KEY}/mcp"],
      ["https://a.example/0f8fad5b-d9cb-469f-a165-70867728950e", "https://a.example/${A_URL_KEY}"],
      ["https://a.example/0f8fad5bd9cb469fa16570867728950e/x", "https://a.example/${A_URL_KEY}/x"],
      ["https://a.example/token/abc123/mcp", "https://a.example/token/${A_URL_KEY}/mcp"],
      ["https://a.example/sk-aaaaaaaaaa/sk-bbbbbbbbbb", "https://a.example/${A_URL_KEY_1}/${A_URL_KEY_2}"],
      ["https://a.example/mcp?id=sk-live-abcdefghij&x=1", "https://a.example/mcp?id=${A_ID}&x=1"],
      ["https://a.example/mcp?u=0f8fad5b-d9cb-469f-a165-70867728950e", "https://a.example/mcp?u=${A_U}"],
      ["https://a.example/mcp;key=abc", "https://a.example/mcp;key=${A_KEY}"],
      // Names, numbers, words, and what is a variable already.
      ["https://a.example/v1/projects/my-project-of-the-year-2026/mcp"],
      ["https://a.example/mcp?project_ref=abcdefghijklmnopqrst&port=8080"],
      ["https://a.example/${KEY}/12345678901234567890/mcp"],
      ["https://a.example/tokens/list/mcp"]
    ] as const
    for (const [url, shared = url] of cases) {
      const { entry, variables } = sharedEntry("a", { url })
      assert.strictEqual(entry["url"], shared)
      assert.deepStrictEqual(
        variables,
        Array.from(shared.matchAll(/\$\{(\w+)\}/g), ([, name = ""]) => name)
      )
      const program = sharedEntry("a", { command: "npx", args: ["mcp-remote", url] })
      const [, written] = program.entry["args"] as ReadonlyArray<string>
      assert.strictEqual(written?.includes("${"), shared.includes("${"), url)
    }
    // A tenant is no secret.
    const token_url = "https://login.example/0f8fad5b-d9cb-469f-a165-70867728950e/token"
    assert.deepStrictEqual(
      sharedEntry("a", { url: "https://a.example", oauth: { token_url } }).entry["oauth"],
      {
        token_url
      }
    )
  })

  it("has variables instead of secrets", () => {
    const cases = [
      [
        {
          url: "https://a.example/mcp",
          headers: { "X-Key": "k1", Authorization: "Bearer k2", "X-Region": "eu" }
        },
        {
          type: "http",
          url: "https://a.example/mcp",
          headers: {
            "X-Key": "${MY_API_X_KEY}",
            Authorization: "${MY_API_AUTHORIZATION}",
            "X-Region": "${MY_API_X_REGION}"
          }
        },
        ["MY_API_X_KEY", "MY_API_AUTHORIZATION", "MY_API_X_REGION"]
      ],
      [
        { url: "https://a.example", type: "sse", headers: { Authorization: "Bearer ${MINE}", A: "x${B}" } },
        {
          type: "sse",
          url: "https://a.example",
          headers: { Authorization: "Bearer ${MINE}", A: "${MY_API_A}" }
        },
        ["MINE", "MY_API_A"]
      ],
      [
        { url: "https://jo:pw@a.example/mcp?api_key=k1&x=1&t=sk-abcdefghij#f" },
        { type: "http", url: "https://a.example/mcp?api_key=${MY_API_API_KEY}&x=1&t=${MY_API_T}#f" },
        ["MY_API_API_KEY", "MY_API_T"]
      ],
      [
        {
          url: "https://a.example",
          oauth: {
            client_id: "id",
            client_secret: "s1",
            private_key: "-----BEGIN",
            private_key_file: "/home/me/key.pem",
            client_secrett: "s2",
            scopes: ["a"],
            extra_auth_params: { audience: "x", api_key: "s3" },
            identity_provider: { client_id: "idp", client_secret: "${IDP}", subject_token: "s4" }
          }
        },
        {
          type: "http",
          url: "https://a.example",
          oauth: {
            client_id: "id",
            client_secret: "${MY_API_CLIENT_SECRET}",
            private_key: "${MY_API_PRIVATE_KEY}",
            scopes: ["a"],
            extra_auth_params: { audience: "x", api_key: "${MY_API_API_KEY}" },
            identity_provider: {
              client_id: "idp",
              client_secret: "${IDP}",
              subject_token: "${MY_API_SUBJECT_TOKEN}"
            }
          }
        },
        ["MY_API_CLIENT_SECRET", "MY_API_PRIVATE_KEY", "MY_API_API_KEY", "IDP", "MY_API_SUBJECT_TOKEN"]
      ],
      [
        {
          command: "npx",
          args: [
            "-y",
            "server",
            "--token",
            "t1",
            "--api-key=t2",
            "--header",
            "Authorization: Bearer t3",
            "ghp_abcdefghij"
          ],
          env: { LOG: "debug", OTHER: "${REAL}" },
          cwd: "/home/me"
        },
        {
          command: "npx",
          args: [
            "-y",
            "server",
            "--token",
            "${MY_API_TOKEN}",
            "--api-key=${MY_API_API_KEY}",
            "--header",
            "Authorization: ${MY_API_AUTHORIZATION}",
            "${MY_API_ARGUMENT_8}"
          ],
          env: { LOG: "${LOG}", OTHER: "${REAL}" }
        },
        ["MY_API_TOKEN", "MY_API_API_KEY", "MY_API_AUTHORIZATION", "MY_API_ARGUMENT_8", "LOG", "REAL"]
      ]
    ] as const
    for (const [given, entry, variables] of cases) {
      const shared = sharedEntry("my-api", given)
      assert.deepStrictEqual(shared.entry, entry)
      assert.deepStrictEqual(shared.variables, [...variables])
    }
  })

  it("keeps no secret of a command line or a URL, however it is written", () => {
    const lines: ReadonlyArray<ReadonlyArray<string>> = [
      ["postgres-server", "postgresql://app:hunter22@db.example/prod"],
      ["mcp-remote", "https://jo:hunter22@a.example/mcp"],
      ["mcp-remote", "https://jo:hunt@hunter22@a.example/mcp"],
      ["mcp-remote", "https://a.example/mcp?api_key=hunter22"],
      ["mcp-remote", "--url=https://a.example/mcp?token=hunter22"],
      ["mcp-remote", "--url", "https://jo:hunter22@a.example/mcp"],
      ["mcp-remote", "--header", "X-Custom: hunter22"],
      ["mcp-remote", "--header", "Cookie:hunter22"],
      ["mcp-remote", "--header=X-Custom: hunter22"],
      ["mcp-remote", "-H", "X-Custom: hunter22"],
      ["run", "-e", "DB_PASS=hunter22", "image"],
      ["run", "-e", "ANY=hunter22", "image"],
      ["run", "--env=ANY=hunter22", "image"],
      ["-c", "export API_TOKEN=hunter22; exec server"],
      ["-c", "server --api-key hunter22"],
      ["--config", '{"apiKey":"hunter22"}'],
      ["--config", '{"headers": {"Authorization": "Bearer hunter22"}}'],
      ["--passphrase", "hunter22"],
      ["--accessKey=hunter22"],
      ["--openaiApiKey", "hunter22"]
    ]
    for (const args of lines) {
      const { entry, variables } = sharedEntry("s", { command: "x", args })
      assert.notInclude(JSON.stringify(entry), "hunter22", args.join(" "))
      assert.isNotEmpty(variables)
    }
    const urls = [
      "https://jo:pw@hunter22@a.example/mcp",
      "https:\\\\jo:hunter22@a.example/mcp",
      "https:jo:hunter22@a.example/mcp",
      "https://a.example/mcp#access_token=hunter22"
    ]
    for (const url of urls) {
      const entry = { url, oauth: { token_url: url, issuer: url } }
      assert.notInclude(JSON.stringify(sharedEntry("s", entry).entry), "hunter22", url)
    }
    const plain = ["-y", "server@1.2", "--port", "80", "--url=https://a.example/mcp?x=1", "C:\\a b"]
    const kept = { command: "x", args: plain }
    assert.deepStrictEqual(sharedEntry("s", kept), { entry: kept, variables: [], secrets: [], omitted: [] })
  })

  it("has the names of stored secrets", () => {
    const entry = {
      url: "https://a.example/mcp",
      headers: { "X-Api-Key": "${secret:KEY}", Authorization: "Bearer ${secret:TOKEN}", B: "x-${secret:KEY}" }
    }
    assert.deepStrictEqual(sharedEntry("a", entry), {
      entry: { type: "http", ...entry, headers: { ...entry.headers, B: "${A_B}" } },
      variables: ["A_B"],
      secrets: ["KEY", "TOKEN"],
      omitted: []
    })
  })

  it("names what was left out", () => {
    const { omitted } = sharedEntry("a", {
      url: "https://jo:pw@a.example",
      oauth: { private_key_file: "/k", client_secret_file: "/s", client_secrett: "s" }
    })
    assert.sameMembers(
      [...omitted],
      ["the sign-in in url", "oauth.private_key_file", "oauth.client_secret_file", "oauth.client_secrett"]
    )
  })
})
