import { Effect } from "effect"
import {
  type ConfiguredClient,
  type SecretSource,
  type SigningKey,
  signingAlgorithms
} from "../../domain/Server.ts"
import { type Block, notEmpty } from "./Cursor.ts"

/** The fields of a client and its authentication. */
export const clientFields = [
  "client_id",
  "client_secret",
  "private_key",
  "private_key_file",
  "private_key_id",
  "signing_algorithm"
]

/** Reads a secret, or the path of the file that contains it: `name`, or `name_file`. */
export const readSecretSource = Effect.fnUntraced(function* (
  block: Block,
  name: string
): Effect.fn.Return<SecretSource | undefined> {
  const inFile = `${name}_file`
  const text = yield* block.secret(name)
  const file = yield* block.filePath(inFile)
  if (block.has(name) && block.has(inFile)) {
    block.error(inFile, `is given besides ${name}: one of the two is enough`)
  }
  return text ?? (file === undefined ? undefined : { file })
})

/**
 * Reads a client. It authenticates by a secret or by a private key, not by both.
 *
 * @param readSecret reads the field of its secret
 */
export const readClient = Effect.fnUntraced(function* <V>(
  block: Block,
  readSecret: (name: string) => Effect.Effect<V | undefined>
): Effect.fn.Return<{
  readonly client: ConfiguredClient<V> | undefined
  /** True if the client has a secret. */
  readonly hasSecret: boolean
  /** True if the client has a private key. */
  readonly signs: boolean
}> {
  const clientId = yield* block.string("client_id", notEmpty)
  const clientSecret = yield* readSecret("client_secret")
  const pem = yield* readSecretSource(block, "private_key")
  const keyId = yield* block.string("private_key_id", notEmpty)
  const algorithm = yield* block.oneOf("signing_algorithm", signingAlgorithms)
  const hasSecret = block.has("client_secret")
  const signs = block.has("private_key") || block.has("private_key_file")
  if (signs && hasSecret) {
    block.error("client_secret", "is given besides a private key: a client has one or the other")
  }
  for (const name of ["private_key_id", "signing_algorithm"]) {
    if (!signs && block.has(name)) {
      block.require("private_key_file", `${name} is given, and belongs to a key`)
    }
  }
  const signingKey: SigningKey | undefined = pem && { pem, keyId, algorithm }
  const client =
    clientId === undefined
      ? undefined
      : { clientId, clientSecret, ...(signingKey === undefined ? {} : { signingKey }) }
  return { client, hasSecret, signs }
})
