import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { parse } from "jsonc-parser"
import { editedJson } from "../../../src/adapters/edit/JsonTextEdit.ts"
import { editedToml, parseToml } from "../../../src/adapters/edit/TomlTextEdit.ts"
import { editedYaml, parseYaml } from "../../../src/adapters/edit/YamlTextEdit.ts"
import { additionOf, removalOf } from "../../../src/app/cli/clients/EntryEdits.ts"
import { entryOf, mcpClientOf, type ServerPlace } from "../../../src/domain/McpClient.ts"

/** Names that are special somewhere. None of them is the one that is installed. */
const names = [
  "a",
  "a.b",
  "q\"uo'te",
  "ü ✓",
  "#x",
  "- y",
  "true",
  "1",
  "[t]",
  "a: b",
  "\\",
  "mcpServers"
] as const

const part = Schema.Struct({
  name: Schema.Literals(names),
  style: Schema.Literals([0, 1, 2, 3]),
  comment: Schema.Boolean,
  blank: Schema.Boolean
})
const plan = Schema.Struct({
  /** Of the client's own settings, and of its servers. */
  settings: Schema.Array(part),
  servers: Schema.Array(part),
  root: Schema.Literals(["missing", "empty", "null", "first", "last"]),
  crlf: Schema.Boolean,
  mark: Schema.Boolean,
  ended: Schema.Boolean,
  indent: Schema.Literals(["  ", "    ", "\t"])
})
type Plan = typeof plan.Type
type Part = typeof part.Type

const unique = (parts: ReadonlyArray<Part>): ReadonlyArray<Part> =>
  parts.filter((one, index) => parts.findIndex(({ name }) => name === one.name) === index).slice(0, 4)

const rooted = (
  { root, settings: given }: Plan,
  own: (part: Part) => string,
  servers: string | undefined
) => {
  const settings = unique(given)
    .filter(({ name }) => name !== "mcpServers")
    .map(own)
  if (root === "missing" || servers === undefined) return settings
  return root === "first" ? [servers, ...settings] : [...settings, servers]
}

const finished = ({ crlf, ended }: Plan, text: string): string => {
  const whole = ended || text === "" ? text : text.replace(/\n$/, "")
  return crlf ? whole.replaceAll("\n", "\r\n") : whole
}

const jsonText = (given: Plan): string => {
  const { indent, mark, root } = given
  const entry =
    (depth: number) =>
    ({ blank, comment, name, style }: Part) => {
      const pad = indent.repeat(depth)
      const values = [
        '{ "command": "x" }',
        `{\n${pad}${indent}"command": "x", // of it\n${pad}${indent}"args": ["{", "//"]\n${pad}}`,
        '{"command":"x","env":{}}',
        "{}"
      ]
      return `${blank ? "\n" : ""}${comment ? `${pad}// about ${name}\n` : ""}${pad}${JSON.stringify(name)}: ${values[style]}`
    }
  const members = unique(given.servers).map(entry(2))
  const last = given.servers.some(({ comment }) => comment) ? " // the last" : ""
  const inner =
    root === "empty" || members.length === 0 ? "{}" : `{\n${members.join(",\n")}${last}\n${indent}}`
  const servers = `${indent}"mcpServers": ${root === "null" ? "null" : inner}`
  const fields = rooted(given, entry(1), servers)
  return (
    (mark ? "\uFEFF" : "") + finished(given, fields.length === 0 ? "{\n}\n" : `{\n${fields.join(",\n")}\n}\n`)
  )
}

const tomlKey = (name: string) => (/^[\w-]+$/.test(name) ? name : JSON.stringify(name))
const tomlText = (given: Plan): string => {
  const table = ({ blank, comment, name, style }: Part) => {
    const header = `${comment ? `# about ${name}\n` : ""}[mcp_servers.${tomlKey(name)}] # header\n`
    const values = [
      'command = "x"\n',
      "  command = 'x' # of it\n  args = [ # list\n    \"[a]\",\n  ]\n",
      `command = """\n[mcp_servers.notion]\n"""\n[mcp_servers.${tomlKey(name)}.env]\nA = "b"\n`,
      "# nothing\n"
    ]
    return `${blank ? "\n" : ""}${header}${values[style]}`
  }
  const setting = ({ comment, name, style }: Part) =>
    `${comment ? "# mine\n" : ""}${tomlKey(name)} = ${["1", '"[x]"', "[1, 2]", "{ a = 1 }"][style]} # ${name}\n`
  const settings = unique(given.settings).map(setting)
  const servers = given.root === "missing" ? [] : unique(given.servers).map(table)
  const others = given.root === "first" ? ["\n[[tool]]\nname = 1\n", "[[tool]]\n"] : []
  return finished(given, [...settings, ...servers, ...others].join(""))
}

const yamlText = (given: Plan): string => {
  const key = (name: string) => JSON.stringify(name)
  const value = (pad: string, style: number) =>
    [
      ` { cmd: x } # flow`,
      `\n${pad}  cmd: x # of it\n${pad}  args:\n${pad}  - a # one\n${pad}  - "#"`,
      `\n${pad}  text: |\n${pad}    extensions:\n${pad}      notion: 1\n${pad}  # after`,
      ` {}`
    ][style]
  const entry =
    (pad: string) =>
    ({ blank, comment, name, style }: Part) =>
      `${blank ? "\n" : ""}${comment ? `${pad}# about ${name}\n` : ""}${pad}${key(name)}:${value(pad, style)}\n`
  const pad = given.indent === "\t" ? " " : given.indent
  const members = unique(given.servers).map(entry(pad))
  const empty = given.root === "null" ? "" : " {}"
  const servers =
    given.root === "empty" || given.root === "null" || members.length === 0
      ? `extensions:${empty} # mine\n`
      : `extensions: # mine\n${members.join("")}`
  return finished(given, rooted(given, entry(""), servers).join(""))
}

const listText = (given: Plan): string => {
  const pad = given.indent === "\t" ? "" : given.indent
  const item = ({ blank, comment, name, style }: Part) => {
    const start = `${blank ? "\n" : ""}${comment ? `${pad}# about ${name}\n` : ""}${pad}-`
    const [first, second] = [`name: ${JSON.stringify(name)}`, "command: x # of it"]
    return [
      `${start} ${first}\n${pad}  ${second}\n`,
      `${start} ${second}\n${pad}  ${first}\n${pad}  args:\n${pad}  - "- name: notion"\n`,
      `${start} { ${first} } # flow\n`,
      `${start} # first\n${pad}   ${first}\n${pad}   text: |\n${pad}     - name: notion\n`
    ][style]
  }
  const items = unique(given.servers).map(item)
  const isEmpty = given.root === "empty" || given.root === "null" || items.length === 0
  const servers = isEmpty ? `mcpServers: [] # mine\n` : `mcpServers: # mine\n${items.join("")}`
  const setting = ({ comment, name }: Part) => `${JSON.stringify(name)}: 1${comment ? " # mine" : ""}\n`
  return finished(given, rooted(given, setting, servers).join(""))
}

const clients = { json: "cursor", toml: "codex", yaml: "goose", list: "continue" } as const
const editors = { json: editedJson, toml: editedToml, yaml: editedYaml, list: editedYaml }
const readers = {
  list: parseYaml,
  json: (text: string): unknown => parse(text.replace(/^\uFEFF/, ""), [], { allowTrailingComma: true }),
  toml: parseToml,
  yaml: parseYaml
}
const platform = { os: "linux", home: "/home/u", project: "/p", variable: () => undefined } as const

/** Comments, as the lines that have one. */
const commentsOf = (format: keyof typeof clients, text: string) =>
  text
    .split(/\r?\n/)
    .flatMap((line) => (format === "json" ? /\/\/.*/ : /#.*/).exec(line)?.[0] ?? [])
    .toSorted()

/** Installs and uninstalls. Fails unless the servers are those of before in between, and the text is the same in the end. */
const roundTrip = (format: keyof typeof clients, text: string, name: string, isKept = true) => {
  const client = mcpClientOf(clients[format]) ?? assert.fail()
  const place: ServerPlace = client.places(platform)[0] ?? assert.fail()
  const launch = { command: "/usr/bin/node", args: ["/opt/mcp cli/x.cjs", "proxy", name] }
  const entry = entryOf(client, name, launch, "user")
  const installed = editors[format](text, additionOf(place, readers[format](text), name, entry))
  if (installed === undefined) return assert.fail(`not installed: ${JSON.stringify(text)}`)
  const root = place.path[0] ?? ""
  const before = (readers[format](text) ?? {}) as Record<string, object | null>
  const servers = before[root]
  assert.deepStrictEqual(readers[format](installed), {
    ...before,
    [root]: place.isList ? [...(Array.isArray(servers) ? servers : []), entry] : { ...servers, [name]: entry }
  })
  for (const comment of commentsOf(format, text)) assert.include(installed, comment)
  const removed = editors[format](installed, removalOf(place, name))
  if (removed === undefined) return assert.fail(`not removed: ${JSON.stringify(installed)}`)
  if (isKept) assert.strictEqual(removed, text, installed)
  else assert.deepStrictEqual(commentsOf(format, removed), commentsOf(format, text))
  return installed
}

const installedName = Schema.Literals([
  "notion",
  "a.c",
  "n'o",
  'n"o',
  "nö ✓",
  "#",
  "- n",
  "null",
  "2",
  "[n]",
  "n: o"
])

describe("install, then uninstall", () => {
  it.prop(
    "leaves a JSON file as it was, but for an empty list of servers",
    [plan, installedName],
    ([given, name]) => {
      const text = jsonText(given)
      const isEmpty = /"mcpServers": (\{\}|null)/.test(text) || /^\uFEFF?\{\s*\}\s*$/.test(text)
      roundTrip("json", text, name, !isEmpty)
    },
    { arbitrary: { runs: 200 } }
  )
  it.prop(
    "leaves a TOML file as it was",
    [plan, installedName],
    ([given, name]) => {
      roundTrip("toml", tomlText(given), name)
    },
    { arbitrary: { runs: 200 } }
  )
  it.prop(
    "leaves a YAML file as it was, but for a key without a value",
    [plan, installedName],
    ([given, name]) => {
      const text = yamlText(given)
      roundTrip("yaml", text, name, !/extensions: # mine(\r?\n)?($|\S)/.test(text))
    },
    { arbitrary: { runs: 200 } }
  )
  it.prop(
    "leaves a list in a YAML file as it was",
    [plan, installedName],
    ([given, name]) => {
      roundTrip("list", listText(given), name)
    },
    { arbitrary: { runs: 200 } }
  )
})
