import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join, relative, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { Effect } from "effect"
import { startWorld, type World } from "../test/e2e/World.ts"
import { modelServer } from "../test/servers/ModelServer.ts"
import { startSecretService } from "../test/servers/SecretService.ts"
import { childrenOf, functionsOf, isNode, type Node, parse } from "./Functions.ts"

// Finds the modules that the most frequent runs use, and the functions that they call. Writes both to `scripts/profile.json`.
// `scripts/build.ts` puts these modules into one file, and the others into files that are loaded at the first use of one of
// their exports. V8 compiles the functions together with their file, so that Node's compile cache has them.

/** The runs that `mcp-cli` must not slow down. */
export const frequentRuns = [["--version"], ["servers"], ["auth", "token", "demo"], ["auth", "status"]]

/** The packages whose functions are counted. */
const isMeasured = /node_modules.(effect|@effect|@ai-sdk|zod|eventsource-parser)./

interface Range {
  readonly startOffset: number
  readonly endOffset: number
  readonly count: number
}

/** What V8 counted in one run of one module: a list of ranges for each function, the function itself first. */
type Counts = ReadonlyArray<ReadonlyArray<Range>>

/** True if the run came to this position: the innermost range around it counts. */
const isReached = (counts: Counts, at: number) => {
  let inner: Range | undefined
  for (const range of counts.flat())
    if (range.startOffset <= at && at < range.endOffset)
      if (inner === undefined || range.endOffset - range.startOffset <= inner.endOffset - inner.startOffset)
        inner = range
  return (inner?.count ?? 0) > 0
}

/** The modules whose exports a module used in one of these runs. */
const usedBy = (file: string, runs: ReadonlyArray<Counts>): ReadonlyArray<string> => {
  const code = readFileSync(file, "utf8")
  const program = parse(code)
  const imported = new Map<string, string>()
  for (const node of childrenOf(program)) {
    if (node.type !== "ImportDeclaration" || node["importKind"] === "type") continue
    const from = (node["source"] as { value: string }).value
    if (from.startsWith("node:") || from.endsWith(".json")) continue
    for (const specifier of node["specifiers"] as ReadonlyArray<Node>) {
      if (specifier["importKind"] === "type") continue
      const local = (specifier["local"] as { name: string }).name
      const name = (specifier["imported"] as { name?: string } | undefined)?.name
      const found = from.startsWith(".")
        ? resolve(dirname(file), from)
        : fileURLToPath(import.meta.resolve(from))
      // The index of a package exports its modules.
      const member = join(dirname(found), `${name}.js`)
      imported.set(local, found.endsWith("index.js") && existsSync(member) ? member : found)
    }
  }
  const used = new Set<string>()
  const visit = (node: Node): void => {
    if (/^(Import|ExportNamed|ExportAll)\w*Declaration$/.test(node.type) && !isNode(node["declaration"]))
      return
    if (/^TS(?!As|Satisfies|NonNull)/.test(node.type)) return
    // The name of a property is no use of the import of that name.
    if (node.type === "Property" && node["computed"] !== true && node["shorthand"] !== true)
      return visit(node["value"] as Node)
    if (node.type === "MemberExpression" && node["computed"] !== true) return visit(node["object"] as Node)
    if (node.type === "Identifier") {
      const target = imported.get(node["name"] as string)
      if (target === undefined || used.has(target)) return
      if (runs.some((counts) => isReached(counts, node.start))) used.add(target)
      return
    }
    for (const child of childrenOf(node)) visit(child)
  }
  visit(program)
  return [...used]
}

/** What V8 counted, by module. */
const countsOf = (coverage: string): ReadonlyMap<string, ReadonlyArray<Counts>> => {
  const all = new Map<string, Array<Counts>>()
  for (const name of readdirSync(coverage)) {
    const { result } = JSON.parse(readFileSync(join(coverage, name), "utf8")) as {
      readonly result: ReadonlyArray<{
        readonly url: string
        readonly functions: ReadonlyArray<{ readonly ranges: ReadonlyArray<Range> }>
      }>
    }
    for (const { functions, url } of result) {
      const file = url.startsWith("file:") ? fileURLToPath(url) : ""
      if (!file.startsWith(resolve("src")) && !isMeasured.test(file)) continue
      all.set(file, [...(all.get(file) ?? []), functions.map(({ ranges }) => ranges)])
    }
  }
  return all
}

/** How often each function was called, by position. The first one is the module. */
const callsOf = (counts: Counts) =>
  counts
    .slice(1)
    .flatMap(([range]) => (range === undefined ? [] : [[range.startOffset, range.count] as const]))

/** The modules of which these runs called a function, other than to load the program, and all that those used. */
const modulesOf = (
  counted: ReturnType<typeof countsOf>,
  loading: ReturnType<typeof countsOf>
): ReadonlySet<string> => {
  const found = new Set<string>()
  for (const [file, runs] of counted) {
    // Loading one file of the program loads all that it imports, and Effect's functions are called for each.
    const before = new Map(file.startsWith(resolve("src")) ? loading.get(file)?.flatMap(callsOf) : [])
    if (runs.flatMap(callsOf).some(([at, count]) => count > (before.get(at) ?? 0))) found.add(file)
  }
  const pending = [...found]
  for (let file = pending.pop(); file !== undefined; file = pending.pop())
    for (const used of usedBy(file, counted.get(file) ?? [])) {
      if (!found.has(used)) pending.push(used)
      found.add(used)
    }
  return found
}

/** The functions of a module that were called, by the hashes of their texts. */
const calledIn = (file: string, runs: ReadonlyArray<Counts>): string => {
  const called = new Set(runs.flatMap(callsOf).flatMap(([at, count]) => (count > 0 ? [at] : [])))
  const functions = functionsOf(readFileSync(file, "utf8")).filter(({ start }) => called.has(start))
  return [...new Set(functions.map(({ hash }) => hash))].join(" ")
}

type Run = (
  args: ReadonlyArray<string>,
  env?: Readonly<Record<string, string>>,
  stdin?: ReadonlyArray<object>
) => Promise<void>

/** Runs the source of the program at real servers, and measures which modules each kind of run needs. */
const measured = async (
  kinds: Readonly<Record<string, (run: Run, older: Run, world: World) => Promise<void>>>
) => {
  const world = await startWorld()
  // Servers of older revisions answer by events.
  const older = await startWorld({ mcp: { isOlder: true } })
  const coverage = mkdtempSync(join(tmpdir(), "mcp-cli-profile-"))
  const runFor =
    (kind: string, { program = resolve("src/bin.ts"), at = world } = {}): Run =>
    async (args, env = {}, messages = []) => {
      const stdin = messages.map((message) => `${JSON.stringify(message)}\n`).join("")
      const counted = kind === "" ? {} : { NODE_V8_COVERAGE: join(coverage, kind) }
      const { code, stderr } = await at.run(args, { program, stdin, env: { ...counted, ...env } })
      if (code !== 0) throw new Error(`mcp-cli ${args.join(" ")}: ${stderr}`)
    }
  try {
    for (const at of [world, older]) await runFor("", { at })(["auth", "login", "demo"])
    for (const file of ["src/app/cli/Program.ts", "src/live/Live.ts"])
      await runFor("loading", { program: resolve(file) })([])
    const loading = countsOf(join(coverage, "loading"))
    const found = new Map<string, ReadonlyArray<readonly [file: string, called: string]>>()
    for (const [kind, runs] of Object.entries(kinds)) {
      await runs(runFor(kind), runFor(kind, { at: older }), world)
      const counted = countsOf(join(coverage, kind))
      const modules = [...modulesOf(counted, loading)].toSorted()
      found.set(
        kind,
        modules.map((file) => [
          relative(process.cwd(), file).replaceAll("\\", "/"),
          calledIn(file, counted.get(file) ?? [])
        ])
      )
    }
    return found
  } finally {
    await world.close()
    await older.close()
    rmSync(coverage, { recursive: true, force: true })
  }
}

/** What an MCP client says to a proxy. */
const conversation = [
  {
    jsonrpc: "2.0",
    id: 1,
    method: "initialize",
    params: { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "profile", version: "1" } }
  },
  { jsonrpc: "2.0", method: "notifications/initialized" },
  { jsonrpc: "2.0", id: 2, method: "tools/list" }
]

/** Questions to a model of each API. */
const ask = (run: Run, configure: World["configure"], mcpServers: object) =>
  Effect.gen(function* () {
    const { baseUrl, geminiUrl } = yield* modelServer()
    const askBoth = (flags: ReadonlyArray<string>) =>
      Effect.promise(async () => {
        await run(["ask", "demo", "hello", ...flags])
        await run(["ask", "demo", "hello", "--json", ...flags])
      })
    yield* askBoth(["--base-url", baseUrl, "--model", "scripted"])
    const provider = { base_url: baseUrl, api_key: "key" }
    const providers = {
      openai: provider,
      anthropic: provider,
      google: { ...provider, base_url: geminiUrl }
    }
    yield* Effect.sync(() => configure({ mcpServers, models: { providers } }))
    for (const name of Object.keys(providers)) yield* askBoth(["--model", `${name}:scripted`])
    yield* Effect.sync(() => configure({ mcpServers }))
  }).pipe(Effect.scoped, Effect.runPromise)

const runFrequent = async (run: Run) => {
  for (const args of frequentRuns) await run(args)
}

/** The modules that the frequent runs need, and that `scripts/profile.json` does not list for them. */
export const unlisted = async (): Promise<ReadonlyArray<string>> => {
  const { everyRun } = JSON.parse(readFileSync("scripts/profile.json", "utf8")) as {
    readonly everyRun: Readonly<Record<string, string>>
  }
  const found = await measured({ everyRun: runFrequent })
  return (found.get("everyRun") ?? []).flatMap(([file]) => (file in everyRun ? [] : [file]))
}

/** The kinds of runs each of which has a file. */
type Found = Awaited<ReturnType<typeof measured>>

/** The modules of a kind of run for which it would load the files of other kinds as well. */
const alsoIn = (found: Found, kind: string, others: ReadonlyArray<string>) => {
  const files = new Set(others.flatMap((other) => found.get(other)?.map(([file]) => file) ?? []))
  return (found.get(kind) ?? []).filter(([file]) => files.has(file))
}

/** Each module is listed for the first kind of run that needs it. */
const write = async () => {
  const keyring = await startSecretService()
  const address = { DBUS_SESSION_BUS_ADDRESS: keyring.env["DBUS_SESSION_BUS_ADDRESS"] ?? "" }
  const found = await measured({
    everyRun: runFrequent,
    session: async (run, older) => {
      for (const at of [run, older]) await at(["tools", "demo"])
      await run(["call", "demo", "echo", "text=x"])
    },
    proxy: (run) => run(["proxy", "demo"], {}, conversation),
    signIn: (run) => run(["auth", "login", "demo"]),
    chat: (run, _, { configure, mcpServer }) => ask(run, configure, { demo: { url: mcpServer.url } }),
    keyring: async (run) => {
      await run(["storage", "move", "--to", "secretservice"], { ...address, NODE_V8_COVERAGE: "" })
      for (const args of frequentRuns) await run(args, address)
    }
  })
  await keyring.close()
  const listed = new Set<string>()
  const session = found.get("session") ?? []
  const everyRun = new Map(found.get("everyRun"))
  const shared = [
    // A question to a model opens a session.
    ...alsoIn(found, "chat", ["proxy", "signIn"]).filter(
      ([file]) => !session.some(([name]) => name === file)
    ),
    ...alsoIn(found, "keyring", ["session", "proxy", "signIn", "chat"])
  ]
  for (const [file, called] of shared) if (!everyRun.has(file)) everyRun.set(file, called)
  found.set("everyRun", [...everyRun])
  const profile = Object.fromEntries(
    [...found].map(([kind, modules]) => {
      const own = modules.filter(([file]) => !listed.has(file))
      for (const [file] of own) listed.add(file)
      return [kind, Object.fromEntries(own)]
    })
  )
  writeFileSync("scripts/profile.json", `${JSON.stringify(profile, undefined, 2)}\n`)
}

if (import.meta.main) await write()
