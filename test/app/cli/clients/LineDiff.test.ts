import { assert, describe, it } from "@effect/vitest"
import { lineDiff } from "../../../../src/app/cli/clients/LineDiff.ts"

const diff = (before: string, after: string, isNew = false) =>
  lineDiff({ path: "/f", isNew }, before, after).map((line) =>
    typeof line === "string"
      ? line
      : line.map((part) => (typeof part === "string" ? part : part.text)).join("")
  )

describe("the difference that is shown", () => {
  it("has the changed lines, three around them, and where they are", () => {
    const cases = [
      ["", "a\n", ["--- /dev/null", "+++ /f", "@@ -0,0 +1,1 @@", "+a"], true],
      [
        "1\n2\n3\n4\n5\n6\n",
        "1\n2\n3\n4\nx\n5\n6\n",
        ["--- /f", "+++ /f", "@@ -2,5 +2,6 @@", " 2", " 3", " 4", "+x", " 5", " 6"]
      ],
      ["a\nb\n", "a\n", ["--- /f", "+++ /f", "@@ -1,2 +1,1 @@", " a", "-b"]],
      ["a\r\nb\r\n", "a\r\nc\r\n", ["--- /f", "+++ /f", "@@ -1,2 +1,2 @@", " a", "-b", "+c"]]
    ] as const
    for (const [before, after, lines, isNew] of cases) {
      assert.deepStrictEqual(diff(before, after, isNew), [...lines], before)
    }
  })

  it("has only the change of a long line", () => {
    const long = "x".repeat(300)
    assert.deepStrictEqual(diff(`{"a":"${long}"}`, `{"a":"${long}","n":1}`).slice(3), [`+…,"n":1…`])
    assert.deepStrictEqual(diff(`{"a":"${long}",1}`, `{"a":"${long}",2}`).slice(3), ["-…1…", "+…2…"])
    const entry = `{"n":{"args":["${"/long".repeat(60)}","proxy"]}}`
    assert.deepStrictEqual(diff("", `${entry}\n`, true).slice(3), [`+${entry}`])
    const huge = `"pasted": "${"a".repeat(1_000_000)}"`
    assert.isTrue(diff(`${huge}\n`, `${huge}\ny`).every((line) => line.length < 200))
    assert.isTrue(diff(long, `${long}\ny`).every((line) => line.length < 200))
  })

  it("shows what differs where the start of the line is a long text, or a secret", () => {
    const secret = '"env":{"API_KEY":"abc123"}'
    assert.deepStrictEqual(diff(`{${secret},"n":1}`, `{${secret},"n":2}`).slice(3), ["-…1…", "+…2…"])
    const long = "x".repeat(300)
    const lines = diff(`"a${long}":1\n"b${long}":1`, `"a${long}":2\n"b${long}":2`).slice(3)
    assert.deepStrictEqual(lines, ["-…1…", "-…1…", "+…2…", "+…2…"])
    const entry = (value: string) => `{"n":"${long}","env":{"API_KEY":"abc${value}"}}`
    const changed = diff(entry("def"), entry("xyz")).slice(3)
    assert.notMatch(changed.join(), /abc|def|xyz/)
    assert.notStrictEqual(changed[0]?.slice(1), changed[1]?.slice(1))
  })

  it("shows no secret of the lines around a change", () => {
    const around = [
      `  "API_KEY": "hunter22secret"`,
      `  "env": { "TOKEN": "hunter22secret" },`,
      `  Authorization: Bearer hunter22secret`,
      `env = { DB_PASSWORD = "hunter22secret", A = "b" }`,
      `    "x": "sk-hunter22secret",`,
      `  - ghp_hunter22secret`,
      `  "args": ["--header", "Authorization: Bearer hunter22secret"],`,
      `  "args": ["--api-key=hunter22secret"],`,
      `  "args": ["-y", "x", "--api-key", "hunter22secret"],`,
      `  args = ["--header", "X-Custom: hunter22secret"]`,
      `  args: [-e, ANY=hunter22secret]`,
      `  "args": ["postgres://app:hunter22secret@db/prod"],`,
      `  "token": ["hunter22secret"],`,
      `  "openaiApiKey": "hunter22secret",`,
      // Values below their name.
      `  "args": [\n    "--api-key",\n    "hunter22secret"\n  ],`,
      `  args:\n    - --token\n    - hunter22secret`,
      `  "tokens": [\n    "hunter22secret"\n  ],`,
      `  private_key: |\n    -----BEGIN\n    hunter22secret\n    -----END`,
      `private_key = """\nhunter22secret\n"""`
    ]
    for (const line of around) {
      for (const [before, after] of [
        [`${line}\n`, `${line}\nnew\n`],
        [`${line}\nold\n`, "old\n"],
        [`${line}\n`, `${line},\n`]
      ] as const) {
        assert.notInclude(diff(before, after).join("\n"), "hunter22", line)
      }
    }
    // A file on one line, where both entries start with the same letter.
    const long = "x".repeat(300)
    const [before, after] = [`{"token":"hunter22"}`, `{"type":"stdio"}`]
    assert.notInclude(
      diff(`{"a":"${long}","n":${before}}`, `{"a":"${long}","n":${after}}`).join(),
      "hunter22"
    )
    // What is no secret is shown as it is.
    for (const line of [`  "token-server": {`, "[mcp_servers.token]", `  "command": "/usr/bin/node",`]) {
      assert.include(diff(`${line}\n`, `${line}\nx\n`), ` ${line}`)
    }
  })
})
