import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import headless, { type IBufferCell, type IBufferLine } from "@xterm/headless"
import type { Ended, Home, RunOptions } from "./World.ts"

/** What runs a program in a terminal: `script` of util-linux. */
export const hasTerminal =
  spawnSync("script", ["--version"], { encoding: "utf8" }).stdout?.includes("util-linux") === true

/** A run of the program at a terminal, whose screen can be read. */
export interface VirtualTerminal {
  readonly ended: Promise<Ended>
  /** Types, and returns the screen from the row of the cursor on, once it matches. */
  readonly type: (keys: string, until: RegExp) => Promise<string>
  /** Types what nothing is shown for. */
  readonly press: (keys: string) => void
  /** Gives the terminal another width, as a user does who pulls at its window. Done when the program has drawn something. */
  readonly resize: (columns: number) => Promise<void>
  /** Returns the screen from the start on, once it matches. */
  readonly shows: (until: RegExp) => Promise<string>
  /** Returns the addresses on the screen, whole. */
  readonly addresses: () => ReadonlyArray<string>
}

const colours = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"]

const styleOf = (cell: IBufferCell): string =>
  [
    ...(cell.isFgPalette() ? [colours[cell.getFgColor()] ?? String(cell.getFgColor())] : []),
    ...(cell.isBgPalette() ? [`on ${colours[cell.getBgColor()] ?? cell.getBgColor()}`] : []),
    ...(cell.isBold() === 0 ? [] : ["bold"]),
    ...(cell.isDim() === 0 ? [] : ["dim"])
  ].join(" ")

/** A row as text, with its styles in brackets of their own: `‹red:WRONG›`. */
const rowOf = (line: IBufferLine): string => {
  let row = ""
  let style = ""
  const end = line.translateToString(true).length
  for (let column = 0, length = 0; column < line.length && length < end; column++) {
    const cell = line.getCell(column)
    if (cell === undefined || cell.getWidth() === 0) continue
    const text = cell.getChars() || " "
    length += text.length
    const next = styleOf(cell)
    if (next !== style) row += (style === "" ? "" : "›") + (next === "" ? "" : `‹${next}:`)
    style = next
    row += text
  }
  return row + (style === "" ? "" : "›")
}

/** What differs from run to run, without a change of its width. */
const steady = (text: string): string =>
  text
    .replaceAll(/(127\.0\.0\.1|localhost):\d{5}/g, "$1:PPPPP")
    .replaceAll(/\b\d:\d\d\b/g, "M:SS")
    .replaceAll(/[\u2801-\u28ff]/g, "\u280b")
    .replaceAll(/… \d\.\d s/g, "… T.T s")
    .replaceAll(/mcp-cli-e2e-\w{6}/g, "mcp-cli-e2e-XXXXXX")

/** Starts the program at a terminal of so many columns. */
export const startVirtualTerminal = (
  home: Pick<Home, "start">,
  args: ReadonlyArray<string>,
  columns: number,
  { env, ...options }: RunOptions = {}
): VirtualTerminal => {
  const screen = new headless.Terminal({
    cols: columns,
    rows: 50,
    scrollback: 1000,
    allowProposedApi: true,
    // As most terminals do.
    reflowCursorLine: true
  })
  const folder = mkdtempSync(join(tmpdir(), "mcp-cli-terminal-"))
  const device = join(folder, "device")
  const { child, ended } = home.start(args, {
    runtime: [
      "sh",
      "-c",
      `exec script --quiet --flush --return --command "tty >${device}; stty cols ${columns} rows 50; exec $0 $*" /dev/null`,
      process.execPath
    ],
    openInput: true,
    env: { TERM: "xterm-256color", CI: "", NO_COLOR: "", FORCE_COLOR: "", ...env },
    ...options
  })
  const waiting = new Set<() => void>()
  let hasEnded = false
  child.stdout?.on("data", (chunk: Buffer) => {
    screen.write(chunk, () => {
      for (const look of waiting) look()
    })
  })
  const buffer = screen.buffer.active
  const cursor = () => buffer.baseY + buffer.cursorY

  /** The lines of the screen from a row on: an address that fills several rows is one line. */
  const linesFrom = (from: number): ReadonlyArray<string> => {
    const lines: Array<string> = []
    for (let at = from; at <= cursor(); at++) {
      const line = buffer.getLine(at)
      if (line === undefined) continue
      const isAddress = /^http\S*$/.test(lines.at(-1) ?? "")
      if (line.isWrapped && isAddress) lines.push(`${lines.pop()}${line.translateToString(true)}`)
      else lines.push(rowOf(line))
    }
    return lines
  }
  const textFrom = (from: number) =>
    steady(
      linesFrom(from)
        .map((line) => line.replace(/^(http\S+?)\?\S{40,}$/, "$1?(the rest of the address)"))
        .join("\n")
    )
  const shownFrom = (from: number, until: RegExp) =>
    new Promise<string>((done, reject) => {
      const look = () => {
        const text = textFrom(from)
        if (until.test(text)) {
          waiting.delete(look)
          done(text)
        } else if (hasEnded) reject(new Error(`it ended before it showed ${until}:\n${text}`))
      }
      waiting.add(look)
      look()
    })
  void ended.then(() => rmSync(folder, { recursive: true, force: true }))
  /** The end of the program, and of what it wrote on the screen. */
  const draw = async (): Promise<Ended> => {
    const end = await ended
    const written = Promise.withResolvers<void>()
    screen.write("", written.resolve)
    await written.promise
    hasEnded = true
    for (const look of waiting) look()
    return end
  }
  const drawn = draw()
  return {
    ended: drawn,
    resize: (columns) =>
      new Promise((done) => {
        const look = () => {
          waiting.delete(look)
          done()
        }
        waiting.add(look)
        screen.resize(columns, 50)
        spawnSync("stty", ["-F", readFileSync(device, "utf8").trim(), "cols", String(columns)])
      }),
    press: (keys) => void child.stdin?.write(keys),
    type: (keys, until) => {
      const from = cursor()
      child.stdin?.write(keys)
      return shownFrom(from, until)
    },
    shows: (until) => shownFrom(0, until),
    addresses: () => linesFrom(0).filter((line) => /^http\S+$/.test(line))
  }
}
