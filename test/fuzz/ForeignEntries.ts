import { Effect, Result } from "effect"
import { readForeignEntry } from "../../src/domain/ForeignEntry.ts"
import { claudeCodeSignIns } from "../../src/domain/foreign-tokens/ClaudeCodeTokens.ts"
import { codexSignIns } from "../../src/domain/foreign-tokens/CodexTokens.ts"
import { mcporterSignIns } from "../../src/domain/foreign-tokens/McporterTokens.ts"
import { mcpRemoteSignIn } from "../../src/domain/foreign-tokens/McpRemoteTokens.ts"
import { filesOfRemoteLine, readRemoteLine } from "../../src/domain/RemoteCommandLine.ts"
import { remoteFlags } from "../../src/domain/RemoteFlags.ts"
import { remoteWordsOf } from "../../src/domain/RemoteLauncher.ts"
import { anyJson, anyText, type Json } from "./Mutation.ts"
import type { Random } from "./Random.ts"
import { BackendError, must, secretIn, seenOf, type Target } from "./Target.ts"

const secret = "ghp_0123456789abcdefghij"
const url = "https://mcp.example.com/mcp"
const flags = [...remoteFlags.withValue, ...remoteFlags.withoutValue].map((name) => `--${name}`)

const anyWord = (random: Random): string => {
  switch (random.below(8)) {
    case 0:
      return anyText(random)
    case 1:
      return url
    case 2:
      return `Authorization: Bearer ${secret}`
    case 3:
      return JSON.stringify(anyJson(random))
    case 4:
      return random.pick([
        "npx",
        "-y",
        "mcp-remote",
        "-c",
        "sh",
        "cmd",
        "/c",
        "exec",
        "node",
        "9000",
        "$A",
        "${A}",
        '"'
      ])
    default:
      return random.pick(["--x", ...flags])
  }
}

const names = [
  "url",
  "serverUrl",
  "command",
  "args",
  "env",
  "headers",
  "oauth",
  "auth",
  "type",
  "cmd",
  "transport",
  "x"
] as const

const anyEntry = (random: Random): Json => {
  if (random.oneIn(8)) return anyJson(random)
  const entries = random.list(6, () => {
    const name = random.pick(names)
    if (random.oneIn(4)) return [name, anyJson(random)] as const
    const words = random.list(8, () => anyWord(random))
    if (name === "headers" || name === "env") {
      return [
        name,
        Object.fromEntries([
          ["TOKEN", secret],
          ["X-Api-Key", `${secret}${words.join()}`]
        ])
      ] as const
    }
    return [name, name === "args" ? words : anyWord(random)] as const
  })
  return Object.fromEntries(entries)
}

/** An entry of another program, and the text of a file of tokens. */
interface Foreign {
  readonly entry: Json
  readonly line: ReadonlyArray<string>
}

/** Entries and files of other programs. Reading never throws, and what becomes of a secret in a header is never to copy it. */
export const foreignEntries: Target<Foreign> = {
  name: "foreign entries",
  generate: (random) => ({ entry: anyEntry(random), line: random.list(12, () => anyWord(random)) }),
  check: Effect.fnUntraced(function* ({ entry, line }) {
    const read = yield* Effect.try({
      try: () => {
        filesOfRemoteLine(line)
        const [command = "", ...args] = line
        remoteWordsOf(command, args)
        for (const text of [JSON.stringify(entry), line.join(" ")]) {
          mcpRemoteSignIn(url, { text, modifiedAt: 0 }, text)
          for (const decode of [claudeCodeSignIns, codexSignIns, mcporterSignIns]) decode(text)
        }
        return { line: readRemoteLine(line), entry: readForeignEntry("server", entry) }
      },
      catch: (cause) => new BackendError({ what: `reading throws: ${String(cause)}` })
    })
    const said = Result.isFailure(read.line) ? read.line.failure : read.line.success.notices
    // A word after an unknown place is the user's own text, and no secret of a flag.
    yield* must(secretIn(seenOf(said), [secret]) === undefined, `a secret is repeated: ${seenOf(said)}`)
    if (read.entry._tag === "Skipped") return "skipped"
    const { headers } = read.entry.entry as { readonly headers?: unknown }
    yield* must(secretIn(seenOf(headers), [secret]) === undefined, `a secret is copied: ${seenOf(headers)}`)
    yield* must(secretIn(seenOf(read.entry.notes), [secret]) === undefined, "a secret is in a note")
    return "accepted"
  })
}
