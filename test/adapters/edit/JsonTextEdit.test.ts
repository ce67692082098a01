import { assert, describe, it } from "@effect/vitest"
import { Result } from "effect"
import { editedJson } from "../../../src/adapters/edit/JsonTextEdit.ts"
import type { TextEdit } from "../../../src/ports/FileEditor.ts"
import { readJson } from "../../../src/adapters/config/JsonText.ts"

const linear = { url: "https://mcp.linear.app/mcp" }
const add: TextEdit = { path: ["mcpServers", "linear"], value: linear }
const removeOf = (name: string): TextEdit => ({ path: ["mcpServers", name] })

const lines = (...texts: ReadonlyArray<string>) => `${texts.join("\n")}\n`
const valueOf = (text: string) => Result.getOrThrow(readJson(text.replace("\uFEFF", ""))).value

describe("adding a field to a JSON text", () => {
  const cases: ReadonlyArray<readonly [what: string, before: string, after: string]> = [
    [
      "keeps comments beside what they are about",
      lines(
        "{",
        "  // mine",
        '  "mcpServers": {',
        "    // the wiki",
        '    "notion": {',
        '      "url": "https://mcp.notion.com/mcp"',
        "    } // keep",
        "    // the end",
        "  } /* servers */",
        "}"
      ),
      lines(
        "{",
        "  // mine",
        '  "mcpServers": {',
        "    // the wiki",
        '    "notion": {',
        '      "url": "https://mcp.notion.com/mcp"',
        "    }, // keep",
        '    "linear": {',
        '      "url": "https://mcp.linear.app/mcp"',
        "    }",
        "    // the end",
        "  } /* servers */",
        "}"
      )
    ],
    [
      "keeps tabs, and the lines of its neighbours",
      lines(
        "{",
        '\t"mcpServers": {',
        '\t\t"b": { "url": "https://b.example" },',
        '\t\t"a": { "url": "https://a.example" }',
        "\t}",
        "}"
      ),
      lines(
        "{",
        '\t"mcpServers": {',
        '\t\t"b": { "url": "https://b.example" },',
        '\t\t"a": { "url": "https://a.example" },',
        '\t\t"linear": { "url": "https://mcp.linear.app/mcp" }',
        "\t}",
        "}"
      )
    ],
    [
      "keeps a comma before a closing bracket, and the comment after it",
      lines(
        "{",
        '    "mcpServers": {',
        '        "a": {',
        '            "url": "https://a.example",',
        "        }, // last",
        "    },",
        "}"
      ),
      lines(
        "{",
        '    "mcpServers": {',
        '        "a": {',
        '            "url": "https://a.example",',
        "        }, // last",
        '        "linear": {',
        '            "url": "https://mcp.linear.app/mcp"',
        "        },",
        "    },",
        "}"
      )
    ],
    [
      "keeps one line",
      '{ "mcpServers": { "a": { "url": "https://a.example" } } }',
      '{ "mcpServers": { "a": { "url": "https://a.example" }, "linear": { "url": "https://mcp.linear.app/mcp" } } }'
    ],
    [
      "keeps a comma before a closing bracket of the same line",
      '{ "mcpServers": { "a": {}, }, }',
      '{ "mcpServers": { "a": {}, "linear": { "url": "https://mcp.linear.app/mcp" }, }, }'
    ],
    [
      "keeps a minified text",
      '{"mcpServers":{"a":{"url":"https://a.example"}}}',
      '{"mcpServers":{"a":{"url":"https://a.example"},"linear":{"url":"https://mcp.linear.app/mcp"}}}'
    ],
    [
      "fills an object that has only a comment",
      lines("{", '  "mcpServers": {', "    // none yet", "  }", "}"),
      lines(
        "{",
        '  "mcpServers": {',
        "    // none yet",
        '    "linear": {',
        '      "url": "https://mcp.linear.app/mcp"',
        "    }",
        "  }",
        "}"
      )
    ],
    [
      "makes the object that is missing",
      lines("{", '   "tokenStorage": {}', "}"),
      lines(
        "{",
        '   "tokenStorage": {},',
        '   "mcpServers": {',
        '      "linear": {',
        '         "url": "https://mcp.linear.app/mcp"',
        "      }",
        "   }",
        "}"
      )
    ],
    [
      "keeps line endings of Windows and a byte order mark",
      '\uFEFF{\r\n  "mcpServers": {}\r\n}\r\n',
      '\uFEFF{\r\n  "mcpServers": {\r\n    "linear": {\r\n      "url": "https://mcp.linear.app/mcp"\r\n    }\r\n  }\r\n}\r\n'
    ]
  ]
  it.each(cases)("%s", (_, before, after) => {
    assert.strictEqual(editedJson(before, [add]), after)
  })

  it("replaces a value in its place", () => {
    const text = lines(
      "{",
      '  "mcpServers": {',
      '    "linear": { "url": "https://old.example" }, // mine',
      '    "z": {}',
      "  }",
      "}"
    )
    assert.strictEqual(editedJson(text, [add]), text.replace("https://old.example", linear.url))
  })

  it("changes nothing that it cannot read back", () => {
    for (const text of ["[]", "", "{", '{ "mcpServers": [] }', '{ "mcpServers": {}, "mcpServers": {} }']) {
      assert.isUndefined(editedJson(text, [add]))
    }
  })
})

describe("removing a field of a JSON text", () => {
  const three = lines(
    "{",
    '  "mcpServers": {',
    "    // the first",
    '    "a": { "url": "https://a.example" }, // about a',
    '    "b": {',
    '      "url": "https://b.example"',
    "    },",
    "",
    "    // the last",
    '    "c": { "url": "https://c.example" } // about c',
    "  }",
    "}"
  )
  const without = (text: string, ...gone: ReadonlyArray<string>) =>
    gone.reduce((rest, line) => rest.replace(line, ""), text)
  const cases: ReadonlyArray<readonly [what: string, name: string, before: string, after: string]> = [
    ["takes the first", "a", three, without(three, '    "a": { "url": "https://a.example" }, // about a\n')],
    [
      "takes one of the middle",
      "b",
      three,
      without(three, '    "b": {\n      "url": "https://b.example"\n    },\n')
    ],
    [
      "takes the last, and the comma before it",
      "c",
      three,
      without(three, '    "c": { "url": "https://c.example" } // about c\n').replace("    },\n", "    }\n")
    ],
    [
      "leaves a comma before a closing bracket",
      "b",
      lines("{", '  "mcpServers": {', '    "a": {},', '    "b": {},', "  },", "}"),
      lines("{", '  "mcpServers": {', '    "a": {},', "  },", "}")
    ],
    [
      "leaves an empty object",
      "a",
      lines("{", '  "mcpServers": {', '    "a": {}', "  }", "}"),
      lines("{", '  "mcpServers": {}', "}")
    ],
    [
      "takes the first of a line",
      "a",
      '{ "mcpServers": { "a": {}, "b": {} } }',
      '{ "mcpServers": { "b": {} } }'
    ],
    [
      "takes the last of a line",
      "b",
      '{ "mcpServers": { "a": {}, "b": {} } }',
      '{ "mcpServers": { "a": {} } }'
    ],
    ["takes the only one of a line", "a", '{ "mcpServers": { "a": {} } }', '{ "mcpServers": {} }'],
    ["takes nothing that is not there", "d", three, three]
  ]
  it.each(cases)("%s", (_, name, before, after) => {
    assert.strictEqual(editedJson(before, [removeOf(name)]), after)
  })
})

/** Texts that write one value in different ways. */
const layouts: ReadonlyArray<(names: ReadonlyArray<string>) => string> = [
  (names) => `{${names.map((name) => `"${name}":{}`).join(",")}}`,
  (names) => `{ ${names.map((name) => `"${name}": { } /* ${name} */`).join(" , ")} }`,
  (names) => `{\n${names.map((name) => `  // above ${name}\n  "${name}": {\n  },`).join("\n\n")}\n}`,
  (names) => `{${names.map((name) => `\r\n\t"${name}": {} // "${name}": {},`).join("\r\n\t,")}\r\n}`,
  (names) => `{ "${names.join('": {}, // x\n "')}": {\n} }`,
  (names) => `/* { */ {\n${names.map((name) => `"${name}"\n:\n{}`).join("\n,\n")} // }\n} // end`
]

describe("editing a JSON text in any layout", () => {
  it("has the value that the edits ask for, and all comments of what stays", () => {
    for (const layout of layouts) {
      for (const names of [["a"], ["a", "b"], ["a", "b", "c", "d"]]) {
        const text = layout(names)
        for (const gone of names) {
          const removed = editedJson(text, [{ path: [gone] }])
          assert.isDefined(removed, text)
          assert.deepStrictEqual(
            Object.keys(valueOf(removed ?? "") as object),
            names.filter((name) => name !== gone)
          )
          for (const name of names.filter((other) => other !== gone)) {
            for (const comment of [`/* ${name} */`, `// above ${name}`, `// "${name}": {},`]) {
              if (text.includes(comment)) assert.include(removed, comment)
            }
          }
          const again = editedJson(removed ?? "", [{ path: [gone, "x"], value: [1, "two", { three: null }] }])
          assert.deepStrictEqual((valueOf(again ?? "") as Record<string, unknown>)[gone], {
            x: [1, "two", { three: null }]
          })
        }
      }
    }
  })
})
