import type { JSONRPCMessage, Transport } from "@modelcontextprotocol/client"
import { printable } from "../../domain/PrintableText.ts"
import type { Sdk } from "./ErrorOfClient.ts"

type Fields = Record<string, unknown>

/** The kinds of lists: where their entries are, the type of an entry, and the fields that it cannot do without. */
const kinds = {
  "tools/list": { key: "tools", type: "Tool", noun: "tool", essential: ["name", "inputSchema"] },
  "resources/list": { key: "resources", type: "Resource", noun: "resource", essential: ["name", "uri"] },
  "prompts/list": { key: "prompts", type: "Prompt", noun: "prompt", essential: ["name"] }
} as const

type Kind = (typeof kinds)[keyof typeof kinds]

/** A list that is read page by page. */
interface Walk {
  readonly kind: Kind
  /** The cursor of the next page; absent: it is being read. */
  next?: string | undefined
  readonly cursors: Set<string>
  /** What names the entries so far. */
  readonly seen: Set<string>
}

const isFields = (value: unknown): value is Fields =>
  typeof value === "object" && value !== null && !Array.isArray(value)

/** The fields that have a value: many servers write null for a field that they leave out. */
const withoutNulls = (fields: Fields): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null))

const nameOf = (entry: unknown): string => {
  const { name, uri } = isFields(entry) ? entry : {}
  return typeof uri === "string" ? uri : typeof name === "string" ? name : ""
}

/** An entry that the SDK accepts, without optional fields that are not valid; or the place of an essential field that is not. */
const validEntry = (sdk: Sdk, { essential, type }: Kind, entry: unknown): Fields | string => {
  const schema = sdk.specTypeSchemas[type]["~standard"]
  if (!isFields(entry)) return ""
  const fields = withoutNulls(entry)
  if (isFields(fields["inputSchema"])) fields["inputSchema"] = withoutNulls(fields["inputSchema"])
  for (;;) {
    const { issues } = schema.validate(fields)
    if (issues === undefined) return fields
    const place = (issues[0]?.path ?? []).map(String)
    const [field = ""] = place
    if (!(field in fields) || essential.some((name) => name === field)) return place.join(".")
    delete fields[field]
  }
}

/** What {@link repairLists} has to say about the lists so far. */
export interface ListFaults {
  /** Returns the faults since the last time, each a sentence without the server. */
  readonly take: () => ReadonlyArray<string>
}

/**
 * Repairs the lists of a server before the SDK checks them, which would give up a whole list for one fault: an entry that is
 * not valid is left out, null stands for a field that is left out, and a cursor that was there before ends the list.
 */
export const repairLists = (sdk: Sdk, transport: Transport): ListFaults => {
  const faults: Array<string> = []
  const walks = new Map<unknown, Walk>()
  const waiting = new Set<Walk>()

  const repair = (result: Fields, walk: Walk): void => {
    const { key, noun } = walk.kind
    // Revision 2026-07-28 requires these.
    if (result["resultType"] === undefined) result["resultType"] = "complete"
    if (!Number.isSafeInteger(result["ttlMs"]) || Number(result["ttlMs"]) < 0) result["ttlMs"] = 0
    if (result["cacheScope"] !== "public") result["cacheScope"] = "private"

    const cursor = result["nextCursor"]
    const next = typeof cursor === "number" ? String(cursor) : cursor
    const isRepeated = typeof next === "string" && walk.cursors.has(next)
    if (typeof next === "string" && !isRepeated) {
      walk.cursors.add(next)
      walk.next = next
      waiting.add(walk)
      result["nextCursor"] = next
    } else {
      delete result["nextCursor"]
    }
    if (isRepeated) faults.push(`its list of ${key} names a page twice, and may not be complete`)

    const entries = result[key] ?? (key in result ? [] : undefined)
    if (!Array.isArray(entries)) return
    result[key] = entries.flatMap((entry: unknown) => {
      const name = nameOf(entry)
      if (isRepeated && walk.seen.has(name)) return []
      const valid = validEntry(sdk, walk.kind, entry)
      if (typeof valid !== "string") {
        walk.seen.add(name)
        return [valid]
      }
      const which = name === "" ? `a ${noun} without a name` : `the ${noun} "${printable(name)}"`
      const why = valid === "" ? "it" : `its "${valid}"`
      faults.push(`${which} is left out, because ${why} is not as MCP defines it`)
      return []
    })
  }

  const send = transport.send.bind(transport)
  transport.send = (message, options) => {
    if ("method" in message && "id" in message && message.method in kinds) {
      const kind = kinds[message.method as keyof typeof kinds]
      const cursor = message.params?.["cursor"]
      const walk = [...waiting].find((walk) => walk.kind === kind && walk.next === cursor) ?? {
        kind,
        cursors: new Set(),
        seen: new Set()
      }
      waiting.delete(walk)
      walks.set(message.id, walk)
    }
    return send(message, options)
  }
  // The SDK calls this before it reads the message itself.
  // oxlint-disable-next-line unicorn/prefer-add-event-listener -- the SDK has this property and no events
  transport.onmessage = (message: JSONRPCMessage) => {
    if (!("id" in message) || "method" in message) return
    const walk = walks.get(message.id)
    walks.delete(message.id)
    if (walk !== undefined && "result" in message) repair(message.result, walk)
  }
  return { take: () => faults.splice(0) }
}
