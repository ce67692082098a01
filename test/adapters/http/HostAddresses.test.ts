import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { HostAddresses } from "../../../src/adapters/http/HostAddresses.ts"
import { kindOfAddress } from "../../../src/domain/PrivateAddress.ts"

describe("the addresses of a host", () => {
  it.live("are those that the system connects to", () =>
    Effect.gen(function* () {
      const addresses = yield* Effect.flatMap(HostAddresses, (find) => find("localhost"))
      assert.isNotEmpty(addresses)
      for (const address of addresses) assert.strictEqual(kindOfAddress(address)?.zone, "this machine")
    })
  )

  it.live("are none where there is no such name: the request will say so", () =>
    Effect.gen(function* () {
      // Too long for a name, so that no resolver is asked for it.
      assert.deepEqual(yield* Effect.flatMap(HostAddresses, (find) => find("x".repeat(300))), [])
    })
  )
})
