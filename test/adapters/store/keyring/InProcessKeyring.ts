import { Effect, Layer, Option } from "effect"
import { Keyring } from "../../../../src/adapters/store/keyring/Keyring.ts"
import { keyringEntries } from "../../../../src/adapters/store/keyring/KeyringEntries.ts"
import { failureOf } from "../../../../src/adapters/store/keyring/KeyringFailure.ts"
import { faultOf } from "../../../../src/adapters/store/keyring/KeyringFault.ts"
import { type KeyringBackend, service } from "../../../../src/adapters/store/keyring/KeyringName.ts"
import type { KeyringPackage } from "../../../../src/adapters/store/keyring/KeyringPackage.ts"
import { StorageError } from "../../../../src/ports/CredentialStore.ts"
import { storageBackends } from "../../../../src/ports/StorageBackend.ts"

/** A keyring over a package that never blocks, in this process. */
export const inProcessKeyring = (backend: KeyringBackend, keyringPackage: KeyringPackage) => {
  const entries = keyringEntries(backend, keyringPackage)
  const ask = <A>(account: string, call: () => A) =>
    Effect.try({
      try: call,
      catch: (error) => new StorageError({ reason: failureOf(backend, account, faultOf(error)) })
    })
  return Layer.succeed(Keyring, {
    description: { backend: storageBackends[backend], location: `service ${service}` },
    prepare: Effect.void,
    get: (account) =>
      Effect.map(
        ask(account, () => entries.get(account)),
        Option.fromNullishOr
      ),
    find: () => Effect.succeed([]),
    set: (account, secret) => ask(account, () => entries.set(account, secret)),
    remove: (account) => ask(account, () => entries.remove(account))
  })
}
