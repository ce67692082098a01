import { Clock, Effect, Ref } from "effect"
import { escapedLine } from "../../domain/PrintableText.ts"
import { nameTools, toolKey } from "../../domain/chat/ToolNames.ts"
import { fitsPattern } from "../../domain/chat/ToolRules.ts"
import type { Remedy } from "../../domain/Remedy.ts"
import type { McpTool } from "../../ports/McpConnector.ts"
import type { PinMemory, PinnedServer, ToolPin } from "../../ports/ToolPins.ts"
import type { SessionError } from "../session/ServerSession.ts"
import type { ChatServer, ListedTools } from "./Chat.ts"
import { changedLines, definitionOf, hashOf, keptDefinition } from "./ToolDefinition.ts"
import { listedFor, maxTools } from "./ChatLimits.ts"

/** A tool of a conversation. */
export interface ListedTool {
  readonly server: ChatServer
  /** The name that the model knows. */
  readonly name: string
  readonly tool: McpTool
  readonly hash: string
  readonly definition: string
  /** What changed since the definition was pinned; empty if nothing did. */
  readonly change: ReadonlyArray<string>
  /** True: the user has let it run without a question in later conversations, too. */
  readonly isKeptAllowed: boolean
}

/** A sentence for the user. */
export interface Notice {
  readonly text: string
  readonly remedies?: ReadonlyArray<Remedy>
}

/** What identifies a tool of the conversation. */
export const keyOf = ({ server, tool }: Pick<ListedTool, "server" | "tool">): string =>
  toolKey(server.name, tool.name)

const pinnedServer = ({ account, name, place = "" }: ChatServer): PinnedServer => ({ name, account, place })

const count = (number: number, what: string): string => `${number} ${what}${number === 1 ? "" : "s"}`

/** The tools of one server, compared with what is remembered of them. New ones are remembered. */
const compared = Effect.fnUntraced(function* (
  pins: PinMemory,
  server: ChatServer,
  tools: ReadonlyArray<McpTool>
) {
  const notices: Array<Notice> = []
  const failed = (error: { readonly message: string; readonly remedies: ReadonlyArray<Remedy> }) =>
    Effect.sync(() => {
      notices.push({
        text: `${server.name}: what is recorded of its tools cannot be used, so that a change of them may not be noticed. ${error.message}`,
        remedies: error.remedies
      })
    })
  const known = yield* pins
    .recall(pinnedServer(server))
    .pipe(
      Effect.catch((error) =>
        Effect.as(failed(error), new Map<string, ToolPin>() as ReadonlyMap<string, ToolPin>)
      )
    )
  const writes = new Map<string, ToolPin>()
  const listed = yield* Effect.forEach(tools, (tool) =>
    Effect.gen(function* () {
      const definition = definitionOf(tool)
      const hash = yield* hashOf(definition)
      const pin = known.get(tool.name)
      if (pin === undefined)
        writes.set(tool.name, { hash, definition: keptDefinition(definition), isAllowed: false })
      else if (pin.hash !== hash && pin.isAllowed) writes.set(tool.name, { ...pin, isAllowed: false })
      const isSame = pin === undefined || pin.hash === hash
      return {
        server,
        tool,
        hash,
        definition,
        change: isSame ? [] : changedLines(pin.definition, definition),
        isKeptAllowed: isSame && pin?.isAllowed === true
      }
    })
  )
  if (writes.size > 0) yield* pins.remember(pinnedServer(server), writes).pipe(Effect.catch(failed))
  const fresh = listed.filter(({ tool }) => !known.has(tool.name))
  if (fresh.length > 0)
    notices.push({
      text: `${server.name}: ${known.size === 0 ? count(fresh.length, "tool") : count(fresh.length, "new tool")} recorded. If a definition changes, you are asked again.`
    })
  const changed = listed.filter(({ change }) => change.length > 0)
  if (changed.length > 0)
    notices.push({
      text: `${server.name}: the definition of ${changed.map(({ tool }) => escapedLine(tool.name)).join(", ")} has changed. You are asked before ${changed.length === 1 ? "it runs" : "they run"}.`
    })
  return { listed, notices }
})

/** As many tools as a model gets, in turn from each server, so that none is left without. */
const offeredOf = (servers: ReadonlyArray<ReadonlyArray<ListedTool>>): ReadonlyArray<ListedTool> => {
  const longest = Math.max(0, ...servers.map((tools) => tools.length))
  const chosen = new Set<ListedTool>()
  for (let at = 0; at < longest && chosen.size < maxTools; at++)
    for (const tools of servers) {
      const tool = tools[at]
      if (tool !== undefined && chosen.size < maxTools) chosen.add(tool)
    }
  return servers.flat().filter((tool) => chosen.has(tool))
}

/** What the user learns if the model is not told about all tools. */
const tooMany = (total: number): Notice => ({
  text: `The servers have ${total} tools, and the model is told about ${maxTools} of them. Name those that it does not need in "tools": {"deny": [...]} of their servers.`
})

/** The tools that the configuration does not deny. Of two with one name the server runs one, whichever that is. */
const toldTools = ({ rules }: ChatServer, tools: ReadonlyArray<McpTool>): ReadonlyArray<McpTool> => {
  const told = tools.filter(({ name }) => !rules.deny.some((pattern) => fitsPattern(pattern, name)))
  return [...new Map(told.map((tool) => [tool.name, tool])).values()]
}

/** The tools of a conversation. */
export interface ToolList {
  /** The tools that the model is told about. */
  readonly offered: Effect.Effect<ReadonlyArray<ListedTool>>
  /** Lists the tools of the servers that have said that they changed, or that were not asked for five minutes. */
  readonly update: Effect.Effect<ReadonlyArray<Notice>>
  /** Pins the definition that the user has approved. */
  readonly approve: (tool: ListedTool, isKept: boolean) => Effect.Effect<ReadonlyArray<Notice>>
  /** The server and tool that a name has stood for in this conversation. */
  readonly serverOf: (name: string) => string | undefined
}

/** Lists the tools of all servers. Returns them with what the user should know. */
export const makeToolList = Effect.fnUntraced(function* (
  servers: ReadonlyArray<ChatServer>,
  pins: PinMemory
): Effect.fn.Return<{ readonly list: ToolList; readonly notices: ReadonlyArray<Notice> }, SessionError> {
  const tools = yield* Ref.make<ReadonlyMap<ChatServer, ReadonlyArray<ListedTool>>>(new Map())
  let names: ReadonlyMap<string, string> = new Map()
  const serverNames = new Map<string, string>()
  const heard = new Map<ChatServer, { readonly changes: number; readonly at: number }>()
  const changesOf = ({ session }: ChatServer) => session.toolChanges ?? Effect.succeed(0)

  const offered = Effect.map(Ref.get(tools), (all) => offeredOf([...all.values()]))

  /** @param listed its tools, if they need not be asked for */
  const read = Effect.fnUntraced(function* (server: ChatServer, listed?: ListedTools) {
    const changes = listed?.changes ?? (yield* changesOf(server))
    heard.set(server, { changes, at: yield* Clock.currentTimeMillis })
    const all = listed?.tools ?? (yield* server.session.tools)
    return { server, ...(yield* compared(pins, server, toldTools(server, all))) }
  })

  const take = Effect.fnUntraced(function* (
    found: ReadonlyArray<Effect.Success<ReturnType<typeof read>>>
  ): Effect.fn.Return<ReadonlyArray<Notice>> {
    names = nameTools(
      names,
      found.flatMap(({ listed, server }) =>
        listed.map(({ tool }) => ({ server: server.name, tool: tool.name }))
      )
    )
    const named = new Map(
      found.map(({ listed, server }) => [
        server,
        listed.map((one): ListedTool => ({ ...one, name: names.get(keyOf(one)) ?? "" }))
      ])
    )
    for (const one of [...named.values()].flat()) serverNames.set(one.name, one.server.name)
    const all = yield* Ref.updateAndGet(
      tools,
      (before) => new Map(servers.map((server) => [server, named.get(server) ?? before.get(server) ?? []]))
    )
    const total = [...all.values()].flat().length
    const notices = found.flatMap((one) => one.notices)
    return total > maxTools ? [...notices, tooMany(total)] : notices
  })

  const update = Effect.gen(function* () {
    const now = yield* Clock.currentTimeMillis
    const changed = yield* Effect.filter(servers, (server) =>
      Effect.map(changesOf(server), (changes) => {
        const last = heard.get(server)
        return last?.changes !== changes || now - last.at > listedFor
      })
    )
    const notices: Array<Notice> = []
    const found = yield* Effect.forEach(
      changed,
      (server) =>
        read(server).pipe(
          Effect.map((one) => [one]),
          Effect.catch((error) =>
            Effect.sync(() => {
              notices.push({
                text: `The tools of ${server.name} cannot be listed again, and are used as they were. ${error.message}`,
                remedies: error.remedies
              })
              return []
            })
          )
        ),
      { concurrency: "unbounded" }
    )
    const taken = found.flat()
    return taken.length === 0 ? notices : [...notices, ...(yield* take(taken))]
  })

  const approve = Effect.fnUntraced(function* (
    { definition, hash, server, tool }: ListedTool,
    isKept: boolean
  ): Effect.fn.Return<ReadonlyArray<Notice>> {
    yield* Ref.update(
      tools,
      (all) =>
        new Map(
          [...all].map(([one, listed]) => [
            one,
            one !== server
              ? listed
              : listed.map((each) =>
                  each.tool.name === tool.name && each.hash === hash
                    ? { ...each, change: [], isKeptAllowed: each.isKeptAllowed || isKept }
                    : each
                )
          ])
        )
    )
    const pin = { hash, definition: keptDefinition(definition), isAllowed: isKept }
    return yield* pins.remember(pinnedServer(server), new Map([[tool.name, pin]])).pipe(
      Effect.as<ReadonlyArray<Notice>>([]),
      Effect.catch((error) =>
        Effect.succeed([
          {
            text: `The approval of ${escapedLine(tool.name)} could not be recorded. ${error.message}`,
            remedies: error.remedies
          }
        ])
      )
    )
  })

  const first = yield* Effect.forEach(servers, (server) => read(server, server.listed), {
    concurrency: "unbounded"
  })
  return {
    list: { offered, update, approve, serverOf: (name) => serverNames.get(name) },
    notices: yield* take(first)
  }
})
