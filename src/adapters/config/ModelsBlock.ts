import { Effect, Redacted } from "effect"
import {
  knownProvider,
  knownProviders,
  type ModelApi,
  modelApis,
  splitModel
} from "../../domain/chat/ModelProvider.ts"
import { nearName } from "../../domain/NearName.ts"
import { isSafeLine } from "../../domain/PrintableText.ts"
import { isSecureUrl } from "../../domain/SecureUrl.ts"
import type { ModelPrice } from "../../ports/ChatModel.ts"
import type { ConfiguredModel, ConfiguredProvider, ModelSettings } from "../../ports/ModelSettings.ts"
import { type Block, notEmpty } from "./Cursor.ts"
import { headerValueProblem } from "../../domain/ConfiguredServer.ts"
import { addressRule, headerNameProblem } from "./ServerEntry.ts"

/** The fields of the `models` block. Any other is reported as unknown. */
export const modelsFields = ["default", "timeout_seconds", "providers"]
/** The fields of a provider. */
export const providerFields = ["type", "base_url", "api_key", "headers", "allow_http", "models"]
/** The fields of a model of a provider. */
export const modelFields = ["context_size", "tools", "images", "price"]
/** The fields of a price. */
export const priceFields = ["input", "output", "cached_input", "currency"]

/** The longest time that a model may be silent, in seconds: a day. */
const maxSilence = 86_400
/** More tokens than any model reads. */
const maxContextSize = 1_000_000_000

/** Other spellings of one API. */
const foreignTypes: Readonly<Record<string, ModelApi>> = {
  "openai-compatible": "chat_completions",
  "chat-completions": "chat_completions",
  openai_compatible: "chat_completions",
  gemini: "google"
}

/** What is wrong with the name of a provider. The first colon of `provider:name` ends it. */
const providerNameProblem = (name: string): string | undefined => {
  if (name === "" || !isSafeLine(name)) return "is not the name of a provider"
  return /[:\s]/.test(name) ? "must not have a colon or a space in its name" : undefined
}

const readAmount = (block: Block, name: string): number | undefined => {
  const { value } = block.field(name)
  if (typeof value === "number" && Number.isFinite(value) && value >= 0) return value
  return block.has(name) ? block.error(name, "must be a number that is not negative") : undefined
}

const readPrice = Effect.fnUntraced(function* (
  block: Block | undefined
): Effect.fn.Return<ModelPrice | undefined> {
  if (block === undefined) return undefined
  block.warnUnknown(priceFields)
  block.require("input", "what a million input tokens cost")
  block.require("output", "what a million output tokens cost")
  const input = readAmount(block, "input")
  const output = readAmount(block, "output")
  const cachedInput = readAmount(block, "cached_input")
  const currency = yield* block.string("currency", (text) =>
    /^[A-Z]{3}$/.test(text) ? undefined : "must be the code of a currency, as in USD"
  )
  if (input === undefined || output === undefined) return undefined
  return {
    input,
    output,
    ...(cachedInput === undefined ? {} : { cachedInput }),
    currency: currency ?? "USD"
  }
})

const readModel = Effect.fnUntraced(function* (block: Block): Effect.fn.Return<ConfiguredModel> {
  block.warnUnknown(modelFields)
  return {
    contextSize: block.count("context_size", maxContextSize),
    tools: block.boolean("tools"),
    images: block.boolean("images"),
    price: yield* readPrice(block.child("price"))
  }
})

const readProvider = Effect.fnUntraced(function* (
  name: string,
  block: Block
): Effect.fn.Return<ConfiguredProvider> {
  block.warnUnknown(providerFields)
  const api = yield* block.oneOf("type", modelApis, foreignTypes)
  const baseUrl = yield* block.url("base_url", (url) => {
    const problem = addressRule(block.boolean("allow_http") === true)(url)
    if (problem !== undefined) return problem
    return url.search === "" ? undefined : "must not have a query: paths are appended to it"
  })
  const apiKey = yield* block.secret("api_key")
  const headers = yield* block.entries("headers", { name: headerNameProblem, value: headerValueProblem })
  const known = knownProvider(name)
  if (known?.baseUrl === undefined && known?.addressVariable === undefined) {
    block.require(
      "base_url",
      `mcp-cli does not know the provider ${name}, but only ${knownProviders.map((one) => one.name).join(", ")}`
    )
  }
  if (block.has("api_key") && baseUrl !== undefined && !isSecureUrl(baseUrl)) {
    block.error("api_key", "is not sent over http: give the provider an https base_url")
  }
  const models = new Map<string, ConfiguredModel>()
  for (const [model, entry] of block.childOrEmpty("models").blocks) models.set(model, yield* readModel(entry))
  return {
    name,
    api,
    baseUrl,
    apiKey,
    headers: Object.fromEntries(headers.map(([header, value]) => [header, Redacted.make(value)])),
    models
  }
})

/** Reads the `models` block. Without fields it has the defaults. */
export const readModels = Effect.fnUntraced(function* (block: Block): Effect.fn.Return<ModelSettings> {
  block.warnUnknown(modelsFields)
  const providers: Array<ConfiguredProvider> = []
  for (const [name, entry] of block.childOrEmpty("providers").blocks) {
    const problem = providerNameProblem(name)
    if (problem !== undefined) entry.findings.error(entry.path, problem)
    providers.push(yield* readProvider(name, entry))
  }
  const names = [...providers, ...knownProviders].map(({ name }) => name)
  const chosen = yield* block.string("default", (text) => {
    const { provider } = splitModel(text)
    if (names.includes(provider)) return notEmpty(text)
    const near = nearName(provider, names)
    return `must be provider:name, with one of the providers ${[...new Set(names)].join(", ")}${near === undefined ? "" : `; did you mean "${near}"?`}`
  })
  const { access } = block.findings
  return {
    default: chosen,
    timeoutSeconds: block.count("timeout_seconds", maxSilence),
    providers,
    wasFound: typeof access !== "string" && access.wasFound
  }
})
