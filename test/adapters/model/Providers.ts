import { once } from "node:events"
import { createServer } from "node:net"
import { LLMock } from "@copilotkit/aimock"
import { Duration, Effect, Redacted, type Result, type Scope, Stream } from "effect"
import * as UndiciTransport from "../../../src/adapters/http/UndiciTransport.ts"
import { type ModelAddress, openProviderModel } from "../../../src/adapters/model/ProviderModel.ts"
import type { ModelApi } from "../../../src/domain/chat/ModelProvider.ts"
import type { ChatMessage, ToolResult } from "../../../src/domain/chat/ChatMessage.ts"
import type { ChatEvent, ChatModelError, ChatTool, OpenChatModel } from "../../../src/ports/ChatModel.ts"
import { modelServer } from "../../servers/ModelServer.ts"
import type { ModelScript } from "../../servers/models/ModelScript.ts"

/** A port of this machine at which nothing listens. */
export const closedPort = Effect.promise(async () => {
  const listener = createServer().listen(0, "127.0.0.1")
  await once(listener, "listening")
  const address = listener.address()
  listener.close()
  await once(listener, "close")
  return typeof address === "object" ? (address?.port ?? 0) : 0
})

/** The key of every model here. */
export const secret = "sk-a-key-that-nothing-shows"

/** A model of a server. */
export const addressAt = (
  api: ModelApi,
  origin: string,
  model: string,
  options: Partial<ModelAddress> = {}
): ModelAddress => ({
  provider: api === "chat_completions" ? "custom" : api,
  model,
  api,
  baseUrl: new URL(api === "google" ? `${origin}/v1beta` : `${origin}/v1`),
  key: Redacted.make(secret),
  headers: {},
  isLocal: true,
  thoughts: "reasoning_content",
  silence: Duration.seconds(20),
  contextSize: undefined,
  canCallTools: undefined,
  canSee: undefined,
  price: undefined,
  ...options
})

/** Opens a model of a server. */
export const openAt = (...address: Parameters<typeof addressAt>): Effect.Effect<OpenChatModel> =>
  openProviderModel(addressAt(...address)).pipe(Effect.provide(UndiciTransport.layer))

export const user = (text: string): ChatMessage => ({ _tag: "User", content: [{ _tag: "Text", text }] })

export const tool = (name: string, inputSchema: ChatTool["inputSchema"] = { type: "object" }): ChatTool => ({
  name,
  description: `Does ${name}`,
  inputSchema
})

export const result = (id: string, name: string, text: string): ToolResult => ({
  id,
  name,
  isError: false,
  content: [{ _tag: "Text", text }]
})

/** What a model answers: its events, and how they end. */
export interface Answer {
  readonly events: ReadonlyArray<ChatEvent>
  readonly text: string
  readonly reasoning: string
  readonly calls: ReadonlyArray<Extract<ChatEvent, { readonly _tag: "ToolCall" }>["call"]>
  readonly end: Extract<ChatEvent, { readonly _tag: "End" }> | undefined
  readonly failure: ChatModelError | undefined
}

export const answerOf = (
  model: OpenChatModel,
  messages: ReadonlyArray<ChatMessage>,
  tools: ReadonlyArray<ChatTool> = []
): Effect.Effect<Answer> =>
  Effect.gen(function* () {
    const events: Array<ChatEvent> = []
    const ended: Result.Result<void, ChatModelError> = yield* model
      .stream({ system: "You have tools.", messages, tools })
      .pipe(
        Stream.runForEach((event) => Effect.sync(() => void events.push(event))),
        Effect.result
      )
    const textOf = (tag: "Text" | "Reasoning") =>
      events.map((event) => (event._tag === tag ? event.text : "")).join("")
    return {
      events,
      text: textOf("Text"),
      reasoning: textOf("Reasoning"),
      calls: events.flatMap((event) => (event._tag === "ToolCall" ? [event.call] : [])),
      end: events.find((event) => event._tag === "End"),
      failure: ended._tag === "Failure" ? ended.failure : undefined
    }
  })

/** A server of models that plays the conversations of the contract. */
export interface ContractServer {
  readonly origin: string
  /** Why requests were refused. */
  readonly refusals: () => ReadonlyArray<string>
}

/** What the contract's model says: it greets, or calls two tools, and then tells their results. */
const script: ModelScript = (messages) => {
  const last = messages.at(-1)
  if (last?.role === "tool")
    return {
      text: `The results are ${messages
        .slice(-2)
        .map(({ text }) => text)
        .join(" and ")}.`
    }
  if (last?.text.includes("pages") === true) {
    return {
      reasoning: "I need both tools.",
      calls: [
        { name: "notion__list", arguments: { query: "a b" } },
        { name: "linear__list", arguments: { count: 2 } }
      ]
    }
  }
  return { text: "Hello, how are you?", reasoning: "A greeting." }
}

export const strictServer: Effect.Effect<ContractServer, never, Scope.Scope> = Effect.map(
  modelServer({ script, key: secret }),
  ({ origin, requests }) => ({ origin, refusals: () => requests.flatMap(({ refused }) => refused ?? []) })
)

/** The mock of CopilotKit, which knows the APIs by its own reading of them. */
export const mockServer: Effect.Effect<ContractServer, never, Scope.Scope> = Effect.map(
  Effect.acquireRelease(
    Effect.promise(async () => {
      const mock = new LLMock({ port: 0, logLevel: "silent", chunkSize: 7 })
      mock.on({ predicate: ({ messages }) => messages.at(-1)?.role === "tool" }, ({ messages }) => ({
        content: `The results are ${messages
          .slice(-2)
          .map(({ content }) => (typeof content === "string" ? content : JSON.stringify(content)))
          .join(" and ")}.`
      }))
      mock.onMessage("pages", {
        reasoning: "I need both tools.",
        toolCalls: [
          { name: "notion__list", arguments: JSON.stringify({ query: "a b" }) },
          { name: "linear__list", arguments: JSON.stringify({ count: 2 }) }
        ]
      })
      mock.onMessage("hello", { content: "Hello, how are you?", reasoning: "A greeting." })
      await mock.start()
      return mock
    }),
    (mock) => Effect.promise(() => mock.stop())
  ),
  (mock) => ({ origin: mock.url, refusals: () => [] })
)
