import { execFileSync } from "node:child_process"
import { randomUUID } from "node:crypto"
import { setTimeout as pause } from "node:timers/promises"
import type { Frame } from "./TerminalPicture.ts"

/** A terminal of tmux with a shell, which a script types into and reads. */
export interface Terminal {
  /** Types a line as a user does. */
  readonly type: (text: string) => Promise<void>
  /** Presses one key, without Enter. */
  readonly press: (key: string) => Promise<void>
  /** Waits until the screen shows this, and remembers what it shows on the way. */
  readonly until: (pattern: RegExp) => Promise<RegExpExecArray>
  /** Lets a reader look at the screen for some seconds of the recording. */
  readonly rest: (seconds: number) => void
  readonly frames: () => ReadonlyArray<Frame>
  readonly close: () => void
}

/** The longest wait between two frames of a recording: a user has no need to see a computer wait. */
const longestWait = 1.2
const patience = 60_000

/** Rows that can each be read alone: tmux writes a look once, for all rows that have it. */
const rowsOf = (screen: string): ReadonlyArray<string> => {
  let carried = ""
  return screen.split("\n").map((text) => {
    const row = carried + text
    // oxlint-disable-next-line no-control-regex
    carried = (/(?:.*\x1b\[0m)?(.*)/.exec(row)?.[1] ?? "").match(/\x1b\[[\d;]*m/g)?.join("") ?? ""
    return row
  })
}

/** Starts a shell in a terminal of its own. `env` replaces the environment, as far as it names variables. */
export const startTerminal = (
  columns: number,
  rows: number,
  env: Readonly<Record<string, string>>
): Terminal => {
  const socket = `mcp-cli-docs-${randomUUID()}`
  const tmux = (...args: ReadonlyArray<string>) =>
    execFileSync("tmux", ["-L", socket, "-f", "/dev/null", ...args], { encoding: "utf8" })
  const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`)
  const shell = [
    "env",
    "-u",
    "CI",
    "-u",
    "NODE_OPTIONS",
    ...variables,
    "PS1=$ ",
    "bash",
    "--norc",
    "--noprofile"
  ]
  tmux("new-session", "-d", "-x", String(columns), "-y", String(rows), "-c", env["HOME"] ?? "/", ...shell)
  const frames: Array<Frame> = []
  let time = 0
  let looked = performance.now()

  const look = (): string => {
    // With colours and spaces, but without the empty rows at the end.
    const shown = rowsOf(tmux("capture-pane", "-p", "-e", "-N").replace(/\n+$/, ""))
    const waited = Math.min((performance.now() - looked) / 1000, longestWait)
    looked = performance.now()
    time += waited
    const before = frames.at(-1)
    if (before === undefined || before.rows.join("\n") !== shown.join("\n")) {
      frames.push({ at: before === undefined ? 0 : time, rows: shown })
    }
    return tmux("capture-pane", "-p", "-J").trimEnd()
  }

  const until = async (pattern: RegExp): Promise<RegExpExecArray> => {
    const end = performance.now() + patience
    for (;;) {
      const match = pattern.exec(look())
      if (match !== null) {
        // The screen may have changed between its two readings.
        look()
        return match
      }
      if (performance.now() > end)
        throw new Error(`the terminal never showed ${pattern}:\n${tmux("capture-pane", "-p")}`)
      await pause(60)
    }
  }

  return {
    until,
    type: async (text) => {
      for (const piece of text.match(/.{1,4}/g) ?? []) {
        // A semicolon at the end would end the command of tmux.
        tmux("send-keys", "-l", "--", piece.replace(/;$/, "\\;"))
        await pause(70)
        look()
      }
      tmux("send-keys", "Enter")
    },
    press: async (key) => {
      tmux("send-keys", "-l", "--", key)
      await pause(70)
      look()
    },
    rest: (seconds) => {
      look()
      time += seconds
    },
    frames: () => frames,
    close: () => tmux("kill-server")
  }
}
