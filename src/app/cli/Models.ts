import { Effect } from "effect"
import { Command } from "effect/cli"
import { ChatModels, type ListedModel, type ListedProvider, modelWays } from "../../ports/ChatModels.ts"
import type { Styled } from "./Line.ts"
import type { JsonOutput } from "./JsonOutput.ts"
import { modelFlags } from "./ModelFlags.ts"
import { printJson, printTable, tell, tellWarning } from "./Output.ts"
import { remedyText } from "./RemedyText.ts"
import { configFileOfRun, Json } from "./Settings.ts"
import { showWarnings } from "./Warnings.ts"

const yesOrNo = (value: boolean | undefined): string => (value === undefined ? "-" : value ? "yes" : "no")

const jsonOf = ({ canCallTools, canSee, contextSize, name, warning }: ListedModel) => ({
  name,
  tools: canCallTools ?? null,
  images: canSee ?? null,
  contextSize: contextSize ?? null,
  warning: warning ?? null
})

const rowsOf = ({ address, models, source }: ListedProvider): ReadonlyArray<ReadonlyArray<string | Styled>> =>
  models.map(({ canCallTools, canSee, contextSize, name }) => [
    name,
    canCallTools === false ? { style: 35, text: "no" } : yesOrNo(canCallTools),
    yesOrNo(canSee),
    contextSize === undefined ? "-" : String(contextSize),
    `${address} (${source})`
  ])

/** Each warning once, with the models that it is about. */
const warningsOf = (listed: ReadonlyArray<ListedProvider>): ReadonlyMap<string, ReadonlyArray<string>> => {
  const found = new Map<string, ReadonlyArray<string>>()
  for (const { canCallTools, name, warning } of listed.flatMap(({ models }) => models)) {
    // The table says that.
    if (warning !== undefined && canCallTools !== false)
      found.set(warning, [...(found.get(warning) ?? []), name])
  }
  return found
}

/** `mcp-cli models` */
export const models = Command.make(
  "models",
  { baseUrl: modelFlags.baseUrl },
  Effect.fn("cli.models")(function* ({ baseUrl }) {
    const listed = yield* ChatModels.use((service) => service.list(baseUrl))
    if (yield* Json) {
      return yield* printJson({
        providers: listed.map(({ address, models, problem, provider, source }) => ({
          provider,
          address,
          source,
          problem: problem ?? null,
          models: models.map(jsonOf)
        }))
      } satisfies JsonOutput<"models">)
    }
    yield* showWarnings()
    const configFile = yield* configFileOfRun
    if (listed.length === 0) {
      return yield* tell(
        "There is no model: none is configured, no key is set, and none runs on this machine.",
        ...modelWays.map((way) => `  ${remedyText(way, configFile)}`)
      )
    }
    const rows = listed.flatMap(rowsOf)
    if (rows.length > 0) yield* printTable([["MODEL", "TOOLS", "IMAGES", "CONTEXT", "WHERE"], ...rows])
    for (const { problem, provider } of listed) {
      if (problem !== undefined) yield* tellWarning(`${provider}: ${problem}`)
    }
    for (const [warning, names] of warningsOf(listed)) yield* tellWarning(`${names.join(", ")}: ${warning}`)
  })
).pipe(
  Command.withDescription("List the language models that can be reached, for a chat"),
  Command.withExamples([
    { command: "mcp-cli models", description: "Those of every provider that has a key, and of this machine" },
    { command: "mcp-cli models key openai", description: "Store the key of a provider" }
  ])
)
