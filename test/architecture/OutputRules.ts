/** A file of `src` that writes to the terminal itself. */
export interface Bypass {
  readonly file: string
  readonly what: string
}

/** The only files that may write, and what to. */
const allowed: ReadonlyArray<readonly [file: RegExp, what: RegExp]> = [
  [/^src\/app\/cli\/Output\.ts$/, /^Console\.(log|error)\($/],
  [/^src\/adapters\/terminal\/Screen\.ts$/, /./],
  // Parts of lines of Output.ts, where no terminal is.
  [/^src\/ports\/TextOutput\.ts$/, /^Console\.log\($/],
  // Messages of MCP for the client that reads stdout.
  [/^src\/adapters\/stdio\/StdioClient\.ts$/, /^process\.(stdout|stderr)$/],
  // The line editor, and moves of the cursor.
  [/^src\/adapters\/terminal\/(Terminal|TerminalUserInteraction|DevicePrompt)\.ts$/, /^process\.stderr$/],
  // Fixed texts, where nothing else can be loaded or works.
  [/^src\/(bin|main|live\/Telemetry)\.ts$/, /^(process\.(stdout|stderr)|Console\.error\()$/]
]

const writes =
  /(?<![.\w])Console\.\w+\(|(?:globalThis\.)?(?<![.\w])console\.\w+\(|(?<![.\w])process\.(?:stdout|stderr)(?!\?)\b(?!\.on\(|\.isTTY)|\bprocess\._rawDebug\b|Terminal\.\w*[dD]isplay|"\/dev\/(?:tty|stdout|stderr)"/g

const withoutComments = (source: string): string => source.replace(/\/\*[^]*?\*\/|^\s*\/\/.*$/gm, "")

/** Every write of a file that does not go through the screen. */
export const bypassesOf = (file: string, source: string): ReadonlyArray<Bypass> =>
  Array.from(withoutComments(source).matchAll(writes), ([what]) => ({ file, what })).filter(
    ({ what }) => !allowed.some(([of, how]) => of.test(file) && how.test(what))
  )
