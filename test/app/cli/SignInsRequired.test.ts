import { assert, describe, it } from "@effect/vitest"
import { errorText } from "../../../src/app/cli/RemedyText.ts"
import { SignInsRequired } from "../../../src/app/cli/UsageError.ts"
import { SignInRequired } from "../../../src/domain/SignInError.ts"

const linesOf = (names: ReadonlyArray<string>, unattended?: boolean) =>
  errorText(new SignInsRequired({ names, ...(unattended === undefined ? {} : { unattended }) })).split("\n")

describe("several accounts that need a sign-in", () => {
  it("are named, with the command that signs in", () => {
    assert.deepStrictEqual(linesOf(["notion", "linear (work)"]), [
      "notion and linear (work) need a sign-in.",
      "To sign in to one of them, run: mcp-cli auth login NAME"
    ])
    const many = ["a", "b", "c", "d", "e", "f", "g"]
    assert.strictEqual(linesOf(many)[0], "a, b, c, d, e and 2 others need a sign-in.")
  })

  it("are told in CI, where no command signs in, what works there, as a single one is", () => {
    const [message, ...remedies] = linesOf(["notion", "linear"], true)
    assert.strictEqual(message, "notion and linear need a sign-in.")
    assert.deepStrictEqual(remedies, [
      "No command signs in while CI is set. Sign in on a machine with a browser, and let this job use these sign-ins: in Vault, or in encrypted files that it has.",
      'If a provider has a grant without a user, set "grant_type" in the oauth block of its server.'
    ])
    const single = errorText(
      new SignInRequired({ server: "notion", why: "never signed in", unattended: true })
    )
    assert.include(single, "No command signs in while CI is set.")
    assert.notInclude(single, "auth login")
  })
})
