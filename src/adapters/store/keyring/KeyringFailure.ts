import { Option } from "effect"
import { CredentialKey } from "../../../domain/CredentialKey.ts"
import { storageBackends } from "../../../ports/StorageBackend.ts"
import {
  BackendError,
  Corrupt,
  Denied,
  Locked,
  type StorageFailure,
  Unavailable,
  Unsupported
} from "../../../ports/StorageFailure.ts"
import type { KeyringFault } from "./KeyringFault.ts"
import type { KeyringBackend } from "./KeyringName.ts"

/** Translates a fault of the keyring process into a failure of the store. */
export const failureOf = (
  name: KeyringBackend,
  account: string,
  { detail, tag }: KeyringFault
): StorageFailure => {
  const backend = storageBackends[name]
  switch (tag) {
    case "Unavailable":
      return new Unavailable({ backend, detail })
    case "Locked":
      return new Locked({ backend, detail })
    case "Denied":
      return new Denied({ backend, detail })
    case "Unsupported":
      return new Unsupported({ backend, detail })
    case "Corrupt":
      return new Corrupt({
        path: `The entry ${account}`,
        detail,
        ...Option.match(CredentialKey.fromStorageName(account), {
          onNone: () => ({}),
          onSome: (key) => ({ key })
        })
      })
    case "BackendError":
      return new BackendError({ backend, detail })
  }
}
