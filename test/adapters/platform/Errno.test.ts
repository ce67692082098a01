import { assert, describe, it } from "vitest"
import { remediesOfErrno, remediesOfStore } from "../../../src/adapters/platform/Errno.ts"
import { remedyText } from "../../../src/app/cli/RemedyText.ts"

describe("an error in the folder of mcp-cli", () => {
  it.each([
    ["EACCES", true],
    ["EPERM", true],
    ["EROFS", true],
    ["ENOSPC", false],
    ["ENOTDIR", false],
    [undefined, false]
  ])("names HOME if the user cannot write there: %s", (code, namesHome) => {
    const texts = remediesOfStore(code).map((remedy) => remedyText(remedy, undefined))
    assert.strictEqual(
      texts.some((text) => text.includes("below HOME")),
      namesHome
    )
    assert.isFalse(remediesOfErrno(code).some((remedy) => remedyText(remedy, undefined).includes("HOME")))
  })
})
