import { existsSync, readdirSync, readFileSync } from "node:fs"
import { chmod, rm, writeFile } from "node:fs/promises"
import { join, relative, resolve } from "node:path"
import {
  build,
  type CodeSplittingNameFunction,
  type OutputOptions,
  type Plugin,
  type PluginContext
} from "rolldown"
import { functionsOf } from "./Functions.ts"

/**
 * Creates the `Intl.Segmenter` of Effect's help when help is shown. Effect creates it on load, which takes a tenth of every
 * start (bench, `servers`). The build fails if Effect's text has changed.
 */
const lazySegmenter: Plugin = {
  name: "lazy-segmenter",
  transform: {
    filter: { id: /effect\/dist\/cli\/CliOutput\.js$/ },
    handler(code) {
      const made = /const graphemeSegmenter = \/\*#__PURE__\*\/(new Intl\.Segmenter\([^;]*\));/
      const used = "graphemeSegmenter.segment("
      if (!made.test(code) || !code.includes(used))
        throw new Error("effect/cli/CliOutput has changed: see scripts/build.ts")
      return code
        .replace(made, "let segmenter; const graphemeSegmenter = () => segmenter ??= $1;")
        .replace(used, "graphemeSegmenter().segment(")
    }
  }
}

/**
 * Gives the requests of the AI SDK a list of headers that does not load undici, the HTTP client of Node: 40 of 280 ms up to the first
 * token of `ask` (decision 64). The build fails if the text of the AI SDK has changed.
 */
const lightHeaders: Plugin = {
  name: "light-headers",
  transform: {
    filter: { id: /@ai-sdk\/provider-utils\/dist\/index\.js$/ },
    handler(code) {
      const made = "new Headers(normalizeHeaders(headers))"
      const tested = "if (headers instanceof Headers)"
      if (!code.includes(made) || !code.includes(tested))
        throw new Error("@ai-sdk/provider-utils has changed: see scripts/build.ts")
      const list = JSON.stringify(resolve("src/domain/HeaderList.ts"))
      return `import { HeaderList } from ${list};\n${code
        .replace(made, "new HeaderList(Object.entries(normalizeHeaders(headers)))")
        .replace(tested, "if (headers instanceof HeaderList)")}`
    }
  }
}

/** Modules of Node that take 2 to 10 ms each to load, of about 80 ms per run, and that most runs never call. */
const rarelyCalled = /^node:(child_process|crypto|dns\/promises|readline|v8)$/
const marked = "\0first-use:"

/**
 * Loads such a module on the first call of one of its functions. Only functions can be loaded late: an import of a class
 * or a constant fails the build.
 */
const firstUse: Plugin = {
  name: "first-use",
  resolveId: (source, importer = "") =>
    rarelyCalled.test(source) &&
    !/[\\/](vault[\\/]\w+|bin)\.ts$/.test(importer) &&
    /[\\/]src[\\/]|effect/.test(importer)
      ? `${marked}${source}`
      : undefined,
  load: (id) => {
    if (!id.startsWith(marked)) return undefined
    const name = id.slice(marked.length)
    const functions = Object.entries(process.getBuiltinModule(name) ?? {}).flatMap(([key, value]) =>
      typeof value === "function" && /^[a-z]/.test(key) ? key : []
    )
    const load = `process.getBuiltinModule(${JSON.stringify(name)})`
    return functions.map((key) => `export const ${key} = (...args) => ${load}.${key}(...args)`).join("\n")
  }
}

/**
 * Escapes characters that are not ASCII, all of which are in strings and regular expressions. One of them is enough for V8
 * to store the whole file with two bytes per character, which costs 5 % of the instructions of `--version` and `servers`
 * (callgrind). A raw template would show the escapes, so the build fails if one has such a character.
 */
const asciiOnly: Plugin = {
  name: "ascii-only",
  generateBundle: (_, files) => {
    for (const file of Object.values(files)) {
      if (file.type !== "chunk") continue
      if (/String\.raw`[^`]*[^\0-\x7f]/.test(file.code))
        throw new Error(`${file.fileName} has a raw template`)
      file.code = file.code.replace(
        /[^\0-\x7f]/g,
        (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`
      )
    }
  }
}

/** Which runs need a module, and which of its functions they call: `scripts/profile.ts` measures it. */
const profile = JSON.parse(readFileSync("scripts/profile.json", "utf8")) as Readonly<
  Record<string, Readonly<Record<string, string>>>
>
const measured = new Map(
  Object.entries(profile).flatMap(([file, modules]) =>
    Object.entries(modules).map(([id, called]) => [resolve(id), { file, called: called.split(" ") }] as const)
  )
)

/**
 * Puts the functions that a run calls into parentheses. V8 compiles such a function with its file, and not when it is first
 * called. Node's compile cache stores what is compiled with the file: without this, each run compiles a tenth of its time.
 */
const compiledWithFile: Plugin = {
  name: "compiled-with-file",
  transform: {
    filter: { id: /\.[jt]s$/ },
    handler(code, id) {
      const called = measured.get(id)?.called ?? []
      const marks = functionsOf(code)
        .filter(({ hash }) => called.includes(hash))
        .flatMap(({ end, start }) => [
          { at: start, mark: "(" },
          { at: end, mark: ")" }
        ])
      if (marks.length === 0) return undefined
      const parts: Array<string> = []
      let last = 0
      for (const { at, mark } of marks.toSorted((a, b) => a.at - b.at)) {
        parts.push(code.slice(last, at), mark)
        last = at
      }
      return [...parts, code.slice(last)].join("")
    }
  }
}

/** Loads a file of the program at the first use of one of its exports, but for what every run needs. */
const fileOfFirstUse: Plugin = {
  name: "file-of-first-use",
  renderChunk: (code, { name }) => {
    if (name === "mcp-cli") return undefined
    const late = new Set<string>()
    const declared = code.replace(
      /^(?:const (require_(?!early|everyRun|rolldown)\w+) = )(require\(".*"\));$/gm,
      (_, file: string, load: string) => {
        late.add(file)
        // A getter, because `new file().Class()` would call the class as a method.
        return `let loaded_${file};\nconst late_${file} = { get file() { return loaded_${file} ??= ${load} } };`
      }
    )
    return declared.replace(/\brequire_\w+(?=\.)/g, (file) => (late.has(file) ? `late_${file}.file` : file))
  }
}

/**
 * Exports constants as values, and not as functions that read them: the 650 functions of the file that every run loads take 4
 * of 70 ms of CPU. Variables, which may be set later, keep theirs. Both are the last lines of a file, so that a file that is
 * required again while it is loaded has no exports yet either way.
 */
const exportedValues: Plugin = {
  name: "exported-values",
  renderChunk: (code) => {
    const readers =
      /^Object\.defineProperty\(exports, ("[\w$]+"), \{\s+enumerable: true,\s+get: function ?\(\) \{\s+return ([\w$]+);\s+\}\s+\}\);\n?/gm
    const declared = /^(?:(?:async )?function\*? |class |const |var (?=[\w$]+ = class\b))([\w$]+)/gm
    const constants = new Set([...code.matchAll(declared)].map(([, name]) => name))
    const values: Array<string> = []
    const rest = code.replace(readers, (reader, exported: string, name: string) => {
      if (!constants.has(name)) return reader
      values.push(`${exported}: ${name}`)
      return ""
    })
    if (values.length === 0) return undefined
    return `${rest}\nObject.assign(exports, { ${values.join(", ")} });\n`
  }
}

const bundle = (input: Readonly<Record<string, string>>, output: OutputOptions) =>
  build({
    input,
    // Required to leave dependencies out of a group.
    preserveEntrySignatures: "allow-extension",
    external: ["@napi-rs/keyring"],
    // Which file a module is in follows from `scripts/profile.json`.
    checks: { ineffectiveDynamicImport: false },
    platform: "node",
    // The other build of jsonc-parser requires its files by names that no bundler follows.
    resolve: { mainFields: ["module", "main"] },
    plugins: [
      compiledWithFile,
      lazySegmenter,
      lightHeaders,
      firstUse,
      fileOfFirstUse,
      exportedValues,
      asciiOnly
    ],
    transform: {
      define: {
        "import.meta": "{}",
        "import.meta.dirname": "__dirname",
        "import.meta.filename": "__filename"
      }
    },
    output: {
      ...output,
      dir: "dist/bin",
      // Node loads CommonJS faster than modules, above all its own.
      format: "cjs",
      minify: true,
      comments: false,
      banner: (chunk) => (chunk.name === "mcp-cli" && chunk.isEntry ? "#!/usr/bin/env node" : ""),
      entryFileNames: "[name].cjs",
      // No hash: the next version of a file replaces this one in Node's compile cache.
      chunkFileNames: "chunks/[name].cjs"
    }
  })

/** What the program imports, other than when it runs. */
const imported = new Set<string>()

const visitImports = (id: string, context: Pick<PluginContext, "getModuleInfo">): void => {
  if (imported.has(id)) return
  imported.add(id)
  for (const next of context.getModuleInfo(id)?.importedIds ?? []) visitImports(next, context)
}

/** The file for a module; `null` for the entries, and for what has a file of its own because it is imported when it is needed. */
const fileOf: CodeSplittingNameFunction = (id, context) => {
  if (/src.(main|bin)\.ts$/.test(id)) return null
  visitImports(resolve("src/main.ts"), context)
  const isOther = imported.has(id) && !/effect.dist.(http|observability)./.test(id)
  return measured.get(id)?.file ?? (isOther ? "other" : null)
}

await rm("dist", { recursive: true, force: true })
/** The program: one entry that contains everything it needs, split where it loads something later. */
const program = await bundle(
  { "mcp-cli": "src/bin.ts" },
  {
    codeSplitting: {
      includeDependenciesRecursively: false,
      groups: [
        // Starts before the rest of the program is loaded.
        {
          name: "early",
          test: /(CommandNames|KeyringStart|SecretServiceReader|BusMessage|KeyDerivation|Prefetch|HomeFolder|HomePath|MakeFolder)\.ts$|^\0first-use/,
          includeDependenciesRecursively: true,
          priority: 2
        },
        // One file for all that every run needs: each file costs time, and so does each import between files.
        {
          name: fileOf,
          debugName: "by use",
          test: /[\\/]src[\\/]|node_modules.(effect|@effect)./,
          priority: 1
        }
      ]
    }
  }
)
/** Characters of the file that every run loads, which costs about a millisecond for each 25,000. */
const maxEveryRun = 465_000
const everyRun = program.output.find((chunk) => chunk.name === "everyRun")
if (everyRun?.type !== "chunk" || everyRun.code.length > maxEveryRun) {
  const modules = everyRun?.type === "chunk" ? Object.entries(everyRun.modules) : []
  const largest = modules
    .filter(([id]) => !id.includes("node_modules"))
    .toSorted(([, a], [, b]) => b.renderedLength - a.renderedLength)
    .slice(0, 20)
    .map(([id, { renderedLength }]) => `${renderedLength} ${relative(process.cwd(), id)}`)
  throw new Error(
    `The file that every run loads has over ${maxEveryRun} characters. Does every run need these?\n${largest.join("\n")}`
  )
}

// npm does this when it links or installs, but a linked program is built many times.
await chmod("dist/bin/mcp-cli.cjs", 0o755)

/** A separate process, started by its path beside the program. It loads nothing of the program. */
const keyring = await bundle({ "chunks/KeyringChild": "src/adapters/store/keyring/KeyringChild.ts" }, {})

/** The licenses of the bundled packages, which require that they are passed on. */
const folders = new Set(
  [...program.output, ...keyring.output].flatMap((chunk) =>
    chunk.type === "chunk"
      ? Object.keys(chunk.modules).flatMap(
          (id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id)?.[0] ?? []
        )
      : []
  )
)
const licences = [...folders].toSorted().map((folder) => {
  const { license, name, version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Record<
    string,
    string
  >
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry))
  const text =
    file !== undefined && existsSync(join(folder, file))
      ? readFileSync(join(folder, file), "utf8").trim()
      : ""
  return `${name} ${version} (${license})\n\n${text}`
})
await writeFile("dist/bin/THIRD-PARTY-LICENSES.txt", `${licences.join(`\n\n${"-".repeat(72)}\n\n`)}\n`)
