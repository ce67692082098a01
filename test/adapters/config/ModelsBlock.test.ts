import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { Configuration } from "../../../src/ports/Configuration.ts"
import { noModelSettings } from "../../../src/ports/ModelSettings.ts"
import { errorsOf, type Options, warningsOf, withFile } from "./InMemoryFile.ts"

const url = "https://llm.example.com/v1"

const settingsOf = (models: unknown, options?: Options) =>
  Configuration.use((configuration) => configuration.models).pipe(
    withFile({ mcpServers: {}, ...(models === undefined ? {} : { models }) }, options)
  )

/** The errors of using the block, one line each. */
const problemsOf = (models: unknown, env: Record<string, string> = {}) =>
  Effect.map(Effect.flip(settingsOf(models, { env })), ({ issues }) =>
    issues.map(({ location, message }) => `${location}: ${message}`)
  )

describe("the models block", () => {
  it.effect("has defaults", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* settingsOf(undefined), noModelSettings)
      assert.deepStrictEqual(yield* settingsOf({}), noModelSettings)
    })
  )

  it.effect("describes providers and models, with keys that are not shown", () =>
    Effect.gen(function* () {
      const settings = yield* settingsOf(
        {
          default: "work:big:8b",
          timeout_seconds: 60,
          providers: {
            work: {
              type: "openai-compatible",
              base_url: url,
              api_key: "${KEY}",
              headers: { "X-Team": "${TEAM}" },
              models: { "big:8b": { context_size: 8192, tools: true, price: { input: 1, output: 2.5 } } }
            }
          }
        },
        { env: { KEY: "hunter2", TEAM: "a" } }
      )
      const [work] = settings.providers
      assert.deepInclude(settings, { default: "work:big:8b", timeoutSeconds: 60, wasFound: false })
      assert.deepInclude(work, { name: "work", api: "chat_completions" })
      assert.strictEqual(work?.baseUrl?.href, url)
      assert.strictEqual(work?.apiKey && Redacted.value(work.apiKey), "hunter2")
      assert.deepStrictEqual(work?.models.get("big:8b"), {
        contextSize: 8192,
        tools: true,
        images: undefined,
        price: { input: 1, output: 2.5, currency: "USD" }
      })
      assert.notInclude(JSON.stringify(settings.providers), "hunter2")
    })
  )

  it.effect.each<readonly [models: unknown, problem: string]>([
    [[], "models: must be an object"],
    [{ default: "opnai:x" }, 'did you mean "openai"?'],
    [{ default: 1 }, "models.default: must be a string"],
    [{ timeout_seconds: 0 }, "models.timeout_seconds: must be a whole number from 1 to 86400"],
    [{ providers: { "a:b": { base_url: url } } }, "must not have a colon or a space in its name"],
    [
      { providers: { work: {} } },
      "models.providers.work.base_url: is missing: mcp-cli does not know the provider work"
    ],
    [{ providers: { work: { base_ur: url } } }, 'is "base_ur" a misspelling of "base_url"?'],
    [{ providers: { openai: { type: "opnai" } } }, "models.providers.openai.type: must be one of openai"],
    [
      { providers: { work: { base_url: "llm.example.com" } } },
      "must be an absolute URL: begin it with https://"
    ],
    [{ providers: { work: { base_url: `${url}?a=1` } } }, "must not have a query"],
    [{ providers: { work: { base_url: "http://llm.example.com/v1" } } }, "must be an https URL"],
    [
      { providers: { work: { base_url: "http://192.168.1.5/v1", allow_http: true, api_key: "k" } } },
      "models.providers.work.api_key: is not sent over http"
    ],
    [{ providers: { openai: { api_key: "" } } }, "models.providers.openai.api_key: must not be empty"],
    [{ providers: { openai: { headers: { "a b": "c" } } } }, "is not the name of an HTTP header"],
    [
      { providers: { openai: { models: { m: { price: { input: -1, output: 1 } } } } } },
      "must be a number that is not negative"
    ],
    [{ providers: { openai: { models: { m: { price: { input: 1 } } } } } }, "price.output: is missing"],
    [
      { providers: { openai: { models: { m: { price: { input: 1, output: 1, currency: "$" } } } } } },
      "as in USD"
    ],
    [{ providers: { openai: { models: { m: { context_size: "8k" } } } } }, "must be a whole number from 1"]
  ])("refuses what is wrong: %j", ([models, problem]) =>
    Effect.gen(function* () {
      assert.include((yield* problemsOf(models)).join("\n"), problem)
      // The servers can be used all the same.
      assert.deepStrictEqual(yield* errorsOf({ mcpServers: {}, models }), [])
    })
  )

  it.effect("requires the variables of what is used", () =>
    Effect.gen(function* () {
      const models = { providers: { openai: { api_key: "${NOT_SET}" } } }
      assert.deepStrictEqual(yield* problemsOf(models), [
        "models.providers.openai.api_key: the environment variable NOT_SET is not set or is empty"
      ])
    })
  )

  it.effect.each<readonly [models: unknown, warning: string]>([
    [{ providr: {} }, 'models.providr: is not a field of mcp-cli; did you mean "providers"?'],
    [{ providers: { openai: { baseUrl: url } } }, 'did you mean "base_url"?'],
    [{ providers: { openai: { models: { m: { contextSize: 1 } } } } }, 'did you mean "context_size"?'],
    [
      { providers: { openai: { models: { m: { price: { input: 1, output: 1, cached: 1 } } } } } },
      "price.cached: is not a field"
    ]
  ])("warns about fields that it does not know: %j", ([models, warning]) =>
    Effect.gen(function* () {
      assert.include((yield* warningsOf({ mcpServers: {}, models })).join("\n"), warning)
    })
  )
})
