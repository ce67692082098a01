import { assert, it } from "@effect/vitest"
import { expiryText } from "../../../src/app/cli/ExpiryText.ts"

it.each([
  [3_600_000, true, "The access token expires in 1 hour, and the next use after that renews it."],
  [3_600_000, false, "The access token expires in 1 hour. It cannot be refreshed: sign in again then."],
  // `expires_in` may be over before the sign-in is stored.
  [0, true, "The access token has expired already, and the next use renews it."],
  [
    -1,
    false,
    "The access token has expired already, and cannot be refreshed: its server gives it too little time."
  ],
  [undefined, true, undefined]
] as const)("a token that expires in %s ms (renewable: %s): %s", (left, isRenewable, text) => {
  assert.strictEqual(
    expiryText(left === undefined ? {} : { expiresAt: 1000 + left }, isRenewable, 1000),
    text
  )
})
