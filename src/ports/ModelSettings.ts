import type { Redacted } from "effect"
import type { ModelApi } from "../domain/chat/ModelProvider.ts"
import type { ModelPrice } from "./ChatModel.ts"

/** What the configuration says about one model. */
export interface ConfiguredModel {
  readonly contextSize: number | undefined
  readonly tools: boolean | undefined
  readonly images: boolean | undefined
  readonly price: ModelPrice | undefined
}

/** A provider as the configuration has it. */
export interface ConfiguredProvider {
  readonly name: string
  /** Absent: the API of the known provider of this name, else Chat Completions. */
  readonly api: ModelApi | undefined
  /** Absent: the address of the known provider of this name. */
  readonly baseUrl: URL | undefined
  readonly apiKey: Redacted.Redacted | undefined
  readonly headers: Readonly<Record<string, Redacted.Redacted>>
  /** By the name at the provider. */
  readonly models: ReadonlyMap<string, ConfiguredModel>
}

/** The `models` block, decoded. */
export interface ModelSettings {
  /** `provider:name`, or `provider`. */
  readonly default: string | undefined
  /** Seconds that a model may be silent. */
  readonly timeoutSeconds: number | undefined
  readonly providers: ReadonlyArray<ConfiguredProvider>
  /**
   * True: the file was found in the working directory. Keys that it does not name itself are not for the addresses that it
   * names.
   */
  readonly wasFound: boolean
}

/** Without a `models` block. */
export const noModelSettings: ModelSettings = {
  default: undefined,
  timeoutSeconds: undefined,
  providers: [],
  wasFound: false
}
