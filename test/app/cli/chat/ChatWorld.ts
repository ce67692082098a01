import {
  Deferred,
  Duration,
  Effect,
  FileSystem,
  Layer,
  Option,
  PlatformError,
  Ref,
  Stdio,
  Stream
} from "effect"
import { ServerSecrets } from "../../../../src/ports/ServerSecrets.ts"
import { TestConsole } from "effect/testing"
import {
  Chat,
  type ChatOptions,
  type ChatSession,
  type ServerTool,
  type TurnEvent
} from "../../../../src/app/chat/Chat.ts"
import { Account, ConfigFile, Json } from "../../../../src/app/cli/Settings.ts"
import { ServerSession } from "../../../../src/app/session/ServerSession.ts"
import type { ChatMessage, MediaPart, TextPart, TokenUsage } from "../../../../src/domain/chat/ChatMessage.ts"
import { ChatModelError, type OpenChatModel } from "../../../../src/ports/ChatModel.ts"
import { ChatModels, ModelUnavailable } from "../../../../src/ports/ChatModels.ts"
import { ChatHistory, type WholeChat } from "../../../../src/ports/ChatHistory.ts"
import { Configuration, UnknownServer } from "../../../../src/ports/Configuration.ts"
import { CredentialStore } from "../../../../src/ports/CredentialStore.ts"
import { Display } from "../../../../src/ports/Display.ts"
import { LineEditor } from "../../../../src/ports/LineEditor.ts"
import { ofPromptResult } from "../../../../src/adapters/mcp/McpContents.ts"
import { McpError, type McpSession, type McpTool } from "../../../../src/ports/McpConnector.ts"
import { storageBackends } from "../../../../src/ports/StorageBackend.ts"
import { ServerQuestions } from "../../../../src/ports/ServerRequests.ts"
import { advice } from "../../../../src/domain/Remedy.ts"
import { serverNamed } from "../../World.ts"

const toolNamed = (name: string): McpTool => ({
  name,
  title: undefined,
  description: `Does ${name}`,
  inputSchema: { type: "object", properties: { query: { type: "string" } } }
})

/** A session with a server that has tools, one resource and one prompt. */
const sessionNamed = (name: string, tools: ReadonlyArray<string>): McpSession<never> => ({
  server: { name, version: "1", protocol: "2026-07-28" },
  instructions: Option.none(),
  tools: Effect.succeed(tools.map(toolNamed)),
  call: (tool, args) =>
    Effect.succeed({
      content: [{ _tag: "Text" as const, text: `${name} ${tool} ${JSON.stringify(args)}` }],
      structured: Option.none(),
      isError: false,
      raw: {}
    }),
  resources: Effect.succeed([
    { uri: `page://${name}/a`, name: "a", description: undefined, mimeType: undefined },
    { uri: `page://${name}/a.`, name: "with a dot", description: undefined, mimeType: undefined }
  ]),
  read: (uri) => Effect.succeed({ content: [{ _tag: "Text", text: `text of ${uri}` }], raw: {} }),
  prompts: Effect.succeed([
    {
      name: "sum",
      description: undefined,
      arguments: [{ name: "page", description: undefined, required: true }]
    }
  ]),
  prompt: (prompt, args) => {
    const said = (role: "user" | "assistant", text: string) => ({
      role,
      content: { type: "text", text } as const
    })
    const asked = said("user", `${prompt} of ${args["page"]}`)
    const messages = args["page"] === "dialogue" ? [asked, said("assistant", "Gladly.")] : [asked]
    return Effect.succeed(ofPromptResult({ messages }))
  },
  complete: () => Effect.succeed([]),
  ping: Effect.void
})

const model: OpenChatModel = {
  name: "test:model",
  contextSize: 8192,
  canCallTools: true,
  canSee: false,
  price: undefined,
  stream: () => Stream.empty
}

const servers: Readonly<Record<string, ReadonlyArray<string>>> = {
  notion: ["search", "list_pages"],
  linear: ["search", "issues"]
}

/** A tool of a server as a conversation knows it. */
export const toolOf = (server: string, name: string): ServerTool => ({
  name: `${server}__${name}`,
  server,
  tool: toolNamed(name),
  isAllowed: false
})

/** The events of a call that takes 400 ms. */
export const callEvents = (
  server: string,
  name: string,
  args: Readonly<Record<string, unknown>>,
  outcome: Extract<TurnEvent, { _tag: "CallEnded" }>["outcome"] = {
    _tag: "Done",
    text: "ok",
    cutCharacters: 0
  }
): ReadonlyArray<TurnEvent> => {
  const call = { id: "1", tool: toolOf(server, name), name: `${server}__${name}`, arguments: args }
  return [
    { _tag: "CallWritten", name: call.name },
    { _tag: "CallStarted", call, elapsed: Effect.succeed(Duration.millis(400)) },
    { _tag: "CallEnded", call, outcome, duration: Duration.millis(400) }
  ]
}

/** What one turn does: its events, and the error that ends it. */
export type Turn = ReadonlyArray<TurnEvent | ChatModelError>

const ofTurn = (turn: Turn): Stream.Stream<TurnEvent, ChatModelError> =>
  Stream.fromIterable(turn).pipe(
    Stream.mapEffect((event) =>
      event instanceof ChatModelError ? Effect.fail(event) : Effect.succeed(event)
    )
  )

export interface ChatWorldOptions {
  readonly lines?: ReadonlyArray<string>
  readonly turns?: ReadonlyArray<Turn>
  readonly isInteractive?: boolean
  readonly stdin?: string
  readonly json?: boolean
  readonly colors?: boolean
  readonly stdoutIsTerminal?: boolean
  /** What Ctrl-C ends when a turn has nothing more to tell. Absent: it is not pressed. */
  readonly interrupts?: "turn" | "command"
  /** A model is there. */
  readonly hasModel?: boolean
  /** Without a model: none was named, and none found. */
  readonly isNoneFound?: true
  readonly errorColumns?: number
  /** What a server does before its session is open. */
  readonly opening?: (name: string) => Effect.Effect<void, McpError>
  /** Conversations are kept here. Absent: they are not kept. */
  readonly kept?: Map<string, WholeChat>
}

/** Runs a command in front of scripted turns; gives what was shown, and what the model was told. */
export const inChatWorld = Effect.fnUntraced(function* <E>(
  command: Effect.Effect<
    void,
    E,
    | Chat
    | ChatModels
    | ServerQuestions
    | Configuration
    | CredentialStore
    | ServerSecrets
    | ServerSession
    | LineEditor
    | FileSystem.FileSystem
    | Stdio.Stdio
    | Effect.Services<typeof Json>
    | Effect.Services<typeof Account>
    | Effect.Services<typeof ConfigFile>
  >,
  {
    colors = false,
    hasModel = true,
    isNoneFound,
    errorColumns,
    interrupts,
    isInteractive = true,
    json = false,
    kept,
    lines = [],
    opening = () => Effect.void,
    stdin,
    stdoutIsTerminal = false,
    turns = []
  }: ChatWorldOptions
) {
  const left = [...lines]
  const turnsLeft = [...turns]
  const said: Array<ReadonlyArray<TextPart | MediaPart>> = []
  const prompts = new Set<string>()
  const files = new Map<string, { readonly text: string; readonly mode: number | undefined }>()
  let opened: ChatOptions | undefined
  const idle = yield* Deferred.make<void>()
  const messages = yield* Ref.make<ReadonlyArray<ChatMessage>>([])
  const usage: TokenUsage = { input: 3000, cachedInput: undefined, output: 200 }
  const chosen = yield* Ref.make(model)
  const open = Effect.fnUntraced(function* (options: ChatOptions): Effect.fn.Return<ChatSession> {
    opened = options
    yield* Ref.set(messages, options.messages ?? [])
    let allowed: ReadonlyArray<string> = options.allow
    return {
      servers: options.servers,
      withoutSecrets: (text) => text,
      tools: Effect.sync(() =>
        options.servers.flatMap(({ name }) =>
          (servers[name] ?? []).map((tool) => ({
            ...toolOf(name, tool),
            isAllowed: allowed.includes(`${name}:${tool}`)
          }))
        )
      ),
      model: Ref.get(chosen),
      setModel: (next) => Ref.set(chosen, next),
      turn: (content) =>
        Stream.unwrap(
          Effect.gen(function* () {
            said.push(content)
            yield* Ref.update(messages, (all) => [...all, { _tag: "User" as const, content }])
            const turn = ofTurn(turnsLeft.shift() ?? [])
            return interrupts !== undefined
              ? Stream.concat(
                  turn,
                  Stream.fromEffect(Deferred.succeed(idle, undefined)).pipe(
                    Stream.drain,
                    Stream.concat(Stream.never)
                  )
                )
              : turn
          })
        ),
      messages: Ref.get(messages),
      usage: Effect.succeed(usage),
      undo: Ref.modify(messages, (all) => [all.length > 0, all.slice(0, -1)]),
      clear: Ref.set(messages, []),
      compact: Effect.succeed({ before: 12, after: 2 }),
      allow: (pattern) =>
        Effect.sync(() => {
          const [server = "", tool = ""] = pattern.split(":")
          const fits = servers[server]?.includes(tool) === true
          if (fits) allowed = [...allowed, pattern]
          return fits
        })
    }
  })
  const world = Layer.mergeAll(
    Layer.mock(Configuration, {
      server: (name) =>
        Object.hasOwn(servers, name)
          ? Effect.succeed(serverNamed(name))
          : Effect.fail(new UnknownServer({ name, file: "f", known: Object.keys(servers) })),
      servers: Effect.succeed(
        Object.keys(servers).map((name) => ({
          name,
          transport: "http" as const,
          target: `https://${name}.test`,
          authorization: "none" as const
        }))
      ),
      invalid: Effect.succeed([]),
      warnings: Effect.succeed([])
    }),
    Layer.succeed(Account, Option.none()),
    Layer.mock(CredentialStore, {
      description: { backend: storageBackends.memory, location: "this process" },
      get: () => Effect.succeedNone
    }),
    Layer.succeed(ConfigFile, Option.none()),
    Layer.succeed(Json, json),
    Layer.succeed(Display, {
      columns: stdoutIsTerminal ? 80 : undefined,
      errorColumns,
      canColor: colors,
      canColorErrors: false
    }),
    FileSystem.layerNoop({
      writeFile: (path, data, options) =>
        path.startsWith("nowhere/")
          ? Effect.fail(
              PlatformError.systemError({ _tag: "NotFound", module: "FileSystem", method: "writeFile" })
            )
          : Effect.sync(
              () => void files.set(path, { text: new TextDecoder().decode(data), mode: options?.mode })
            )
    }),
    Stdio.layerTest({
      stdinIsTerminal: Effect.succeed(stdin === undefined),
      stdoutIsTerminal: Effect.succeed(stdoutIsTerminal),
      stdin: Stream.make(new TextEncoder().encode(stdin ?? ""))
    }),
    Layer.mock(ServerSecrets, {}),
    Layer.succeed(ServerSession, {
      open: ({ name }) => Effect.as(opening(name), sessionNamed(name, servers[name] ?? []))
    }),
    Layer.succeed(LineEditor, {
      isInteractive,
      cancellable: (effect) =>
        interrupts === "turn"
          ? Effect.raceFirst(Effect.asSome(effect), Effect.as(Deferred.await(idle), Option.none()))
          : Effect.asSome(effect),
      end: Effect.void,
      read: (prompt) =>
        Effect.sync(() => {
          prompts.add(prompt)
          return Option.fromNullishOr(left.shift())
        })
    }),
    Layer.succeed(Chat, { open }),
    Layer.mock(ServerQuestions, {}),
    Layer.succeed(ChatHistory, {
      isOn: kept !== undefined,
      unlock: Effect.void,
      save: (chat) => Effect.sync(() => void kept?.set(chat.id, chat)),
      remove: (id) => Effect.sync(() => void kept?.delete(id)),
      list: Effect.sync(() => [...(kept?.values() ?? [])].toReversed()),
      open: (id) => Effect.sync(() => kept?.get(id))
    }),
    Layer.succeed(ChatModels, {
      list: () => Effect.succeed([]),
      originOf: () => Effect.succeed("https://model.test"),
      choose: (named) =>
        hasModel && !Option.contains(named, "nobody:x")
          ? Effect.succeed({
              model: { ...model, name: Option.getOrElse(named, () => model.name) },
              because: "local",
              notice: `Using ${Option.getOrElse(named, () => model.name)}.`
            })
          : Effect.fail(
              new ModelUnavailable({
                detail: "No model was found.",
                remedies: [advice("Start Ollama.")],
                ...(isNoneFound === undefined ? {} : { isNoneFound })
              })
            )
    })
  )
  const run = command.pipe(Effect.provide(world))
  const exit = yield* Effect.exit(
    interrupts === "command" ? Effect.raceFirst(run, Deferred.await(idle)) : run
  )
  return {
    exit,
    said,
    prompts: [...prompts],
    files,
    opened: () => opened,
    out: (yield* TestConsole.logLines).map(String).join("\n"),
    error: (yield* TestConsole.errorLines).map(String).join("\n")
  }
})

/** An error of the model. */
export const modelError = new ChatModelError({
  model: "test:model",
  failure: "rate-limit",
  detail: "it answered HTTP 429."
})

/** A server that cannot be reached. */
export const unreachable = new McpError({ server: "notion", detail: "it cannot be reached." })
