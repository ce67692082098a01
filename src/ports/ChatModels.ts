import { Context, Effect, type Option, Schema } from "effect"
import { advice, command, Remedy } from "../domain/Remedy.ts"
import type { OpenChatModel } from "./ChatModel.ts"

/** Why a model is used: what the user is told about it. */
export type ModelChoice = "flag" | "variable" | "configuration" | "key" | "local"

/** A model that was chosen. */
export interface ChosenModel {
  readonly model: OpenChatModel
  readonly because: ModelChoice
  /** A sentence for the user: "Using ollama:qwen3, which runs on this machine." */
  readonly notice: string
}

/** A model that can be reached. */
export interface ListedModel {
  /** `provider:name`. */
  readonly name: string
  /** Undefined: the server does not say. */
  readonly canCallTools: boolean | undefined
  readonly canSee: boolean | undefined
  readonly contextSize: number | undefined
  /** What a user has to know before using it. */
  readonly warning: string | undefined
}

/** A provider, and what of it can be reached. */
export interface ListedProvider {
  readonly provider: string
  /** Where requests go: an origin, or a base URL. */
  readonly address: string
  /** `key from OPENAI_API_KEY`, `on this machine`, `configured`. */
  readonly source: string
  readonly models: ReadonlyArray<ListedModel>
  /** Why its models cannot be listed: a whole sentence. */
  readonly problem: string | undefined
}

/** No model can be used: none was named or found, or the one that was named cannot be opened. */
export class ModelUnavailable extends Schema.TaggedError<ModelUnavailable>()("ModelUnavailable", {
  /** What happened, as a whole sentence. */
  detail: Schema.String,
  /** True: none was named, and none was found. Absent: a model that was named or configured cannot be used. */
  isNoneFound: Schema.optionalKey(Schema.Literal(true)),
  remedies: Schema.Array(Remedy).pipe(Schema.withConstructorDefault(Effect.succeed([])))
}) {
  override get message(): string {
    return this.detail
  }
}

/** The three ways to a model. */
export const modelWays: ReadonlyArray<Remedy> = [
  command("models key", { operand: "openai", purpose: "store the key of a provider" }),
  advice(
    "Or start a model on this machine: Ollama, LM Studio, llama.cpp and vLLM are found at their usual ports."
  ),
  advice(
    "Or set the variable of a provider, such as OPENAI_API_KEY, or name a model: --model PROVIDER:NAME, or --base-url URL for a server that speaks Chat Completions."
  )
]

/** Finds and opens models. */
export class ChatModels extends Context.Service<
  ChatModels,
  {
    /**
     * Opens the model of this run: the flag, `MCP_CLI_MODEL`, the configuration, a key in the environment, a server on this
     * machine.
     *
     * @param named the value of `--model`: `provider:name`, `provider`, or a name that only one provider has
     * @param baseUrl the value of `--base-url`: a server that speaks Chat Completions
     */
    readonly choose: (
      named: Option.Option<string>,
      baseUrl: Option.Option<string>
    ) => Effect.Effect<ChosenModel, ModelUnavailable>
    /** The origin that the key of a provider is for. */
    readonly originOf: (provider: string) => Effect.Effect<string, ModelUnavailable>
    /**
     * What can be reached. A provider that does not answer is listed with its problem.
     *
     * @param baseUrl as of `choose`
     */
    readonly list: (
      baseUrl: Option.Option<string>
    ) => Effect.Effect<ReadonlyArray<ListedProvider>, ModelUnavailable>
  }
>()("mcp-cli-oauth/ports/ChatModels") {}
