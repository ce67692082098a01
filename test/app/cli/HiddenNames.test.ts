import { assert, describe, it } from "@effect/vitest"
import { callText } from "../../../src/app/cli/chat/CallText.ts"
import { promptListing, resourceListing, toolListing } from "../../../src/app/cli/Listing.ts"
import { ApprovalRequired } from "../../../src/app/cli/UsageError.ts"
import { toolOf } from "./chat/ChatWorld.ts"

const hidden: ReadonlyArray<readonly [what: string, name: string, shown: string]> = [
  ["a zero-width space", "sea\u200brch", "sea\\u200brch"],
  ["a joiner", "sea\u200drch", "sea\\u200drch"],
  ["another direction", "\u202ehcraes", "\\u202ehcraes"],
  ["a tag", "search\u{e0041}", "search\\udb40\\udc41"],
  ["a soft hyphen", "se\u00adarch", "se\\u00adarch"],
  ["a line break", "search\nsearch", "search\\nsearch"],
  ["an escape", "search\u001b[8m", "search\\u001b[8m"]
]

describe("a name with hidden characters", () => {
  it.each(hidden)("does not look like one without them: %s", (_, name, shown) => {
    const call = { id: "1", tool: toolOf("notion", name), name: "notion__search", arguments: { [name]: 1 } }
    assert.strictEqual(callText(call), `notion: ${shown} ${shown}=1`)
    assert.strictEqual(callText({ ...call, tool: undefined, name }), `${shown} ${shown}=1`)
    const inputSchema = { type: "object", properties: { [name]: {} } }
    assert.deepEqual(toolListing.row({ name, title: undefined, description: undefined, inputSchema }), [
      shown,
      `${shown}?`,
      ""
    ])
    assert.strictEqual(
      resourceListing.row({ uri: name, name: "", description: undefined, mimeType: undefined })[0],
      shown
    )
    assert.deepEqual(
      promptListing.row({
        name,
        description: undefined,
        arguments: [{ name, description: undefined, required: true }]
      }),
      [shown, shown, ""]
    )
    assert.include(new ApprovalRequired({ tools: [`notion:${name}`] }).message, `notion:${shown} was`)
  })
})
