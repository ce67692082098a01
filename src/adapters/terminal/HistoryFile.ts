import { chmodSync, readFileSync, statSync, writeFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { hasSecretShape } from "../../domain/SecretShape.ts"
import { dataFolder, homeFolder } from "../platform/HomeFolder.ts"
import { makeFolder } from "../platform/MakeFolder.ts"

/** Lines of the history that are kept, for all servers. */
const maxLines = 2000

/** A longer line is a text that was pasted, and not typed again. */
const maxLength = 4000

/** Words that name secrets, and a password in a URL. A line with one of them is not written, as in MySQL's shell. */
const secret =
  /passw|\bpwd\b|secret|token|api[-_]?key|credential|authorization|bearer|private[-_]?key|:\/\/[^\s/@]*:[^\s/@]+@/i

/** True if a line may be written to a file: it has no secret, and no space before it (as in bash). */
export const isKept = (line: string): boolean =>
  line.trim() !== "" &&
  !/^\s/.test(line) &&
  line.length <= maxLength &&
  !secret.test(line) &&
  !hasSecretShape(line)

/** The file, or none: `MCP_CLI_HISTORY` names another one, or is empty for none. */
const pathOf = (environment: NodeJS.ProcessEnv): string | undefined => {
  const named = environment["MCP_CLI_HISTORY"]
  if (named !== undefined) return named === "" ? undefined : named
  return join(dataFolder(homeFolder((name) => environment[name])), "history")
}

/** A history across sessions. A line is written with the name of its server, and comes back at that server only. */
export interface HistoryFile {
  /** The newest line first. */
  readonly read: (server: string) => ReadonlyArray<string>
  readonly add: (server: string, line: string) => void
}

/** The history of this user. A file that cannot be read or written costs no session. */
export const historyFile = (environment: NodeJS.ProcessEnv): HistoryFile => {
  const path = pathOf(environment)
  const all = (file: string): ReadonlyArray<string> => {
    try {
      if (!statSync(file).isFile()) return []
      return readFileSync(file, "utf8")
        .split("\n")
        .filter((line) => line !== "")
    } catch {
      return []
    }
  }
  return {
    read: (server) =>
      path === undefined
        ? []
        : all(path)
            .flatMap((line) => (line.startsWith(`${server}\t`) ? [line.slice(server.length + 1)] : []))
            .toReversed(),
    add: (server, line) => {
      if (path === undefined || !isKept(line)) return
      try {
        makeFolder(dirname(path), 0o700)
        // Root must not change the mode of /dev/null, and a pipe would be waited for.
        if (statSync(path, { throwIfNoEntry: false })?.isFile() === false) return
        const kept = all(path)
        const entry = `${server}\t${line}`
        if (kept.at(-1) === entry) return
        if (kept.length >= maxLines + 500) {
          writeFileSync(path, `${[...kept.slice(-maxLines), entry].join("\n")}\n`, { mode: 0o600 })
        } else writeFileSync(path, `${entry}\n`, { flag: "a", mode: 0o600 })
        chmodSync(path, 0o600)
      } catch {
        // A home folder that is read-only has no history.
      }
    }
  }
}
