import { readFileSync } from "node:fs"
import { AjvJsonSchemaValidator } from "@modelcontextprotocol/client/validators/ajv"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { configurationJsonSchema } from "../../../src/adapters/config/ConfigurationSchema.ts"
import { identityProviderFields } from "../../../src/adapters/config/GrantFields.ts"
import { oauthFields } from "../../../src/adapters/config/OAuthBlock.ts"
import { schemaUrl } from "../../../src/adapters/config/SchemaUrl.ts"
import {
  modelFields,
  modelsFields,
  priceFields,
  providerFields
} from "../../../src/adapters/config/ModelsBlock.ts"
import { httpFields, stdioFields } from "../../../src/adapters/config/ServerEntry.ts"
import { chatFields, toolsFields } from "../../../src/adapters/config/ToolsBlock.ts"
import { storageFields } from "../../../src/adapters/config/StorageBlock.ts"
import { authFields } from "../../../src/adapters/config/VaultAuthBlock.ts"
import packageJson from "../../../package.json" with { type: "json" }
import { documents } from "../../Documents.ts"
import { errorsOf, warningsOf } from "./InMemoryFile.ts"

interface Json {
  readonly description?: string
  readonly properties?: Readonly<Record<string, Json>>
  readonly additionalProperties?: Json | boolean
  readonly anyOf?: ReadonlyArray<Json>
}

const fileName = "server_config.schema.json"
const published = JSON.parse(readFileSync(fileName, "utf8")) as Json
const validate = new AjvJsonSchemaValidator().getValidator<unknown>(published as object)

const serverSchemas = (() => {
  const servers = published.properties?.["mcpServers"]?.additionalProperties
  return typeof servers === "object" ? (servers.anyOf ?? []) : []
})()
const [http, stdio] = serverSchemas
const oauth = http?.properties?.["oauth"]
const storage = published.properties?.["tokenStorage"]
const models = published.properties?.["models"]
const entriesOf = (schema: Json | undefined) =>
  typeof schema?.additionalProperties === "object" ? schema.additionalProperties : undefined
const provider = entriesOf(models?.properties?.["providers"])
const model = entriesOf(provider?.properties?.["models"])
const namesOf = (schema: Json | undefined) => Object.keys(schema?.properties ?? {})

/** Every field of a schema that has no description, by its path. */
const undescribed = (schema: Json, path = ""): ReadonlyArray<string> => [
  ...Object.entries(schema.properties ?? {}).flatMap(([name, field]) => [
    ...((field.description ?? "") === "" ? [`${path}.${name}`] : []),
    ...undescribed(field, `${path}.${name}`)
  ]),
  ...(schema.anyOf ?? []).flatMap((option) => undescribed(option, path)),
  ...(typeof schema.additionalProperties === "object"
    ? undescribed(schema.additionalProperties, `${path}.*`)
    : [])
]

/** What is wrong with a configuration by what reads the file. */
const problemsOf = (content: unknown) =>
  Effect.gen(function* () {
    const errors = yield* errorsOf(content)
    return errors.length > 0 ? errors : yield* warningsOf(content)
  })

const url = "https://mcp.example.com/mcp"
const server = (entry: unknown) => ({ mcpServers: { s: entry } })

describe("the JSON Schema of the configuration", () => {
  it("is the current one, in the package, where new files say that it is", () => {
    assert.deepStrictEqual<unknown>(published, configurationJsonSchema(schemaUrl), "run: npm run schema")
    const [, major, path = ""] = /^https:\/\/unpkg\.com\/mcp-cli-oauth@(\d+)\/(.*)$/.exec(schemaUrl) ?? []
    assert.strictEqual(packageJson.version.split(".")[0], major)
    assert.strictEqual(path, fileName)
    assert.include(packageJson.files, fileName)
    assert.propertyVal(packageJson.exports, `./${fileName}`, `./${fileName}`)
  })

  it("describes every field", () => {
    assert.deepStrictEqual(undescribed(published), [])
  })

  it("has the fields that are read, and no others", () => {
    assert.sameMembers(namesOf(published), ["$schema", "history", "mcpServers", "models", "tokenStorage"])
    assert.sameMembers(namesOf(http), ["type", "maxAnswerMiB", ...chatFields, ...httpFields])
    assert.sameMembers(namesOf(stdio), ["type", "maxAnswerMiB", ...chatFields, ...stdioFields])
    assert.sameMembers(namesOf(http?.properties?.["tools"]), toolsFields)
    assert.sameMembers(namesOf(oauth), oauthFields)
    assert.sameMembers(namesOf(oauth?.properties?.["identity_provider"]), identityProviderFields)
    assert.sameMembers(namesOf(storage), storageFields)
    assert.sameMembers(namesOf(models), modelsFields)
    assert.sameMembers(namesOf(provider), providerFields)
    assert.sameMembers(namesOf(model), modelFields)
    assert.sameMembers(namesOf(model?.properties?.["price"]), priceFields)
    assert.sameMembers(namesOf(storage?.properties?.["vaultAuth"]), authFields)
  })

  const examples = Array.from(
    documents.matchAll(/^```jsonc?\n([\s\S]*?)^```$/gm),
    ([, text = ""]) => text
    // What Claude Code reads has a field of its own.
  ).filter((text) => /"(mcpServers|tokenStorage)"/.test(text) && !text.includes("headersHelper"))
  it("accepts every example of the documents", () => {
    assert.isAbove(examples.length, 2)
    for (const text of examples) {
      const content = JSON.parse(text) as object
      // Some show one block only.
      const { errorMessage } = validate({ mcpServers: {}, ...content })
      assert.isUndefined(errorMessage, text)
    }
  })

  const good: ReadonlyArray<unknown> = [
    { $schema: schemaUrl, mcpServers: {} },
    server({ url: "http://localhost:3000" }),
    server({ url: "${URL}", headers: { "X-A": "b" }, type: "streamableHttp", maxAnswerMiB: 512 }),
    server({
      url: "{env:URL}/mcp",
      oauth: { scopes: [], redirect_uri: "http://localhost:1/cb", dpop: true }
    }),
    server({ url, trust: true, tools: { allow: ["search"], deny: ["delete_*"] } }),
    { mcpServers: {}, history: true },
    server({ command: "npx", args: ["-y", "x"], env: { A: "${A}" }, cwd: "/", type: "stdio" }),
    {
      mcpServers: {},
      models: {
        default: "work:big",
        timeout_seconds: 60,
        providers: {
          openai: { api_key: "${OPENAI_API_KEY}" },
          work: {
            type: "chat_completions",
            base_url: "https://llm.example.com/v1",
            headers: { "X-Team": "a" },
            models: {
              big: {
                context_size: 32_768,
                tools: true,
                images: false,
                price: { input: 0.5, output: 2, currency: "EUR" }
              }
            }
          }
        }
      }
    },
    {
      mcpServers: {},
      tokenStorage: { backend: "vault", vaultUrl: "https://a:1,https://b:1", vaultKvVersion: 2 }
    }
  ]
  it.effect.each(good.map((content) => ({ content })))(
    "accepts what is read without a problem: %#",
    ({ content }) =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* problemsOf(content), [])
        assert.isUndefined(validate(content).errorMessage)
      })
  )

  const bad: ReadonlyArray<unknown> = [
    [],
    {},
    { mcpServers: [] },
    { servers: {} },
    { $schema: 1, mcpServers: {} },
    { mcpServers: {}, tokenStorage: { backend: "vaul" } },
    { mcpServers: {}, tokenStorage: { vaultKvVersion: 3 } },
    { mcpServers: {}, tokenStorage: { vaultAuth: { method: "ldap" } } },
    server("https://mcp.example.com"),
    server({}),
    server({ uri: url }),
    server({ url: "mcp.example.com" }),
    server({ url: "ftp://mcp.example.com" }),
    server({ url, command: "x" }),
    server({ url, type: "ws" }),
    server({ url, header: {} }),
    server({ url, headers: { A: 1 } }),
    server({ url, maxAnswerMiB: 0 }),
    server({ url, trust: "yes" }),
    server({ url, tools: { allowed: [] } }),
    { mcpServers: {}, history: "yes" },
    server({ url, maxAnswerMiB: 1.5 }),
    server({ url, allow_http: "true" }),
    server({ url, oauth: { client: "x" } }),
    server({ url, oauth: { scopes: "a b" } }),
    server({ url, oauth: { grant_type: "password" } }),
    server({ url, oauth: { redirect_uri: "https://example.com" } }),
    server({ url, oauth: { client_id: "c", signing_algorithm: "HS256" } }),
    server({ url, oauth: { identity_provider: {} } }),
    server({ command: 1 }),
    server({ command: "x", args: "y" }),
    server({ command: "x", env: { A: true } })
  ]
  it.effect.each(bad.map((content) => ({ content })))("refuses what is a problem: %j", ({ content }) =>
    Effect.gen(function* () {
      assert.notDeepEqual(yield* problemsOf(content), [])
      assert.isDefined(validate(content).errorMessage)
    })
  )
})
