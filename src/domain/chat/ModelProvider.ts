/** The APIs that models are asked by. `chat_completions` is what most servers have. */
export const modelApis = ["openai", "anthropic", "google", "chat_completions"] as const
export type ModelApi = (typeof modelApis)[number]

/** A provider of models that needs no configuration besides a key. */
export interface KnownProvider {
  readonly name: string
  readonly api: ModelApi
  /** Absent: the variable of `addressVariable` says it. */
  readonly baseUrl?: string
  /** The variables that may hold the key. The first that is set counts. */
  readonly keyVariables: ReadonlyArray<string>
  /** The variable that other programs read the address from, and what is appended to its origin. */
  readonly addressVariable?: { readonly name: string; readonly path?: string }
  /** The model that is used if only a key is found. Absent: the user has to name one. */
  readonly defaultModel?: string
  /** A server on this machine, which needs no key. */
  readonly isLocal?: true
  /** How thoughts of earlier answers are sent. Absent: as `reasoning_content`, which other servers ignore. */
  readonly thoughts?: "reasoning" | "no"
}

/** In the order in which a key in the environment is chosen, then the servers of this machine. */
export const knownProviders: ReadonlyArray<KnownProvider> = [
  {
    name: "anthropic",
    api: "anthropic",
    baseUrl: "https://api.anthropic.com/v1",
    keyVariables: ["ANTHROPIC_API_KEY"],
    addressVariable: { name: "ANTHROPIC_BASE_URL" },
    defaultModel: "claude-sonnet-5-5"
  },
  {
    name: "openai",
    api: "openai",
    baseUrl: "https://api.openai.com/v1",
    keyVariables: ["OPENAI_API_KEY"],
    addressVariable: { name: "OPENAI_BASE_URL" },
    defaultModel: "gpt-5.4-mini"
  },
  {
    name: "google",
    api: "google",
    baseUrl: "https://generativelanguage.googleapis.com/v1beta",
    keyVariables: ["GEMINI_API_KEY", "GOOGLE_GENERATIVE_AI_API_KEY", "GOOGLE_API_KEY"],
    defaultModel: "gemini-flash-latest"
  },
  {
    name: "openrouter",
    api: "chat_completions",
    baseUrl: "https://openrouter.ai/api/v1",
    keyVariables: ["OPENROUTER_API_KEY"],
    defaultModel: "openrouter/auto",
    thoughts: "reasoning"
  },
  {
    name: "groq",
    api: "chat_completions",
    baseUrl: "https://api.groq.com/openai/v1",
    keyVariables: ["GROQ_API_KEY"],
    defaultModel: "openai/gpt-oss-120b",
    // It refuses `reasoning_content` as an unknown property.
    thoughts: "reasoning"
  },
  {
    name: "mistral",
    api: "chat_completions",
    baseUrl: "https://api.mistral.ai/v1",
    keyVariables: ["MISTRAL_API_KEY"],
    defaultModel: "mistral-medium-latest",
    // It refuses unknown properties.
    thoughts: "no"
  },
  {
    name: "deepseek",
    api: "chat_completions",
    baseUrl: "https://api.deepseek.com/v1",
    keyVariables: ["DEEPSEEK_API_KEY"],
    defaultModel: "deepseek-chat"
  },
  {
    name: "xai",
    api: "chat_completions",
    baseUrl: "https://api.x.ai/v1",
    keyVariables: ["XAI_API_KEY"]
  },
  {
    name: "together",
    api: "chat_completions",
    baseUrl: "https://api.together.xyz/v1",
    keyVariables: ["TOGETHER_API_KEY"]
  },
  {
    name: "azure",
    api: "chat_completions",
    keyVariables: ["AZURE_OPENAI_API_KEY"],
    addressVariable: { name: "AZURE_OPENAI_ENDPOINT", path: "/openai/v1" }
  },
  {
    name: "ollama",
    api: "chat_completions",
    baseUrl: "http://127.0.0.1:11434/v1",
    keyVariables: [],
    addressVariable: { name: "OLLAMA_HOST", path: "/v1" },
    isLocal: true,
    thoughts: "reasoning"
  },
  {
    name: "lmstudio",
    api: "chat_completions",
    baseUrl: "http://127.0.0.1:1234/v1",
    keyVariables: [],
    isLocal: true
  },
  {
    name: "llamacpp",
    api: "chat_completions",
    baseUrl: "http://127.0.0.1:8080/v1",
    keyVariables: [],
    isLocal: true
  },
  {
    name: "vllm",
    api: "chat_completions",
    baseUrl: "http://127.0.0.1:8000/v1",
    keyVariables: [],
    isLocal: true
  }
]

/** The provider of a name that is known without a configuration. */
export const knownProvider = (name: string): KnownProvider | undefined =>
  knownProviders.find((provider) => provider.name === name)

/** The name of the provider at `--base-url`, which no configuration has. */
export const customProvider = "custom"

/** True for a model at the address of the run: `custom:name`, as the run shows it. */
export const isAtBaseUrl = (written: string): boolean => splitModel(written).provider === customProvider

/** `provider:name`. A name may have colons of its own, as in `ollama:qwen3:8b`. */
export const splitModel = (
  written: string
): { readonly provider: string; readonly model: string | undefined } => {
  const colon = written.indexOf(":")
  return colon < 0
    ? { provider: written, model: undefined }
    : { provider: written.slice(0, colon), model: written.slice(colon + 1) }
}

/** The families whose models all read pictures, at whatever provider. Neither their APIs nor most lists of models say so. */
const seeing =
  /^(?:claude-(?!instant|[12]\b)|gemini-|(?:chatgpt|gpt)-4o|gpt-4\.1|gpt-[5-9](?![0-9])|o[134](?:-pro)?(?:-\d{4}|$)|o4-mini)/

/** True for a model that reads pictures, as its name tells. Undefined: it does not tell. */
export const seesByName = (model: string): true | undefined =>
  seeing.test(model.slice(model.lastIndexOf("/") + 1)) ? true : undefined
