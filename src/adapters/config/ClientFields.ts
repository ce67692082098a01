import { Effect } from "effect"
import {
  type ConfiguredClient,
  type SecretFile,
  type SecretSource,
  type SigningKey,
  signingAlgorithms
} from "../../domain/Server.ts"
import { type Block, notEmpty } from "./Cursor.ts"

/** The fields of a client and its authentication. */
export const clientFields = [
  "client_id",
  "client_secret",
  "client_secret_file",
  "private_key",
  "private_key_file",
  "private_key_id",
  "signing_algorithm"
]

/** Reads the path of the file with a secret, from `name_file`. It is an error if the secret is given as well. */
const readSecretFile = Effect.fnUntraced(function* (
  block: Block,
  name: string
): Effect.fn.Return<SecretFile | undefined> {
  const inFile = `${name}_file`
  const file = yield* block.filePath(inFile)
  if (block.has(name) && block.has(inFile)) {
    block.error(inFile, `is given besides ${name}: one of the two is enough`)
  }
  return file === undefined ? undefined : { file }
})

/** Reads a secret, or the path of the file that contains it: `name`, or `name_file`. */
export const readSecretSource = Effect.fnUntraced(function* (
  block: Block,
  name: string
): Effect.fn.Return<SecretSource | undefined> {
  const text = yield* block.secret(name)
  const file = yield* readSecretFile(block, name)
  return text ?? file
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
  /** The field that has the secret of the client, or its file. Absent: it has none. */
  readonly secretField: string | undefined
  /** True if the client has a private key. */
  readonly signs: boolean
}> {
  const clientId = yield* block.string("client_id", notEmpty)
  const text = yield* readSecret("client_secret")
  const file = yield* readSecretFile(block, "client_secret")
  const pem = yield* readSecretSource(block, "private_key")
  const keyId = yield* block.string("private_key_id", notEmpty)
  const algorithm = yield* block.oneOf("signing_algorithm", signingAlgorithms)
  const secretField = ["client_secret", "client_secret_file"].find((name) => block.has(name))
  const signs = block.has("private_key") || block.has("private_key_file")
  if (signs && secretField !== undefined) {
    block.error(secretField, "is given besides a private key: a client has one or the other")
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
      : { clientId, clientSecret: text ?? file, ...(signingKey === undefined ? {} : { signingKey }) }
  return { client, secretField, signs }
})
