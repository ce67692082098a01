import { join } from "node:path"
import { Effect, Layer, Redacted } from "effect"
import * as MemoryLock from "../../src/adapters/lock/MemoryLock.ts"
import * as ProcessLock from "../../src/adapters/lock/ProcessLock.ts"
import * as EncryptedFileStore from "../../src/adapters/store/encrypted-file/EncryptedFileStore.ts"
import * as MemoryStore from "../../src/adapters/store/memory/MemoryStore.ts"
import { SecretPrompt } from "../../src/ports/SecretPrompt.ts"
import { temporaryFolder } from "../adapters/TemporaryFolder.ts"
import { credentialLockContract } from "./CredentialLockContract.ts"
import { credentialStoreContract } from "./CredentialStoreContract.ts"

const nobody = Layer.succeed(SecretPrompt, { ask: () => Effect.succeedNone })

credentialStoreContract("memory", MemoryStore.layer)
credentialStoreContract(
  "encrypted files",
  Layer.unwrap(
    Effect.map(temporaryFolder, (directory) =>
      EncryptedFileStore.layer({
        directory: join(directory, "tokens"),
        password: Redacted.make("correct horse")
      }).pipe(Layer.provide(nobody))
    )
  )
)

credentialLockContract("memory", MemoryLock.layer)
credentialLockContract(
  "processes",
  Layer.unwrap(
    Effect.map(temporaryFolder, (directory) => ProcessLock.layer({ directory: join(directory, "locks") }))
  )
)
