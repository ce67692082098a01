import { dirname, join, normalize } from "node:path/posix"
import { parseAst } from "rolldown/parseAst"
import { allCommandNames } from "../../src/app/cli/CommandNames.ts"
import { entryPoints } from "./PackageEntries.ts"

/** A file of `src` that breaks a rule. */
export interface Violation {
  readonly file: string
  readonly rule: string
  readonly what: string
}

/** An import, dynamic imports and re-exports included: where from, and which names. */
interface Import {
  readonly from: string
  readonly names: ReadonlyArray<string>
}

interface Node {
  readonly type: string
  readonly [field: string]: unknown
}

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && "type" in value && typeof value.type === "string"

const nameOf = (value: unknown): string =>
  isNode(value) ? String(value["name"] ?? (isNode(value) && value["value"]) ?? "") : ""

const importsOf = (source: string): ReadonlyArray<Import> => {
  const found: Array<Import> = []
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) return value.forEach(visit)
    if (!isNode(value)) return
    const from = value["source"]
    if (
      /^(Import|Export|TSImportType)/.test(value.type) &&
      isNode(from) &&
      typeof from["value"] === "string"
    ) {
      const specifiers = Array.isArray(value["specifiers"]) ? value["specifiers"].filter(isNode) : []
      found.push({
        from: from["value"],
        names: specifiers.map((specifier) => nameOf(specifier["imported"] ?? specifier["local"]))
      })
    }
    for (const field of Object.values(value)) visit(field)
  }
  visit(parseAst(source, { lang: "ts" }))
  return found
}

/** Modules of `effect` whose exports may still change in a minor version: not for domain and ports. */
const unstable = new Set(["FileSystem", "Path", "Terminal", "Stdio", "PlatformError", "LayerMap", "LayerRef"])
const stableDeep = /^effect\/encoding\/(Base64|Base64Url|Hex)$/

/** The composition root: the only place that names both app and adapters. */
const roots = /^src\/(live\/.*|main|bin)\.ts$/
/** What each folder of `src/app` may import besides itself. Arrows point down only. */
const visible: Readonly<Record<string, ReadonlyArray<string>>> = {
  cli: [
    "chat",
    "session",
    "doctor",
    "proxy",
    "revisions",
    "http",
    "tokens",
    "signin",
    "credentials",
    "storage",
    "trace"
  ],
  chat: ["session", "tokens", "credentials"],
  session: ["http", "tokens", "signin", "credentials"],
  proxy: ["http", "tokens", "signin", "credentials", "revisions"],
  doctor: ["http", "tokens", "signin", "credentials", "storage"],
  http: ["tokens", "signin", "credentials"],
  tokens: ["signin", "credentials"],
  signin: ["credentials"],
  credentials: [],
  revisions: [],
  storage: [],
  trace: []
}

/** The folder of `src/app` that a file is in; none for a file in `src/app` itself. */
const appFolderOf = (path: string): string | undefined => /^src\/app\/([^/]+)\//.exec(path)?.[1]
const doors = new Set(entryPoints.values())
const vague = /(^|\/)(utils?|common|helpers?|misc|shared)(\/|\.ts$)/i

const layerOf = (path: string): string => path.split("/")[1] ?? ""

/** A command line of the program, or one of its flags. Errors name a command as data, and the CLI renders it. */
const commandText = new RegExp(
  `\\bmcp-cli ((${allCommandNames.join("|")})\\b|-)|--(no-)?(account|browser|callback-timeout|config-file|device|header|interactive|json|scope|server|trace|verbose)\\b`
)

/** The texts of a file: its strings and the fixed parts of its templates. Comments are none. */
const textsOf = (source: string): ReadonlyArray<string> => {
  const found: Array<string> = []
  const visit = (value: unknown): void => {
    if (Array.isArray(value)) return value.forEach(visit)
    if (!isNode(value)) return
    const text = value["value"]
    if (value.type === "Literal" && typeof text === "string") found.push(text)
    if (value.type === "TemplateElement" && typeof text === "object" && text !== null && "cooked" in text) {
      found.push(String(text.cooked))
    }
    for (const field of Object.values(value)) visit(field)
  }
  visit(parseAst(source, { lang: "ts" }))
  return found
}

/** Every way in which a file of `src` breaks the architecture. */
export const violationsOf = (file: string, source: string): ReadonlyArray<Violation> => {
  const violations: Array<Violation> = []
  const broken = (rule: string, what: string) => violations.push({ file, rule, what })
  const layer = layerOf(file)
  const isRoot = roots.test(file)
  const isDoor = doors.has(file)

  if (vague.test(file)) broken("a name says what it holds", file)
  if (layer === "app" && visible[appFolderOf(file) ?? ""] === undefined)
    broken("a file of app is in one of its folders", file)
  if (file.endsWith("/index.ts") && !isDoor) broken("no barrels inside", file)
  if (!isRoot && appFolderOf(file) !== "cli") {
    for (const text of textsOf(source))
      if (commandText.test(text)) broken("only the CLI names its commands", text)
  }

  for (const { from, names } of importsOf(source)) {
    if (from.startsWith(".")) {
      const target = normalize(join(dirname(file), from))
      const to = layerOf(target)
      if (isRoot || isDoor || !target.startsWith("src/")) continue
      if (layer === "domain" && to !== "domain") broken("domain stands on nothing", target)
      if (layer === "ports" && to !== "domain" && to !== "ports") broken("ports stand on domain", target)
      if (layer === "testing" && !["domain", "ports", "testing"].includes(to))
        broken("contracts stand on domain and ports", target)
      if (layer === "app" && to === "adapters") broken("app does not see adapters", target)
      if (layer === "app" && roots.test(target)) broken("the composition root stands above app", target)
      if (layer === "app" && to === "app") {
        const own = appFolderOf(file)
        const other = appFolderOf(target)
        if (other !== own && (own === undefined || other === undefined || !visible[own]?.includes(other)))
          broken("folders of app see only those below", target)
      }
      if (layer === "adapters" && to === "app") broken("adapters do not see app", target)
      if (layer === "adapters" && to === "adapters") {
        const own = file.split("/")[2]
        const other = target.split("/")[2]
        if (other !== own && other !== "platform" && (other !== "http" || own === "platform"))
          broken("adapters do not see each other", target)
      }
      continue
    }
    if (from === "effect" || from.startsWith("effect/")) {
      if (layer !== "domain" && layer !== "ports") continue
      if (from !== "effect" && !stableDeep.test(from))
        broken("domain and ports use stable modules of effect", from)
      for (const name of names)
        if (unstable.has(name)) broken("domain and ports use stable modules of effect", name)
      continue
    }
    if (layer !== "adapters" && !isRoot) broken("only adapters and the root import packages and Node", from)
  }
  return violations
}
