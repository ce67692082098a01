import { assert, describe, it } from "@effect/vitest"
import { editedToml } from "../../../src/adapters/edit/TomlTextEdit.ts"
import { editedYaml } from "../../../src/adapters/edit/YamlTextEdit.ts"
import type { TextEdit } from "../../../src/ports/FileEditor.ts"

const lines = (...all: ReadonlyArray<string>) => `${all.join("\n")}\n`
type Case = readonly [what: string, edit: TextEdit, before: string, after: string]

const entry = { command: "/bin/x", args: ["a b", "c"] }
const set = (path: ReadonlyArray<string>, value: unknown): TextEdit => ({ path, value })
const remove = (...path: ReadonlyArray<string>): TextEdit => ({ path, prunes: true })

describe("editing a TOML text", () => {
  const cases: ReadonlyArray<Case> = [
    [
      "quotes what is no bare key",
      set(["mcp_servers", 'a."b'], { command: "C:\\x\u007f" }),
      "",
      lines('[mcp_servers."a.\\"b"]', 'command = "C:\\\\x\\u007F"')
    ],
    [
      "fills an inline table",
      set(["mcp_servers", "n"], entry),
      lines("mcp_servers = { a = { command = 'x' } } # mine"),
      lines(`mcp_servers = { a = { command = 'x' }, n = { command = "/bin/x", args = ["a b", "c"] } } # mine`)
    ],
    [
      "fills an empty inline table",
      set(["mcp_servers", "n"], { command: "x" }),
      lines("mcp_servers = {}"),
      lines('mcp_servers = { n = { command = "x" } }')
    ],
    [
      "adds a table beside dotted keys",
      set(["mcp_servers", "n"], { command: "x" }),
      lines('mcp_servers.a.command = "x"'),
      lines('mcp_servers.a.command = "x"', "", "[mcp_servers.n]", 'command = "x"')
    ],
    [
      "replaces a value in its place, whatever its lines",
      set(["mcp_servers", "n", "args"], ["new"]),
      lines("[mcp_servers.n]", "args = [ # old", '  "a",', "] # list", 'command = "x"', "[b]"),
      lines("[mcp_servers.n]", 'args = ["new"] # list', 'command = "x"', "[b]")
    ],
    [
      "adds a field behind the last one",
      set(["mcp_servers", "n", "args"], []),
      lines("[mcp_servers.n]", 'command = "x" # x', "# about b", "[b]"),
      lines("[mcp_servers.n]", 'command = "x" # x', "args = []", "# about b", "[b]")
    ],
    [
      "replaces a whole table",
      set(["mcp_servers", "n"], { command: "y" }),
      lines("[mcp_servers.n]", 'command = "x"', "[mcp_servers.n.env]", "A = 'b'", "[b]"),
      lines("[b]", "", "[mcp_servers.n]", 'command = "y"')
    ],
    [
      "removes a table with its own tables, and leaves the comment above the next one",
      remove("mcp_servers", "n"),
      lines("[mcp_servers.n]", "a = 1", "", "[mcp_servers.n.env]", "A = 'b'", "", "# about b", "[b]"),
      lines("", "# about b", "[b]")
    ],
    [
      "removes dotted keys",
      remove("mcp_servers", "n"),
      lines("mcp_servers.n.command = 'x'", "mcp_servers.a.command = 'x'", "mcp_servers.n.args = []"),
      lines("mcp_servers.a.command = 'x'")
    ],
    [
      "removes a field of an inline table",
      remove("mcp_servers", "n"),
      lines("mcp_servers = { n = {}, a = {} }"),
      lines("mcp_servers = { a = {} }")
    ],
    ["removes nothing that is not there", remove("mcp_servers", "n"), "a = 1", "a = 1"]
  ]
  it.each(cases)("%s", (_, edit, before, after) => assert.strictEqual(editedToml(before, [edit]), after))

  it("changes nothing that it cannot read back", () => {
    const add = set(["mcp_servers", "n"], { command: "x" })
    for (const text of [
      "mcp_servers = 1",
      "mcp_servers = []",
      "[[mcp_servers]]\nname = 'n'\n",
      "[a]\n[a]\n",
      "a = 1\na = 2",
      "a =",
      '"',
      "\u0000"
    ]) {
      assert.isUndefined(editedToml(text, [add]), text)
    }
  })
})

describe("editing a YAML text", () => {
  const cases: ReadonlyArray<Case> = [
    [
      "fills a flow mapping",
      set(["extensions", "srv"], entry),
      lines("extensions: {a: {x: 1}} # mine", "b: 1"),
      lines('extensions: {a: {x: 1}, srv: { command: /bin/x, args: ["a b", c] }} # mine', "b: 1")
    ],
    [
      "fills an empty flow mapping",
      set(["extensions", "srv"], { command: "x" }),
      lines("extensions: {}"),
      lines("extensions: { srv: { command: x } }")
    ],
    [
      "adds an item to a list, with the indentation of its neighbours",
      set(["mcpServers", "srv"], { name: "srv", args: ["a"] }),
      lines("mcpServers:", "- name: a # a", "  x: 1", "# about b", "b: 1"),
      lines("mcpServers:", "- name: a # a", "  x: 1", "- name: srv", "  args: [a]", "# about b", "b: 1")
    ],
    [
      "replaces a value in its place, whatever its lines",
      set(["extensions", "srv", "args"], ["new"]),
      lines("extensions:", "  srv:", "    args: # old", "      - a", "      - b", "    cmd: x"),
      lines("extensions:", "  srv:", "    args: [new]", "    cmd: x")
    ],
    [
      "replaces a scalar, and keeps its comment",
      set(["extensions", "srv", "cmd"], "C:\\x"),
      lines("extensions:", "  srv:", "    cmd: 'x' # cmd"),
      lines("extensions:", "  srv:", '    cmd: "C:\\\\x" # cmd')
    ],
    [
      "replaces a block scalar",
      set(["a"], "x"),
      lines("a: |", "  one", "  two", "b: 1"),
      lines("a: x", "b: 1")
    ],
    [
      "quotes what some reader takes for another type",
      set(["extensions", "yes"], { a: "no", b: "1", c: "null", d: "- x", e: "a: b", f: "" }),
      lines("extensions:", "  x: 1"),
      lines(
        "extensions:",
        "  x: 1",
        '  "yes":',
        '    a: "no"',
        '    b: "1"',
        '    c: "null"',
        '    d: "- x"',
        '    e: "a: b"',
        '    f: ""'
      )
    ],
    [
      "removes an item of a list",
      remove("mcpServers", "srv"),
      lines("mcpServers:", "  - name: srv", "    x: 1", "  - name: a"),
      lines("mcpServers:", "  - name: a")
    ],
    [
      "removes the only item of a list, and the list",
      remove("mcpServers", "srv"),
      lines("a: 1", "mcpServers:", "  - name: srv", "    x: 1"),
      lines("a: 1")
    ],
    [
      "leaves an empty mapping that has a comment",
      remove("extensions", "srv"),
      lines("extensions:", "  # mine", "  srv:", "    x: 1", "b: 1"),
      lines("extensions: {}", "  # mine", "b: 1")
    ],
    [
      "removes the first of a flow mapping",
      remove("extensions", "srv"),
      lines("extensions: { srv: { x: 1 }, a: 1 }"),
      lines("extensions: { a: 1 }")
    ],
    [
      "keeps what precedes and follows the document",
      set(["extensions", "srv"], {}),
      lines("%YAML 1.2", "---", "extensions:", "  a: 1", "..."),
      lines("%YAML 1.2", "---", "extensions:", "  a: 1", "  srv: {}", "...")
    ]
  ]
  it.each(cases)("%s", (_, edit, before, after) => assert.strictEqual(editedYaml(before, [edit]), after))

  it("changes nothing that it cannot read back", () => {
    const add = set(["extensions", "srv"], { command: "x" })
    for (const text of [
      "extensions: 1",
      "extensions: [a]",
      "- a",
      "a: &x {}\nextensions: *x",
      "extensions: {}\nextensions: {}",
      "a: 1\n---\nb: 1",
      "a: 'x",
      "\ta: 1",
      "text"
    ]) {
      assert.isUndefined(editedYaml(text, [add]), text)
    }
  })
})
