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
    assert.include(text, `  na me[2J: ${shown}`)
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
    [
      "a change",
      { change: Array.from({ length: 50 }, (_, at) => `+ ${at}`) },
      /definition has changed[^]*and 30 more lines/
    ]
  ])("is short for %s that is long, and can be seen whole", (_, changes, shown) => {
    const long = request(changes)
    assert.match(approvalText(long), shown)
    assert.isBelow(approvalText(long).length, 1500)
    assert.isTrue(isCut(long))
    assert.notInclude(wholeApprovalText(long), "…")
  })
})
