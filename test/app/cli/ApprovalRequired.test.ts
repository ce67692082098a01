import { assert, describe, it } from "vitest"
import { errorText } from "../../../src/app/cli/RemedyText.ts"
import { ApprovalRequired } from "../../../src/app/cli/UsageError.ts"

describe("the flag that lets a tool run", () => {
  it.each([
    ["notion:search", "--allow notion:search"],
    ["notion:$(reboot)", "--allow 'notion:$(reboot)'"],
    ["notion:`reboot`", "--allow 'notion:`reboot`'"],
    ["notion:x; reboot", '--allow "notion:x; reboot"'],
    ["notion:it's $HOME", "--allow 'notion:it'\\''s $HOME'"]
  ])("is a word of a shell for %s", (tool, flag) => {
    assert.isTrue(errorText(new ApprovalRequired({ tools: [tool] })).endsWith(`To let it run: ${flag}`))
  })
})
