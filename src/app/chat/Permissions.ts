import { Effect, Ref, Semaphore } from "effect"
import { escapedLine } from "../../domain/PrintableText.ts"
import { fitsPattern, fitsTool } from "../../domain/chat/ToolRules.ts"
import type { ApprovalDecision, ToolApproval } from "../../ports/ToolApproval.ts"
import { keyOf, type ListedTool, type Notice, type ToolList } from "./ToolList.ts"

/** What may be done with a call. */
export type Permission =
  | Exclude<ApprovalDecision, { readonly _tag: "Once" | "Always" }>
  | { readonly _tag: "Granted" }

/** Who decides about the calls of a conversation. */
export interface Permissions {
  /** True: the tool runs without a question. */
  readonly isAllowed: (tool: ListedTool) => boolean
  /** Lets the tools that fit `server:tool` run without a question. */
  readonly allow: (pattern: string) => Effect.Effect<void>
  /**
   * Decides about one call; asks the user if no rule does. One question at a time.
   *
   * @param sources the servers whose results are in the conversation
   */
  readonly decide: (
    tool: ListedTool,
    args: Readonly<Record<string, unknown>>,
    sources: ReadonlySet<string>,
    tell: (notice: Notice) => void
  ) => Effect.Effect<Permission>
}

const listed = (names: ReadonlyArray<string>): string =>
  names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`

/** True if the server is believed, or the answer is the dangerous one. */
const isOpenWorld = ({ server, tool }: ListedTool): boolean =>
  !server.rules.isTrusted || tool.annotations?.openWorldHint !== false

/** What the results of other servers and a tool that reaches others make possible together. Undefined: nothing. */
const leak = (tool: ListedTool, sources: ReadonlySet<string>): string | undefined => {
  const others = [...sources].filter((name) => name !== tool.server.name)
  if (others.length === 0 || !isOpenWorld(tool)) return undefined
  return `Results of ${listed(others)} are in the conversation: this call may send what is private in them to ${tool.server.name}, and a text in them may have asked for it.`
}

const effectReason = ({ server, tool }: ListedTool): string => {
  const { destructiveHint, readOnlyHint } = tool.annotations ?? {}
  if (readOnlyHint === true)
    return `${server.name} says that this tool only reads. The configuration does not trust what it says.`
  if (readOnlyHint === undefined && destructiveHint === undefined)
    return `${server.name} does not say whether this tool changes or deletes something.`
  return destructiveHint === false && server.rules.isTrusted
    ? "This tool may change something."
    : "This tool may change or delete something."
}

/**
 * Makes the rules of a conversation, in this order: a definition that changed is asked about; the configuration, the flags
 * and the user of this conversation allow tools by name; a tool that only reads runs if its server is trusted, or if the
 * user lets all such tools run. A hint that is missing counts as the dangerous one.
 */
export const makePermissions = Effect.fnUntraced(function* (options: {
  readonly list: ToolList
  readonly approval: ToolApproval["Service"]
  readonly allow: ReadonlyArray<string>
  readonly allowReadOnly: boolean
  /** The names of all servers of the conversation. */
  readonly servers: ReadonlyArray<string>
}): Effect.fn.Return<Permissions> {
  const { approval, list } = options
  const patterns = yield* Ref.make(options.allow)
  const turn = yield* Semaphore.make(1)
  /** The hash of the definition that each tool is always allowed with. */
  const always = new Map<string, string>()
  const told = new Set<string>()

  const isAllowed = (tool: ListedTool): boolean => {
    const { change, hash, isKeptAllowed, server } = tool
    const { name } = tool.tool
    if (change.length > 0) return false
    if (server.rules.allow.some((pattern) => fitsPattern(pattern, name))) return true
    const named = { server: server.name, tool: name }
    if (Ref.getUnsafe(patterns).some((pattern) => fitsTool(pattern, named, options.servers))) return true
    if (isKeptAllowed || always.get(keyOf(tool)) === hash) return true
    const onlyReads = tool.tool.annotations?.readOnlyHint === true
    return onlyReads && (server.rules.isTrusted || options.allowReadOnly)
  }

  const ask = Effect.fnUntraced(function* (
    tool: ListedTool,
    args: Readonly<Record<string, unknown>>,
    leaks: string | undefined,
    tell: (notice: Notice) => void
  ): Effect.fn.Return<Permission> {
    const isChanged = tool.change.length > 0
    if (isChanged) always.delete(keyOf(tool))
    const decision = yield* approval.ask({
      server: tool.server.name,
      tool: tool.tool,
      arguments: args,
      reasons: [
        ...(isChanged ? ["The definition of this tool has changed since it was recorded."] : []),
        ...(leaks === undefined ? [] : [leaks]),
        effectReason(tool)
      ],
      change: tool.change
    })
    if (decision._tag === "No" || decision._tag === "NotAsked") return decision
    const isKept = decision._tag === "Always" && decision.isKept === true
    if (decision._tag === "Always") always.set(keyOf(tool), tool.hash)
    if (isChanged || isKept) for (const notice of yield* list.approve(tool, isKept)) tell(notice)
    return { _tag: "Granted" }
  })

  const granted = (tool: ListedTool, sources: ReadonlySet<string>, tell: (notice: Notice) => void) =>
    Effect.sync((): Permission => {
      const leaks = leak(tool, sources)
      if (leaks !== undefined && !told.has(keyOf(tool) + leaks)) {
        told.add(keyOf(tool) + leaks)
        tell({
          text: `${tool.server.name}: ${escapedLine(tool.tool.name)} runs without a question. ${leaks}`
        })
      }
      return { _tag: "Granted" }
    })

  return {
    isAllowed,
    allow: (pattern) => Ref.update(patterns, (before) => [...before, pattern]),
    decide: (tool, args, sources, tell) =>
      Effect.gen(function* () {
        if (isAllowed(tool)) return yield* granted(tool, sources, tell)
        // The answer to the question before may have allowed this one, or approved its definition.
        return yield* turn.withPermit(
          Effect.gen(function* () {
            const now = (yield* list.offered).find(({ name }) => name === tool.name) ?? tool
            return yield* isAllowed(now)
              ? granted(now, sources, tell)
              : ask(now, args, leak(now, sources), tell)
          })
        )
      })
  }
})
