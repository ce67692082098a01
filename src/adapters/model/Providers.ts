import { Config, Effect, Option, Redacted } from "effect"
import {
  customProvider,
  type KnownProvider,
  knownProvider,
  knownProviders,
  type ModelApi
} from "../../domain/chat/ModelProvider.ts"
import { advice, command } from "../../domain/Remedy.ts"
import { isPrivateHost } from "../../domain/PrivateAddress.ts"
import { isLoopbackHost, isSameOrigin, isSecureUrl } from "../../domain/SecureUrl.ts"
import { ModelUnavailable } from "../../ports/ChatModels.ts"
import type { ModelKeys } from "../../ports/ModelKeys.ts"

import type { ConfiguredModel, ConfiguredProvider, ModelSettings } from "../../ports/ModelSettings.ts"

/** The key for `--base-url` and `MCP_CLI_MODEL_BASE_URL`. */
const keyOfBaseUrl = "MCP_CLI_MODEL_API_KEY"

/** A provider with its address and its key. */
export interface Provider {
  readonly name: string
  readonly api: ModelApi
  readonly baseUrl: URL
  readonly key: Redacted.Redacted | undefined
  /** Where the key is from: `OPENAI_API_KEY`, `the configuration`, `the stored key`. */
  readonly keySource: string | undefined
  /** The environment has a key that is not for this address: why. */
  readonly withheld: string | undefined
  readonly headers: Readonly<Record<string, Redacted.Redacted>>
  readonly known: KnownProvider | undefined
  readonly models: ReadonlyMap<string, ConfiguredModel>
  readonly isConfigured: boolean
}

/** An environment variable; undefined if it is not set, empty, or cannot be read. */
export const setVariable = (name: string): Effect.Effect<string | undefined> =>
  Effect.map(
    Effect.orElseSucceed(Config.option(Config.String(name)), () => Option.none<string>()),
    (text) => Option.getOrUndefined(text)?.trim() || undefined
  )

/** The first of these variables that is set. */
export const firstVariable = Effect.fnUntraced(function* (names: ReadonlyArray<string>) {
  for (const name of names) {
    const text = yield* setVariable(name)
    if (text !== undefined) return { name, text }
  }
  return undefined
})

/** An address as users write it in a variable: `host`, `host:port`, or a URL. `0.0.0.0` is what a server listens on. */
const writtenAddress = (text: string, path: string, port: string): URL | undefined => {
  const url = URL.parse(/^[a-z]+:\/\//i.test(text) ? text : `http://${text}`)
  if (url === null || !/^https?:$/.test(url.protocol)) return undefined
  if (url.hostname === "0.0.0.0" || url.hostname === "[::]") url.hostname = "127.0.0.1"
  if (url.port === "" && !/^[a-z]+:\/\//i.test(text)) url.port = port
  if (url.pathname === "/" && path !== "") url.pathname = path
  return url
}

/** The address of a known provider, and whether a variable of the user names it. */
const knownAddress = Effect.fnUntraced(function* (
  known: KnownProvider
): Effect.fn.Return<URL | undefined, ModelUnavailable> {
  const { addressVariable, baseUrl } = known
  const own = baseUrl === undefined ? undefined : new URL(baseUrl)
  if (addressVariable === undefined) return own
  const text = yield* setVariable(addressVariable.name)
  if (text === undefined) return own
  const written = writtenAddress(text, addressVariable.path ?? "", own?.port ?? "")
  if (written !== undefined) return written
  return yield* new ModelUnavailable({
    detail: `The variable ${addressVariable.name} is no address.`,
    remedies: [advice(`Set ${addressVariable.name} to a URL, or unset it.`)]
  })
})

/** Finds the key of a provider for its address. */
const keyFor = Effect.fnUntraced(function* (
  keys: ModelKeys["Service"],
  name: string,
  baseUrl: URL,
  context: {
    readonly configured: ConfiguredProvider | undefined
    readonly known: KnownProvider | undefined
    /** Why the key of the provider in the environment is not for this address. Undefined: it is. */
    readonly refusal: ((variable: string) => string) | undefined
    /** Variables with a key for this address, whatever the provider is. */
    readonly further: ReadonlyArray<string>
  }
): Effect.fn.Return<Pick<Provider, "key" | "keySource" | "withheld">, ModelUnavailable> {
  const { configured, further, known, refusal } = context
  if (configured?.apiKey !== undefined) {
    return { key: configured.apiKey, keySource: "the configuration", withheld: undefined }
  }
  const ofProvider = yield* firstVariable(known?.keyVariables ?? [])
  const ambient = (yield* firstVariable(further)) ?? (refusal === undefined ? ofProvider : undefined)
  if (ambient !== undefined) {
    return { key: Redacted.make(ambient.text), keySource: ambient.name, withheld: undefined }
  }
  // A server of this machine needs no key.
  const stored = yield* Effect.mapError(
    known?.isLocal === true && configured === undefined
      ? Effect.succeedNone
      : keys.find(name, baseUrl.origin),
    ({ message, remedies }) =>
      new ModelUnavailable({ detail: `The stored key of ${name} cannot be read: ${message}`, remedies })
  )
  if (Option.isSome(stored)) return { key: stored.value, keySource: "the stored key", withheld: undefined }
  return {
    key: undefined,
    keySource: undefined,
    withheld:
      ofProvider === undefined || refusal === undefined
        ? undefined
        : `${ofProvider.name} is not sent to ${baseUrl.origin}: ${refusal(ofProvider.name)}`
  }
})

/** Fails for an address that must not be used: plain http to another network, or with a key. */
const checkAddress = (name: string, baseUrl: URL, hasKey: boolean): Effect.Effect<void, ModelUnavailable> => {
  if (isSecureUrl(baseUrl) || (!hasKey && isPrivateHost(baseUrl.hostname))) return Effect.void
  const why = hasKey ? "over which no key is sent" : "and is in no private network"
  return Effect.fail(
    new ModelUnavailable({
      detail: `The address of ${name}, ${baseUrl.origin}, has http, ${why}.`,
      remedies: [advice("Use an https address, or a server on this machine.")]
    })
  )
}

/**
 * The provider of a name; undefined if neither the configuration nor the program knows it.
 *
 * **Details**
 *
 * Keys of the environment are for the provider's own address, for one that the variable of the provider names, and for one of
 * a configuration that the user has chosen. A configuration that was found in the working directory gets only the keys that it
 * names itself.
 */
export const providerOf = Effect.fnUntraced(function* (
  keys: ModelKeys["Service"],
  settings: ModelSettings,
  name: string
): Effect.fn.Return<Provider | undefined, ModelUnavailable> {
  const configured = settings.providers.find((provider) => provider.name === name)
  const known = knownProvider(name)
  if (configured === undefined && known === undefined) return undefined
  const own = known && (yield* knownAddress(known))
  const baseUrl = configured?.baseUrl ?? own
  if (baseUrl === undefined) {
    const missing = known?.addressVariable?.name
    return yield* new ModelUnavailable({
      detail: `The address of ${name} is not known.`,
      remedies: [
        ...(missing === undefined ? [] : [advice(`Set ${missing}.`)]),
        advice(`Or give ${name} a "base_url" in the models block of the configuration.`)
      ]
    })
  }
  const isOwn = own !== undefined && isSameOrigin(own, baseUrl)
  const found = yield* keyFor(keys, name, baseUrl, {
    configured,
    known,
    refusal:
      isOwn || !settings.wasFound
        ? undefined
        : (variable) =>
            `the configuration that names this address was found in the working directory. It can name the key itself ("api_key": "\${${variable}}").`,
    further: []
  })
  yield* checkAddress(name, baseUrl, found.key !== undefined)
  return {
    name,
    api: configured?.api ?? known?.api ?? "chat_completions",
    baseUrl,
    ...found,
    headers: configured?.headers ?? {},
    known,
    models: configured?.models ?? new Map(),
    isConfigured: configured !== undefined
  }
})

/** The provider at an address that the user has typed, or set in a variable. */
export const providerAt = Effect.fnUntraced(function* (
  keys: ModelKeys["Service"],
  written: string,
  name: string | undefined
): Effect.fn.Return<Provider, ModelUnavailable> {
  const baseUrl = URL.parse(written)
  if (
    baseUrl === null ||
    !/^https?:$/.test(baseUrl.protocol) ||
    baseUrl.username !== "" ||
    baseUrl.search !== ""
  ) {
    return yield* new ModelUnavailable({
      detail: "The base URL must be an absolute http or https URL, without a user name and a query.",
      remedies: [advice("Write it as in http://127.0.0.1:8080/v1.")]
    })
  }
  const known =
    name === undefined
      ? knownProviders.find((one) => one.baseUrl !== undefined && isSameOrigin(new URL(one.baseUrl), baseUrl))
      : knownProvider(name)
  const provider = name ?? known?.name ?? customProvider
  const own = known && (yield* knownAddress(known))
  const found = yield* keyFor(keys, provider, baseUrl, {
    configured: undefined,
    known,
    // The prefix of a model may be no provider at all: `mistral:7b` is a model of Ollama.
    refusal:
      own !== undefined && isSameOrigin(own, baseUrl)
        ? undefined
        : () => `it is a key of another address. Set ${keyOfBaseUrl} to the key of this one.`,
    further: [keyOfBaseUrl]
  })
  yield* checkAddress(provider, baseUrl, found.key !== undefined)
  return {
    name: provider,
    api: "chat_completions",
    baseUrl,
    ...found,
    headers: {},
    known,
    models: new Map(),
    isConfigured: false
  }
})

/** True for a server of this machine. */
export const isLocal = ({ baseUrl }: Provider): boolean => isLoopbackHost(baseUrl.hostname)

/** What to do without a key. */
export const keyRemedies = ({ isConfigured, known, name, withheld }: Provider) =>
  withheld !== undefined && !isConfigured
    ? []
    : [
        command("models key", { operand: name, purpose: "store its key" }),
        ...(known?.keyVariables[0] === undefined ? [] : [advice(`Or set ${known.keyVariables[0]}.`)])
      ]
