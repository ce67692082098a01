import { Effect, Layer } from "effect"
import { ForeignKeyring } from "../../../ports/ForeignKeyring.ts"
import { Keyring } from "./Keyring.ts"

/** Reads other programs' entries over the keyring process. */
export const layer: Layer.Layer<ForeignKeyring, never, Keyring> = Layer.effect(
  ForeignKeyring,
  Effect.map(Keyring, ({ find }) =>
    ForeignKeyring.of({
      find: (service) =>
        Effect.catchReason(find(service), "StorageError", "Unavailable", () => Effect.succeed([]))
    })
  )
)
