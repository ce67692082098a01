import { Effect, Layer, Option, type Redacted } from "effect"
import * as UndiciTransport from "../../../src/adapters/http/UndiciTransport.ts"
import * as ChatModelsLayer from "../../../src/adapters/model/ChatModels.ts"
import type { OpenChatModel } from "../../../src/ports/ChatModel.ts"
import { ChatModels } from "../../../src/ports/ChatModels.ts"
import { ModelKeys } from "../../../src/ports/ModelKeys.ts"
import { here, over, type Options } from "../config/InMemoryFile.ts"

/** Keys in memory: the provider and the origin, and the key. */
export const keysOf = (stored: Readonly<Record<string, Redacted.Redacted>>) =>
  Layer.succeed(
    ModelKeys,
    ModelKeys.of({
      find: (provider, origin) => Effect.succeed(Option.fromUndefinedOr(stored[`${provider} ${origin}`])),
      providers: Effect.succeed(Object.keys(stored).map((name) => name.split(" ")[0] ?? "")),
      put: () => Effect.die("no key is stored here"),
      remove: () => Effect.die("no key is removed here")
    })
  )

interface World {
  /** The `models` block. */
  readonly models?: unknown
  readonly env?: Readonly<Record<string, string>>
  readonly stored?: Readonly<Record<string, Redacted.Redacted>>
  /** The configuration was found in the working directory. */
  readonly wasFound?: boolean
}

/** The models of a user with this configuration and environment. */
export const modelsIn = ({ env = {}, models, stored = {}, wasFound = false }: World = {}) => {
  const content = { mcpServers: {}, ...(models === undefined ? {} : { models }) }
  const options: Options = { env, ...(wasFound ? {} : { path: here }) }
  const file = over({ [here]: content }, options)
  return ChatModelsLayer.layer.pipe(
    Layer.provide(keysOf(stored)),
    Layer.provideMerge(file),
    Layer.provideMerge(UndiciTransport.layer)
  )
}

/** What is chosen, or why nothing is: the sentence and the remedies. */
export const chosenIn = (
  world: World,
  named?: string,
  baseUrl?: string
): Effect.Effect<{
  readonly name: string
  readonly because: string
  readonly notice: string
  readonly model?: OpenChatModel
  readonly isNoneFound?: boolean | undefined
}> =>
  ChatModels.use((models) =>
    models.choose(Option.fromUndefinedOr(named), Option.fromUndefinedOr(baseUrl))
  ).pipe(
    Effect.map(({ because, model, notice }) => ({ name: model.name, because, notice, model })),
    Effect.catch(({ detail, isNoneFound }) =>
      Effect.succeed({ name: "none", because: "none", notice: detail, isNoneFound })
    ),
    Effect.provide(modelsIn(world)),
    Effect.orDie
  )
