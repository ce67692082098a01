import { Effect, Random } from "effect"
import { ByteParts } from "../../domain/ByteParts.ts"
import { jsonOf, membersOf, objectOf } from "../../domain/JsonMembers.ts"
import { type JsonRpcMessage, messageOf } from "../../domain/JsonRpcMessage.ts"

/** The first revision without `initialize` (MCP "Versioning"). The specification calls it and later ones modern. */
export const modernRevision = "2026-07-28"
/** The revisions with `initialize`, newest first. The specification calls them legacy. */
export const olderRevisions = ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"] as const

const prefix = "io.modelcontextprotocol/"
/** The names in `_meta` that describe a request (MCP 2026-07-28 "`_meta`"). */
export const metaKeys = {
  version: `${prefix}protocolVersion`,
  clientInfo: `${prefix}clientInfo`,
  capabilities: `${prefix}clientCapabilities`,
  logLevel: `${prefix}logLevel`,
  serverInfo: `${prefix}serverInfo`
} as const

/** Makes ids for the requests of this program, each as JSON. Another program does not use the same ones. */
export type NextId = () => string

/** @see NextId */
export const ownIds: Effect.Effect<NextId> = Effect.map(
  Random.nextIntBetween(0, Number.MAX_SAFE_INTEGER),
  (random) => {
    let last = 0
    return () => `"mcp-cli-${random.toString(36)}-${++last}"`
  }
)

/** The revision that a request names in its `_meta`; `undefined` for a request of the older revisions. */
export const revisionOf = (meta: ByteParts | undefined): string | undefined => {
  const member =
    meta === undefined ? undefined : membersOf(meta)?.findLast(({ name }) => name === metaKeys.version)
  const version: unknown = member === undefined ? undefined : JSON.parse(member.value.text())
  return typeof version === "string" ? version : undefined
}

/** Makes a message of its members. */
const messageWith = (members: Readonly<Record<string, ByteParts>>): JsonRpcMessage =>
  messageOf(
    objectOf(Object.entries({ jsonrpc: jsonOf("2.0"), ...members }).map(([name, value]) => ({ name, value })))
  )

/** Makes a request. The id is JSON. */
export const requestOf = (id: string, method: string, params: ByteParts): JsonRpcMessage =>
  messageWith({ id: ByteParts.ofText(id), method: jsonOf(method), params })

/** Makes the response to a request. The id is JSON, as it was written. */
export const responseOf = (id: string, result: ByteParts): JsonRpcMessage =>
  messageWith({ id: ByteParts.ofText(id), result })

/** Makes the response to a request with an error that is given as JSON. */
export const errorOf = (id: string, error: ByteParts): JsonRpcMessage =>
  messageWith({ id: ByteParts.ofText(id), error })
