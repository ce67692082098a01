import { assert, describe, it } from "@effect/vitest"
import { bannedIn } from "../../scripts/check-words.ts"

describe("the words of the project", () => {
  it.for([
    ["Whoever asks gets a token.", 1],
    ["It is mended anew, letter by letter.", 3],
    ["There is none.", 1],
    ["How tokens are come by.", 1],
    ["The user amends the commencement of a nonetheless recommended file.", 0]
  ] as const)("are checked: %s", ([text, found]) => {
    assert.lengthOf(bannedIn(`First line.\n${text}`), found)
  })
})
