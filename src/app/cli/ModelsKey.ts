import { Effect, Redacted } from "effect"
import { Argument, Command, Flag } from "effect/cli"
import { ChatModels } from "../../ports/ChatModels.ts"
import { CredentialStore } from "../../ports/CredentialStore.ts"
import { ModelKeys } from "../../ports/ModelKeys.ts"
import { givenSecret } from "./GivenSecret.ts"
import type { JsonOutput } from "./JsonOutput.ts"
import { printJson, tell } from "./Output.ts"
import { Json } from "./Settings.ts"
import { UsageError, waysToGiveSecret } from "./UsageError.ts"

/** Characters of the longest key. */
const maxKey = 16_384

/** The key as it is sent: one word of a header. */
const checkedKey = Effect.fnUntraced(function* (given: Redacted.Redacted) {
  const key = Redacted.value(given).trim()
  const problem =
    key === ""
      ? "The key is empty."
      : key.length > maxKey || !/^[\x21-\x7e]+$/.test(key)
        ? "This is not a key: a key is one word of ASCII characters."
        : undefined
  if (problem === undefined) return Redacted.make(key)
  return yield* new UsageError({
    problem,
    remedies: [waysToGiveSecret]
  })
})

/** `mcp-cli models key PROVIDER` */
export const modelsKey = Command.make(
  "key",
  {
    provider: Argument.String("PROVIDER").pipe(
      Argument.withDescription(
        "A provider of models: openai, anthropic, google, openrouter, groq, mistral ..."
      )
    ),
    remove: Flag.Boolean("remove").pipe(
      Flag.withDescription("Remove the stored key of this provider"),
      Flag.withDefault(false)
    )
  },
  Effect.fn("cli.models.key")(function* ({ provider, remove }) {
    const keys = yield* ModelKeys
    const json = yield* Json
    if (remove) {
      const removed = yield* keys.remove(provider)
      if (json) {
        return yield* printJson({ provider, stored: false, address: null } satisfies JsonOutput<"models key">)
      }
      return yield* tell(removed ? `The key of ${provider} is removed.` : `No key of ${provider} is stored.`)
    }
    const origin = yield* ChatModels.use((models) => models.originOf(provider))
    const key = yield* checkedKey(yield* givenSecret(`Key of ${provider} for ${origin}`, "key"))
    const store = yield* CredentialStore
    yield* store.unlock
    yield* keys.put(provider, origin, key)
    if (json)
      return yield* printJson({ provider, stored: true, address: origin } satisfies JsonOutput<"models key">)
    yield* tell(
      `The key of ${provider} is stored in ${store.description.backend.label}. It is sent to ${origin} only.`
    )
  })
).pipe(
  Command.withDescription("Store the key of a provider of models: typed when it asks, or piped in"),
  Command.withExamples([
    { command: "mcp-cli models key openai", description: "Asks for it, without showing it" },
    { command: "pass show openai | mcp-cli models key openai", description: "From another program" },
    { command: "mcp-cli models key openai --remove", description: "Forget it" }
  ])
)
