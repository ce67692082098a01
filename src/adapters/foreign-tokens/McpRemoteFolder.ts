import { createHash } from "node:crypto"
import { join } from "node:path"
import { Effect, Option } from "effect"
import { mcpRemoteSignIn } from "../../domain/foreign-tokens/McpRemoteTokens.ts"
import type { SearchedServers } from "../../ports/ForeignTokens.ts"
import type { Collected } from "./Collected.ts"
import { namesIn } from "./ForeignFile.ts"

/** Folders of mcp-remote, the newest first: one for all versions since 0.14, and one for each version before. */
const byVersion = (one: string, other: string): number => {
  const isCurrent = (name: string) => name === "mcp-remote-v1"
  if (isCurrent(one) !== isCurrent(other)) return isCurrent(one) ? -1 : 1
  return other.localeCompare(one, "en", { numeric: true })
}

const suffix = "_tokens.json"

/** Reads the sign-ins in the folder of mcp-remote. A file names its server by a hash only, so that it has to be guessed. */
export const readMcpRemote = Effect.fnUntraced(function* (
  collected: Collected,
  folder: string,
  lines: SearchedServers["remoteLines"]
) {
  collected.place(folder)
  const names = yield* Effect.promise(() => namesIn(folder))
  const wanted = new Map(
    lines.map(({ storeKey, url }) => [createHash("md5").update(storeKey).digest("hex"), url])
  )
  const seen = new Set<string>()
  const strangers = new Set<string>()
  for (const version of names.filter((name) => name.startsWith("mcp-remote-")).toSorted(byVersion)) {
    const inside = join(folder, version)
    for (const file of yield* Effect.promise(() => namesIn(inside))) {
      if (!file.endsWith(suffix)) continue
      const hash = file.slice(0, -suffix.length)
      const url = wanted.get(hash)
      if (url === undefined) {
        strangers.add(hash)
        continue
      }
      // A folder of an older version has older tokens.
      if (seen.has(url)) continue
      const tokens = yield* collected.textFile(join(inside, file))
      if (tokens === undefined) continue
      const client = yield* collected.text(join(inside, `${hash}_client_info.json`))
      const signIn = mcpRemoteSignIn(url, tokens, client)
      if (Option.isNone(signIn)) {
        collected.note(`${join(inside, file)} is written in a way that this version does not know.`)
        continue
      }
      seen.add(url)
      collected.add(signIn.value)
    }
  }
  if (strangers.size === 0) return
  const count = strangers.size === 1 ? "A sign-in" : `${strangers.size} sign-ins`
  collected.note(
    `${count} in ${folder} ${strangers.size === 1 ? "is" : "are"} for servers that neither your configuration nor a client's file names.`
  )
})
