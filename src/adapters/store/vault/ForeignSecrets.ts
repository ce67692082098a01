import { Effect, Layer } from "effect"
import type { VaultSettings } from "../../../ports/Configuration.ts"
import { ForeignVault } from "../../../ports/ForeignVault.ts"
import { keyValue } from "./KeyValue.ts"
import { withSealStatus } from "./SealStatus.ts"
import { vaultHttp } from "./VaultHttp.ts"
import { vaultSession } from "./VaultSession.ts"
import type { Tell } from "./WaitNotice.ts"

/** Reads other programs' secrets with the settings of this one. */
export const layer = (settings: VaultSettings, tell?: Tell): Layer.Layer<ForeignVault> =>
  Layer.effect(
    ForeignVault,
    Effect.gen(function* () {
      const http = withSealStatus(yield* vaultHttp(settings, tell))
      const session = yield* vaultSession(http, settings.auth)
      return ForeignVault.of({
        read: Effect.fn("ForeignVault.read")((mountPoint, pathPrefix, name) =>
          Effect.map(
            keyValue(http, session, { mountPoint, pathPrefix, kvVersion: undefined }).read(name),
            ({ fields }) => fields
          )
        )
      })
    })
  )
