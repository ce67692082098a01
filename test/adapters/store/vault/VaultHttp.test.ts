import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { type RawRequest, VaultConnector } from "../../../../src/adapters/store/vault/VaultConnection.ts"
import { vaultHttp } from "../../../../src/adapters/store/vault/VaultHttp.ts"

describe("the index of a cluster", () => {
  it.effect("of the last write is sent with each request, so that no standby that is behind answers", () => {
    const indexes = ["read-1", "write-2", "read-1", undefined]
    const sent: Array<RawRequest> = []
    const connector = VaultConnector.of(() =>
      Effect.succeed({
        exchange: (_, request) =>
          Effect.sync(() => {
            sent.push(request)
            const index = indexes.shift()
            return { status: 204, headers: index === undefined ? {} : { "x-vault-index": index }, text: "" }
          })
      })
    )
    return Effect.gen(function* () {
      const http = yield* vaultHttp({
        url: new URL("http://vault.test"),
        namespace: undefined,
        tls: { caCert: undefined, clientCert: undefined, clientKey: undefined, skipVerify: false }
      })
      for (const method of ["GET", "POST", "GET", "GET"] as const) yield* http.send({ method, path: ["a"] })
      assert.deepEqual(
        sent.map(({ headers }) => headers["x-vault-index"]),
        [undefined, "read-1", "write-2", "write-2"]
      )
      assert.deepEqual(
        sent.map(({ headers }) => headers["x-vault-inconsistent"]),
        [undefined, "forward-active-node", "forward-active-node", "forward-active-node"]
      )
    }).pipe(Effect.provideService(VaultConnector, connector), Effect.scoped)
  })
})
