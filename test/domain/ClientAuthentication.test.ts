import { assert, describe, it } from "@effect/vitest"
import { authenticationMethods, basicWithClientId } from "../../src/domain/ClientAuthentication.ts"

const basic = "client_secret_basic"
const post = "client_secret_post"

describe("the ways to authenticate at the token endpoint", () => {
  it.each([
    [undefined, [basic, post, basicWithClientId]],
    [[], [basic, post, basicWithClientId]],
    [
      ["private_key_jwt", "none"],
      [basic, post, basicWithClientId]
    ],
    [
      [post, basic],
      [basic, post, basicWithClientId]
    ],
    [[basic], [basic, basicWithClientId]],
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
    for (const decided of [post, "none"] as const) {
      assert.deepEqual(authenticationMethods({ hasSecret: true, decided, supported: [basic] }), [decided])
    }
    assert.deepEqual(authenticationMethods({ hasSecret: true, decided: basic, supported: [post] }), [
      basic,
      basicWithClientId
    ])
  })

  it.each([
    [post, undefined, [post, basic, basicWithClientId]],
    [basicWithClientId, undefined, [basicWithClientId, basic, post]],
    [post, [basic], [post, basic, basicWithClientId]],
    ["none", [post], ["none", post]]
  ] as const)(
    "begin with %s, which worked before, where the server lists %j",
    (preferred, supported, expected) => {
      const methods = authenticationMethods({ hasSecret: true, decided: undefined, preferred, supported })
      assert.deepEqual<ReadonlyArray<string>>(methods, expected)
    }
  )
})
