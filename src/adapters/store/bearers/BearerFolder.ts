import { createHash, randomBytes, timingSafeEqual } from "node:crypto"
import { Effect, Layer, Option, Redacted } from "effect"
import { Corrupt } from "../../../ports/StorageFailure.ts"
import { StorageError } from "../../../ports/CredentialStore.ts"
import { type BearerCheck, ProxyBearers } from "../../../ports/ProxyBearers.ts"
import { advice } from "../../../domain/Remedy.ts"
import { privateFolder } from "../folder/PrivateFolder.ts"

/** Bytes of a bearer: too many to be guessed, so that a fast hash of it reveals nothing. */
const bearerBytes = 32

const digestOf = (text: string): Buffer => createHash("sha256").update(text).digest()

const checkOf =
  (digest: Buffer): BearerCheck =>
  (text) =>
    timingSafeEqual(digestOf(text), digest)

/**
 * Stores the SHA-256 of each bearer in a file of its own.
 *
 * @param options.directory a folder that only this program uses
 */
export const layer = (options: { readonly directory: string }): Layer.Layer<ProxyBearers> =>
  Layer.sync(ProxyBearers, () => {
    const folder = privateFolder(options.directory)
    return ProxyBearers.of({
      find: Effect.fn("BearerFolder.find")(function* (purpose) {
        const text = yield* folder.read(purpose)
        if (Option.isNone(text)) return Option.none()
        const digest = /^sha256 ([0-9a-f]{64})\n$/.exec(text.value)?.[1]
        if (digest !== undefined) return Option.some(checkOf(Buffer.from(digest, "hex")))
        return yield* new StorageError({
          reason: new Corrupt({
            path: `${folder.path}/${purpose}`,
            detail: "it is cut short or altered",
            fixes: [advice("Delete it: a new bearer is made then.")]
          })
        })
      }),
      create: Effect.fn("BearerFolder.create")(function* (purpose) {
        const bearer = randomBytes(bearerBytes).toString("base64url")
        yield* folder.replace(purpose, `sha256 ${digestOf(bearer).toString("hex")}\n`)
        return Redacted.make(bearer)
      }),
      checkOf: (bearer) => checkOf(digestOf(Redacted.value(bearer)))
    })
  })
