import { Duration, Effect, Layer, Option, Result } from "effect"
import {
  customProvider,
  isAtBaseUrl,
  knownProvider,
  knownProviders,
  seesByName,
  splitModel
} from "../../domain/chat/ModelProvider.ts"
import { nearName } from "../../domain/NearName.ts"
import { printable } from "../../domain/PrintableText.ts"
import { advice, command, type Remedy } from "../../domain/Remedy.ts"
import type { OpenChatModel } from "../../ports/ChatModel.ts"
import {
  ChatModels,
  type ChosenModel,
  type ListedProvider,
  type ModelChoice,
  ModelUnavailable,
  modelWays
} from "../../ports/ChatModels.ts"
import { Configuration } from "../../ports/Configuration.ts"
import { HttpTransport } from "../../ports/HttpTransport.ts"
import { ModelKeys } from "../../ports/ModelKeys.ts"
import type { ModelSettings } from "../../ports/ModelSettings.ts"
import { defaultSilence, discoveryTimeout } from "./ModelLimits.ts"
import { type Described, modelsOf, warningOf } from "./ModelLists.ts"
import { openProviderModel } from "./ProviderModel.ts"
import {
  firstVariable,
  isLocal,
  keyRemedies,
  type Provider,
  providerAt,
  providerOf,
  setVariable
} from "./Providers.ts"

const modelVariable = "MCP_CLI_MODEL"
const baseUrlVariable = "MCP_CLI_MODEL_BASE_URL"

const unavailable = (detail: string, ...remedies: ReadonlyArray<Remedy>) =>
  new ModelUnavailable({ detail, remedies })

/** What the choice of a model works with. */
interface Means {
  readonly settings: ModelSettings
  readonly keys: ModelKeys["Service"]
}

const namedProvider = Effect.fnUntraced(function* ({ keys, settings }: Means, name: string) {
  const provider = yield* providerOf(keys, settings, name)
  return provider ?? (yield* Effect.die(new Error(`no provider ${name}`)))
})

const unknownProvider = ({ settings }: Means, name: string) => {
  const names = [...new Set([...settings.providers, ...knownProviders].map((provider) => provider.name))]
  const near = nearName(name, names)
  return unavailable(
    `There is no provider ${printable(name)}.`,
    advice(near === undefined ? `There are: ${names.join(", ")}.` : `Did you mean ${near}?`)
  )
}

const isProvider = ({ settings }: Means, name: string): boolean =>
  [...settings.providers, ...knownProviders].some((provider) => provider.name === name)

/** Fails for a provider that requires a key and has none. */
const requireKey = (provider: Provider): Effect.Effect<void, ModelUnavailable> => {
  const { known, key, name } = provider
  const needsKey = known !== undefined && known.keyVariables.length > 0 && !isLocal(provider)
  if (key !== undefined || !needsKey || Object.keys(provider.headers).length > 0) return Effect.void
  const why = provider.withheld === undefined ? "" : ` ${provider.withheld}`
  return Effect.fail(unavailable(`${name} needs a key.${why}`, ...keyRemedies(provider)))
}

/** Opens a model of a provider. */
const opened = Effect.fnUntraced(function* (
  { settings }: Means,
  provider: Provider,
  model: string,
  described?: Described
): Effect.fn.Return<OpenChatModel, ModelUnavailable, HttpTransport> {
  yield* requireKey(provider)
  const configured = provider.models.get(model)
  return yield* openProviderModel({
    provider: provider.name,
    model,
    api: provider.api,
    baseUrl: provider.baseUrl,
    key: provider.key,
    headers: provider.headers,
    isLocal: isLocal(provider),
    thoughts: provider.known?.thoughts ?? "reasoning_content",
    silence:
      settings.timeoutSeconds === undefined ? defaultSilence : Duration.seconds(settings.timeoutSeconds),
    contextSize: configured?.contextSize ?? described?.contextSize,
    canCallTools: configured?.tools ?? described?.canCallTools,
    canSee: configured?.images ?? described?.canSee ?? seesByName(model),
    price: configured?.price
  })
})

/** The model to use of those of a provider: the first that can call tools, or else may be able to. */
const bestOf = (models: ReadonlyArray<Described>): Described | undefined =>
  models.find(({ canCallTools }) => canCallTools === true) ??
  models.find(({ canCallTools }) => canCallTools === undefined) ??
  models[0]

/** The model of a provider that was named without one. */
const defaultOf = Effect.fnUntraced(function* (means: Means, provider: Provider) {
  const [only, ...more] = provider.models.keys()
  const named = only !== undefined && more.length === 0 ? only : provider.known?.defaultModel
  if (named !== undefined) return { model: yield* opened(means, provider, named), others: 0 }
  yield* requireKey(provider)
  const models = yield* Effect.mapError(modelsOf(provider), ({ detail, remedies }) =>
    unavailable(`The models of ${provider.name} cannot be listed: ${detail}`, ...remedies)
  )
  const best = bestOf(models)
  if (best === undefined) {
    return yield* unavailable(
      `${provider.name} has no model.`,
      advice(
        provider.known?.name === "ollama"
          ? "Get one with: ollama pull qwen3"
          : "Load one there, then try again."
      )
    )
  }
  return { model: yield* opened(means, provider, best.id, best), others: models.length - 1 }
})

/** What a server of this machine says about a model that was named. Fails if no connection is possible. */
const describedLocally = Effect.fnUntraced(function* (provider: Provider, model: string) {
  if (!isLocal(provider)) return undefined
  const models = yield* modelsOf(provider, { only: model, timeout: discoveryTimeout }).pipe(
    Effect.catch((error) =>
      error.failure === "not-running" || error.failure === "wrong-address"
        ? Effect.fail(
            unavailable(
              `${provider.name} ${error.failure === "not-running" ? "does not run" : "cannot be reached"}: ${error.detail}`,
              ...error.remedies
            )
          )
        : // Asking the model tells what is wrong.
          Effect.succeed<ReadonlyArray<Described>>([])
    )
  )
  return models.find(({ id }) => id === model)
})

/** Finds a name that was given without its provider. */
const searched = Effect.fnUntraced(function* (means: Means, name: string) {
  const listed = yield* listAll(means)
  const hits = listed.flatMap(({ models, provider }) =>
    models.filter(({ id }) => id === name).map((described) => ({ described, provider }))
  )
  const [hit, ...more] = hits
  if (hit !== undefined && more.length === 0)
    return yield* opened(means, hit.provider, hit.described.id, hit.described)
  if (hit !== undefined) {
    const names = hits.map(({ provider }) => `${provider.name}:${name}`)
    return yield* unavailable(
      `Several providers have the model ${printable(name)}.`,
      advice(`Write ${names.join(" or ")}.`)
    )
  }
  const { model, provider } = splitModel(name)
  const near = nearName(
    provider,
    [...means.settings.providers, ...knownProviders].map((known) => known.name)
  )
  return yield* unavailable(
    model === undefined
      ? `No provider that can be reached has the model ${printable(name)}.`
      : `There is no provider ${printable(provider)}, and none has the model ${printable(name)}.`,
    ...(near === undefined
      ? []
      : [advice(`Did you mean ${near}${model === undefined ? "" : `:${printable(model)}`}?`)]),
    command("models", { purpose: "see which models there are" })
  )
})

/** The model of a text as users write it: `provider:name`, `provider`, or a name. */
const named = Effect.fnUntraced(function* (means: Means, written: string) {
  const { model, provider: name } = splitModel(written)
  if (!isProvider(means, name)) return { model: yield* searched(means, written), others: 0 }
  const provider = yield* namedProvider(means, name)
  if (model === undefined || model === "") return yield* defaultOf(means, provider)
  return {
    model: yield* opened(means, provider, model, yield* describedLocally(provider, model)),
    others: 0
  }
})

/** The model at an address of the command line or the environment. */
const atAddress = Effect.fnUntraced(function* (means: Means, baseUrl: string, written: string | undefined) {
  const split = written === undefined ? undefined : splitModel(written)
  const isKnown = split !== undefined && isProvider(means, split.provider)
  const provider = yield* providerAt(means.keys, baseUrl, isKnown ? split.provider : undefined)
  const model = isKnown || split?.provider === customProvider ? split.model : written
  return model === undefined || model === ""
    ? yield* defaultOf(means, { ...provider, known: undefined })
    : { model: yield* opened(means, provider, model, yield* describedLocally(provider, model)), others: 0 }
})

/** The providers that have a stored key, then those that have one in the environment. */
const withKey = Effect.fnUntraced(function* (means: Means) {
  const stored = yield* Effect.result(means.keys.providers)
  const names = Result.isSuccess(stored) ? [...stored.success] : []
  for (const { keyVariables, name } of knownProviders) {
    if ((yield* firstVariable(keyVariables)) !== undefined && !names.includes(name)) names.push(name)
  }
  const found: Array<Provider> = []
  for (const name of names.filter((name) => isProvider(means, name))) {
    // One whose address is missing or wrong is no reason not to use another.
    const provider = yield* Effect.option(namedProvider(means, name))
    if (Option.isSome(provider) && provider.value.key !== undefined) found.push(provider.value)
  }
  const problem = Result.isFailure(stored) ? stored.failure.message : undefined
  return { found, problem }
})

/** The servers of this machine that answer, with their models. No key is sent. */
const localServers = (means: Means) =>
  Effect.forEach(
    knownProviders.filter(({ isLocal }) => isLocal === true),
    Effect.fnUntraced(function* ({ name }) {
      const found = yield* Effect.option(namedProvider(means, name))
      if (Option.isNone(found) || !isLocal(found.value)) return []
      const provider = { ...found.value, key: undefined }
      const models = yield* Effect.result(modelsOf(provider, { timeout: discoveryTimeout }))
      return Result.isSuccess(models) && models.success.length > 0
        ? [{ provider, models: models.success }]
        : []
    }),
    { concurrency: "unbounded" }
  ).pipe(
    Effect.timeoutOrElse({ duration: discoveryTimeout, orElse: () => Effect.succeed([]) }),
    Effect.map((found) => found.flat())
  )

/** Every provider that can be asked, with its models or its problem. The one at the address of the run comes first. */
const listAll = Effect.fnUntraced(function* (means: Means, flagBaseUrl?: string) {
  const address = flagBaseUrl ?? (yield* setVariable(baseUrlVariable))
  const atBaseUrl = address === undefined ? [] : [yield* providerAt(means.keys, address, undefined)]
  const { found: keyed } = yield* withKey(means)
  const configured = yield* Effect.forEach(means.settings.providers, ({ name }) =>
    Effect.result(namedProvider(means, name))
  )
  const remote = [
    ...atBaseUrl,
    ...configured.flatMap((one) => (Result.isSuccess(one) ? [one.success] : [])),
    ...keyed
  ]
  const unique = remote.filter(
    ({ name }, index) => remote.findIndex((other) => other.name === name) === index
  )
  const [listed, local] = yield* Effect.all(
    [
      Effect.forEach(
        unique,
        (provider) =>
          Effect.map(Effect.result(Effect.andThen(requireKey(provider), modelsOf(provider))), (models) => ({
            provider,
            models: Result.isSuccess(models) ? models.success : [],
            problem: Result.isFailure(models) ? models.failure.detail : undefined
          })),
        { concurrency: "unbounded" }
      ),
      localServers(means)
    ],
    { concurrency: "unbounded" }
  )
  const further = local.filter(({ provider }) => !unique.some(({ name }) => name === provider.name))
  return [...listed, ...further.map((one) => ({ ...one, problem: undefined }))]
})

const sourceOf = (provider: Provider): string => {
  if (provider.keySource !== undefined) {
    return /^[A-Z]/.test(provider.keySource) ? `key from ${provider.keySource}` : provider.keySource
  }
  return provider.isConfigured ? "configured" : isLocal(provider) ? "on this machine" : "without a key"
}

/** What a user has to know about a choice: how it was made, what else there is, and what is wrong with the model. */
const noticeOf = (model: OpenChatModel, reason: string, others: number, further = ""): string => {
  const { provider } = splitModel(model.name)
  const warning = warningOf({ name: provider, known: knownProvider(provider) }, model)
  const more = others === 0 ? "" : ` It has ${others} other model${others === 1 ? "" : "s"}.`
  return `Using ${model.name}${reason}.${more}${further}${warning === undefined ? "" : ` ${warning}`}`
}

const automatic = Effect.fnUntraced(function* (
  means: Means
): Effect.fn.Return<ChosenModel, ModelUnavailable, HttpTransport> {
  const { found, problem } = yield* withKey(means)
  const [first, ...others] = found
  if (first !== undefined) {
    const { model, others: more } = yield* defaultOf(means, first)
    const reason =
      first.keySource === "the stored key" ? ", whose key is stored" : `, since ${first.keySource} is set`
    const further =
      others.length === 0
        ? ""
        : ` There are keys for ${others.map(({ name }) => name).join(", ")}, too: choose with --model or ${modelVariable}.`
    return { model, because: "key", notice: noticeOf(model, reason, more, further) }
  }
  const [server, ...servers] = yield* localServers(means)
  const best = server && bestOf(server.models)
  if (server === undefined || best === undefined) {
    const none = "There is no model: none is named, no key is set, and none runs on this machine."
    return yield* problem === undefined
      ? new ModelUnavailable({ detail: none, remedies: modelWays, isNoneFound: true })
      : unavailable(`${none} Stored keys cannot be read: ${problem}`, ...modelWays)
  }
  const model = yield* opened(means, server.provider, best.id, best)
  const further =
    servers.length === 0
      ? ""
      : ` ${servers.map(({ provider }) => provider.name).join(" and ")} runs here, too.`
  const notice = noticeOf(model, ", which runs on this machine", server.models.length - 1, further)
  return { model, because: "local", notice }
})

const reasons: Readonly<Record<Exclude<ModelChoice, "key" | "local">, string>> = {
  flag: "",
  variable: `, which ${modelVariable} names`,
  configuration: ", the default of the configuration"
}

const choose = Effect.fnUntraced(function* (
  means: Means,
  flag: string | undefined,
  flagBaseUrl: string | undefined
): Effect.fn.Return<ChosenModel, ModelUnavailable, HttpTransport> {
  const written = flag ?? (yield* setVariable(modelVariable))
  // The address of the environment goes with the model of the environment.
  const baseUrl =
    flagBaseUrl ?? (flag === undefined || isAtBaseUrl(flag) ? yield* setVariable(baseUrlVariable) : undefined)
  const isByFlag = flag !== undefined || flagBaseUrl !== undefined
  const chosen = written ?? (baseUrl === undefined ? means.settings.default : undefined)
  if (chosen === undefined && baseUrl === undefined) return yield* automatic(means)
  const because = isByFlag
    ? "flag"
    : written === undefined && baseUrl === undefined
      ? "configuration"
      : "variable"
  const { model, others } =
    baseUrl === undefined ? yield* named(means, chosen ?? "") : yield* atAddress(means, baseUrl, chosen)
  const reason =
    because === "variable" && written === undefined
      ? `, at the address of ${baseUrlVariable}`
      : reasons[because]
  return { model, because, notice: noticeOf(model, reason, others) }
})

/** Finds models by the configuration, the environment, and what runs on this machine. */
export const layer: Layer.Layer<ChatModels, never, Configuration | HttpTransport | ModelKeys> = Layer.effect(
  ChatModels,
  Effect.gen(function* () {
    const configuration = yield* Configuration
    const keys = yield* ModelKeys
    const transport = yield* HttpTransport
    const withMeans = <A>(use: (means: Means) => Effect.Effect<A, ModelUnavailable, HttpTransport>) =>
      configuration.models.pipe(
        Effect.mapError(({ message, remedies }) => unavailable(message, ...remedies)),
        Effect.flatMap((settings) => use({ settings, keys })),
        Effect.provideService(HttpTransport, transport)
      )
    return ChatModels.of({
      choose: Effect.fn("ChatModels.choose")((name, baseUrl) =>
        withMeans((means) => choose(means, Option.getOrUndefined(name), Option.getOrUndefined(baseUrl)))
      ),
      originOf: Effect.fn("ChatModels.originOf")((name) =>
        withMeans((means) =>
          isProvider(means, name)
            ? Effect.map(namedProvider(means, name), ({ baseUrl }) => baseUrl.origin)
            : Effect.fail(unknownProvider(means, name))
        )
      ),
      list: Effect.fn("ChatModels.list")((baseUrl) =>
        withMeans((means) =>
          Effect.map(listAll(means, Option.getOrUndefined(baseUrl)), (found) =>
            found.map(({ models, problem, provider }): ListedProvider => ({
              provider: provider.name,
              address: provider.baseUrl.href.replace(/\/+$/, ""),
              source: sourceOf(provider),
              models: models.map((model) => {
                const configured = provider.models.get(model.id)
                const facts = {
                  canCallTools: configured?.tools ?? model.canCallTools,
                  canSee: configured?.images ?? model.canSee ?? seesByName(model.id),
                  contextSize: configured?.contextSize ?? model.contextSize
                }
                return { name: `${provider.name}:${model.id}`, ...facts, warning: warningOf(provider, facts) }
              }),
              problem
            }))
          )
        )
      )
    })
  })
)
