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

/** A fault of a keyring as the failure of a store. */
export const failureOf = (
  backend: KeyringBackend,
  account: string,
  { detail, tag }: KeyringFault
): StorageFailure => {
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
      return new Corrupt({ path: `The entry ${account}`, detail })
    case "BackendError":
      return new BackendError({ backend, detail })
  }
}
