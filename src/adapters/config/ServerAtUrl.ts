import { Effect } from "effect"
import { canonicalResource } from "../../domain/SecureUrl.ts"
import { ConfigurationError, ConfigurationIssue } from "../../ports/Configuration.ts"
import type { Block } from "./Cursor.ts"

/** The address of a server in the place of its name. Undefined: the text is a name. */
export const addressOf = (name: string): URL | undefined =>
  /^https?:\/\//i.test(name) ? (URL.parse(name) ?? undefined) : undefined

/** True if two texts are the address of one server. */
export const isSameUrl = (one: string, other: string): boolean => {
  const [first, second] = [URL.parse(one), URL.parse(other)]
  return (
    one === other ||
    (first !== null && second !== null && canonicalResource(first) === canonicalResource(second))
  )
}

/** The name of the server with this URL. Undefined: no server has it. Fails if several servers have the URL. */
export const nameAt = Effect.fnUntraced(function* (servers: Block, url: string) {
  if (addressOf(url) === undefined) return undefined
  const [name, ...others] = servers.blocks.flatMap(([candidate, entry]) => {
    const written = entry.field("url").value
    return typeof written === "string" && isSameUrl(written, url) ? [candidate] : []
  })
  if (others.length === 0) return name
  const problem = `is the URL of several servers: name one of ${[name, ...others].join(", ")}`
  return yield* new ConfigurationError({
    issues: [new ConfigurationIssue({ path: ["mcpServers", url], problem })]
  })
})
