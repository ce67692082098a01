import { assert, describe, it } from "vitest"
import { approvalText, isCut, wholeApprovalText } from "../../../src/adapters/terminal/ApprovalText.ts"
import type { ApprovalRequest } from "../../../src/ports/ToolApproval.ts"

const request = (changes: Partial<ApprovalRequest> = {}): ApprovalRequest => ({
  server: "notion",
  tool: { name: "send", title: undefined, description: "Sends\u001b[2J", inputSchema: {} },
  arguments: { to: "ada@example.com", text: "hi" },
  reasons: ["This tool may change or delete something."],
  change: [],
  ...changes
})

describe("the question before a call", () => {
  it("shows the server, the tool, the arguments and the reasons", () => {
    assert.strictEqual(
      approvalText(request()),
      [
        "notion would run send:",
        '  to: "ada@example.com"',
        '  text: "hi"',
        "This tool may change or delete something."
      ].join("\n")
    )
    assert.isFalse(isCut(request()))
    assert.strictEqual(
      approvalText(request({ arguments: {}, reasons: [] })),
      "notion would run send, without arguments"
    )
  })

  it.each([
    ["escapes", "a\u001b[2Jb\u009b1A", '"a\\u001b[2Jb\\u009b1A"'],
    ["another direction", "pay\u202eyap", '"pay\\u202eyap"'],
    ["invisible characters", "a\u200bb\u{e0041}", '"a\\u200bb\\udb40\\udc41"'],
    ["lines", "x\nRun it? y", '"x\\nRun it? y"']
  ])("shows what a terminal would hide, and no line that looks like ours: %s", (_, value, shown) => {
    const text = approvalText(request({ arguments: { "na\nme\u001b[2J": value } }))
    assert.include(text, `  na\\nme\\u001b[2J: ${shown}`)
    assert.include(wholeApprovalText(request({ arguments: { value } })), shown)
    // oxlint-disable-next-line no-control-regex -- what a terminal acts on
    assert.notMatch(text, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e\u200b]/)
  })

  it.each<[what: string, changes: Partial<ApprovalRequest>, shown: RegExp]>([
    ["an argument", { arguments: { a: "x".repeat(5000) } }, /x{100}… \(5,002 characters\)/],
    [
      "arguments",
      { arguments: Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`a${at}`, at])) },
      /and 28 more/
    ],
    ["a name", { arguments: { ["x".repeat(500)]: 1 } }, /x{100}… \(500 characters\): 1/],
    ["a line of a change", { change: [`+ description: ${"x".repeat(3000)}`] }, /x… \(3,015 characters\)/],
    [
      "a change",
      { change: Array.from({ length: 50 }, (_, at) => `+ ${at}`) },
      /definition has changed[^]*and 30 more lines/
    ]
  ])("is short for %s that is long, and can be seen whole", (_, changes, shown) => {
    const long = request(changes)
    assert.match(approvalText(long).replaceAll("\n    ", ""), shown)
    assert.isBelow(approvalText(long).length, 1500)
    assert.isTrue(isCut(long))
    assert.notInclude(wholeApprovalText(long), "…")
  })

  it.each<[what: string, one: Partial<ApprovalRequest>, other: Partial<ApprovalRequest>]>([
    [
      "names of tools",
      { tool: { ...request().tool, name: "send" } },
      { tool: { ...request().tool, name: "send\u200b" } }
    ],
    ["names of arguments", { arguments: { to: 1 } }, { arguments: { "t\u2060o": 1 } }],
    ["values", { arguments: { to: "a" } }, { arguments: { to: "a\u{e0061}" } }],
    ["lines of a change", { change: ["+ title: pay"] }, { change: ["+ title: pay\u202e"] }]
  ])("looks different for %s that differ in what a terminal hides", (_, one, other) => {
    assert.notStrictEqual(approvalText(request(one)), approvalText(request(other)))
    assert.match(approvalText(request(other)), /\\u/)
    // oxlint-disable-next-line no-control-regex -- what a terminal hides
    assert.notMatch(approvalText(request(other)), /[\u200b\u2060\u202e\udc61]/)
  })

  it.each<[what: string, changes: Partial<ApprovalRequest>]>([
    ["a value", { arguments: { text: `${" ".repeat(71)}Run it? y` } }],
    ["a name", { arguments: { [`x${" ".repeat(77)}Run it? y`]: 1 } }],
    ["wide characters", { arguments: { text: `${"字".repeat(36)}Run it? y` } }],
    ["a change", { change: [`+ title:${" ".repeat(70)}Run it? y`] }]
  ])("lets no part of %s start in the first column of a screen", (_, changes) => {
    for (const text of [approvalText(request(changes)), wholeApprovalText(request(changes))])
      assert.notMatch(text, /^(Run|un|n it)/m)
    assert.match(approvalText(request(changes)), /^ {4}.*it\? y/m)
  })
})
