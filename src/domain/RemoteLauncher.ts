/** The name of a program without its folder and the extensions of Windows. */
const programOf = (command: string): string =>
  (command.split(/[\\/]/).at(-1) ?? "").replace(/\.(exe|cmd|bat|ps1)$/i, "").toLowerCase()

/** True for the package of mcp-remote at any version, or of a fork of it with the same command line, such as `@wix/mcp-remote`. */
const isPackage = (word: string): boolean => /^(npm:)?(@[\w.-]+\/)?mcp-remote(@[\w.^~*-]+)?$/.test(word)

/** True for the program of an installed mcp-remote. */
const isProgram = (path: string): boolean =>
  /(^|[\\/])mcp-remote[\\/]dist[\\/]proxy\.m?js$/.test(path) || programOf(path) === "mcp-remote"

/** Flags of package runners that take the next word. */
const takesWord = /^(-p|--package|--registry|--cache|--node-options|-w|--workspace|--filter|-C|--dir|--cwd)$/

/** The words after the package, if a package runner is asked to run mcp-remote. */
const ofRunner = (words: ReadonlyArray<string>): ReadonlyArray<string> | undefined => {
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? ""
    if (isPackage(word)) return words.slice(at + 1)
    if (takesWord.test(word)) at++
    else if (word !== "--" && !word.startsWith("-")) return undefined
  }
  return undefined
}

/** The subcommands of package managers that run a package. */
const runs: Readonly<Record<string, ReadonlyArray<string>>> = {
  npm: ["exec", "x"],
  pnpm: ["dlx", "exec", "x"],
  yarn: ["dlx", "exec", "run"],
  bun: ["x", "run"],
  deno: ["run"]
}

const variable = /\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))/g

/** A text with `$NAME` as `${NAME}`. Undefined: it has more than variables for a shell to fill in. */
const withVariables = (text: string, other: RegExp): string | undefined =>
  other.test(text.replace(variable, ""))
    ? undefined
    : text.replace(variable, (_, braced: string | undefined, bare: string) => `\${${braced ?? bare}}`)

/**
 * The words of a line for a shell. Undefined: it has something that only a shell can read. `$NAME` becomes `${NAME}`, and
 * nothing else is filled in.
 */
const simpleWords = (line: string): ReadonlyArray<string> | undefined => {
  const words: Array<string> = []
  let word: string | undefined
  let rest = line.trim()
  while (rest !== "") {
    const [whole, space, plain, double, single] =
      /^(?:(\s+)|([\w@%+=:,./?${}-]+)|"([^"\\`]*)"|'([^'$]*)')/.exec(rest) ?? []
    if (whole === undefined) return undefined
    rest = rest.slice(whole.length)
    if (space !== undefined) {
      words.push(word ?? "")
      word = undefined
      continue
    }
    const text =
      single ?? (double === undefined ? withVariables(plain ?? "", /[${}]/) : withVariables(double, /\$/))
    if (text === undefined) return undefined
    word = (word ?? "") + text
  }
  return word === undefined ? words : [...words, word]
}

const shells = /^(sh|bash|zsh|dash)$/

/** A shell may start a runner, and a runner a shell; no real line is deeper. */
const maxDepth = 3

/**
 * The words after `mcp-remote`, if a command line starts it: directly, by `node`, by a package runner, or by one of these in
 * `cmd /c`, `wsl`, `env` or a simple `sh -c`. Undefined: it starts something else, or something that only a shell can read.
 */
export const remoteWordsOf = (
  command: string,
  args: ReadonlyArray<string>,
  depth = 0
): ReadonlyArray<string> | undefined => {
  if (depth > maxDepth) return undefined
  const program = programOf(command)
  const inner = ([first, ...others]: ReadonlyArray<string>) =>
    first === undefined ? undefined : remoteWordsOf(first, others, depth + 1)
  if (isProgram(command)) return args
  if (["npx", "bunx", "pnpx"].includes(program)) return ofRunner(args)
  if (Object.hasOwn(runs, program)) {
    const at = args.findIndex((word) => !word.startsWith("-"))
    return runs[program]?.includes(args[at] ?? "") === true ? ofRunner(args.slice(at + 1)) : undefined
  }
  if (program === "node" || program === "nodejs") {
    const at = args.findIndex((word) => !word.startsWith("-"))
    return at >= 0 && isProgram(args[at] ?? "") ? args.slice(at + 1) : undefined
  }
  if (program === "cmd") {
    const at = args.findIndex((word) => /^\/c$/i.test(word))
    const rest = at < 0 ? [] : args.slice(at + 1)
    return inner(rest.length === 1 ? (simpleWords(rest[0] ?? "") ?? []) : rest)
  }
  if (program === "wsl") return inner(args.filter((word, at) => at > 0 || word !== "--"))
  if (program === "env") return inner(args.slice(args.findIndex((word) => !word.includes("="))))
  if (shells.test(program)) {
    const at = args.findIndex((word) => /^-[a-z]*c$/.test(word))
    const words = at < 0 || args.length > at + 2 ? undefined : simpleWords(args[at + 1] ?? "")
    return inner(words?.[0] === "exec" ? words.slice(1) : (words ?? []))
  }
  return undefined
}
