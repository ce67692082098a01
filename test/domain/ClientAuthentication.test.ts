import { assert, describe, it } from "@effect/vitest"
import { authenticationMethods } from "../../src/domain/ClientAuthentication.ts"

const basic = "client_secret_basic"
const post = "client_secret_post"

describe("the ways to authenticate at the token endpoint", () => {
  it.each([
    [undefined, [basic, post]],
    [[], [basic, post]],
    [
      ["private_key_jwt", "none"],
      [basic, post]
    ],
    [[post, basic], [basic]],
    [["private_key_jwt", post], [post]]
  ])("with a secret, where the server lists %j, are %j", (supported, expected) => {
    assert.deepEqual([...authenticationMethods({ hasSecret: true, decided: undefined, supported })], expected)
  })

  it("are none without a secret, whatever the server lists", () => {
    for (const supported of [undefined, [basic], ["none"]]) {
      assert.deepEqual(authenticationMethods({ hasSecret: false, decided: undefined, supported }), ["none"])
    }
  })

  it("are the one that is decided, and no other is tried", () => {
    for (const decided of [basic, post, "none"] as const) {
      assert.deepEqual(authenticationMethods({ hasSecret: true, decided, supported: [basic] }), [decided])
    }
  })
})
