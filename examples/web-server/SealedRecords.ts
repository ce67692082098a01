import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto"
import { Clock, Effect, Option, Schema } from "effect"
import { Corrupt, StorageError } from "mcp-cli-oauth"
import { Database } from "./Database.ts"

const algorithm = "aes-256-gcm"
const authTagLength = 16

/**
 * The records of one kind, each encrypted by AES-256-GCM. The kind and the name are authenticated, so that no record can be
 * moved to another place. Names are not encrypted, and must not be secrets.
 */
export const makeSealedRecords = <A>(kind: string, schema: Schema.Codec<A, string>) =>
  Effect.gen(function* () {
    const { file, key, query } = yield* Database
    const context = (name: string) => Buffer.from(JSON.stringify([kind, name]))

    const seal = (name: string, text: string): Uint8Array => {
      const nonce = randomBytes(12)
      const cipher = createCipheriv(algorithm, key, nonce, { authTagLength }).setAAD(context(name))
      const encrypted = Buffer.concat([cipher.update(text, "utf8"), cipher.final()])
      return Buffer.concat([nonce, cipher.getAuthTag(), encrypted])
    }

    const unseal = (name: string, sealed: Uint8Array): string => {
      const cipher = createDecipheriv(algorithm, key, sealed.subarray(0, 12), { authTagLength })
        .setAAD(context(name))
        .setAuthTag(sealed.subarray(12, 28))
      return Buffer.concat([cipher.update(sealed.subarray(28)), cipher.final()]).toString("utf8")
    }

    const decode = Effect.fnUntraced(function* (name: string, sealed: unknown) {
      if (!(sealed instanceof Uint8Array)) return Option.none<A>()
      const text = yield* Effect.try(() => unseal(name, sealed))
      return Option.some(yield* Schema.decodeEffect(schema)(text))
    })

    const open = (name: string, sealed: unknown) =>
      Effect.mapError(
        decode(name, sealed),
        () =>
          new StorageError({
            reason: new Corrupt({
              path: `${file}: ${kind} ${name}`,
              detail: "it does not match STORE_KEY",
              fixes: [{ _tag: "Advice", text: "Start with the key that wrote it, or sign in again." }]
            })
          })
      )

    const find = (name: string) =>
      Effect.gen(function* () {
        const [row] = yield* query("SELECT sealed FROM records WHERE kind = ? AND name = ?", kind, name)
        return row?.["sealed"]
      })

    return {
      get: (name: string) => Effect.flatMap(find(name), (sealed) => open(name, sealed)),

      /** Replaces a record. One with a time of expiry, in milliseconds since the epoch, also removes those that have expired. */
      put: Effect.fnUntraced(function* (name: string, value: A, expiresAt: number | null = null) {
        const text = yield* Effect.orDie(Schema.encodeEffect(schema)(value))
        if (expiresAt !== null) {
          yield* query("DELETE FROM records WHERE expires_at <= ?", yield* Clock.currentTimeMillis)
        }
        yield* query(
          "INSERT OR REPLACE INTO records (kind, name, sealed, expires_at) VALUES (?, ?, ?, ?)",
          kind,
          name,
          seal(name, text),
          expiresAt
        )
      }),

      /** Removes a record and returns it. Of two replicas that take it, one gets it. */
      take: Effect.fnUntraced(function* (name: string) {
        const [row] = yield* query(
          "DELETE FROM records WHERE kind = ? AND name = ? RETURNING sealed",
          kind,
          name
        )
        return yield* open(name, row?.["sealed"])
      }),

      /** Removes a record without reading it. True if there was one. */
      remove: (name: string) =>
        query("DELETE FROM records WHERE kind = ? AND name = ? RETURNING name", kind, name).pipe(
          Effect.map((rows) => rows.length > 0)
        ),

      /** Removes a record if it matches, unless another replica replaces it at the same moment. */
      removeIf: Effect.fnUntraced(function* (name: string, matches: (value: A) => boolean) {
        const sealed = yield* find(name)
        if (!(sealed instanceof Uint8Array) || !Option.exists(yield* open(name, sealed), matches)) return
        yield* query("DELETE FROM records WHERE kind = ? AND name = ? AND sealed = ?", kind, name, sealed)
      }),

      clear: Effect.asVoid(query("DELETE FROM records WHERE kind = ?", kind)),

      names: Effect.map(query("SELECT name FROM records WHERE kind = ? ORDER BY name", kind), (rows) =>
        rows.map(({ name }) => String(name))
      )
    }
  })
