import { Clock, Effect } from "effect"

/** Lifetime of a cached document in milliseconds: a server that moves is noticed within five minutes. */
export const metadataLifetime = 300_000
/** Maximum number of cached documents; the oldest goes first. A program talks to a few servers with 2 documents each. */
const maxDocuments = 200
/** Maximum length of a cached document in characters. A longer one, which no server needs, is fetched each time. */
const maxLength = 65_536

/** Caches documents by key for {@link metadataLifetime}, in this process only. */
export interface MetadataCache {
  readonly get: (key: string) => Effect.Effect<string | undefined>
  readonly set: (key: string, text: string) => Effect.Effect<void>
}

/** Creates an empty cache. */
export const makeMetadataCache = (): MetadataCache => {
  const documents = new Map<string, { readonly text: string; readonly until: number }>()
  return {
    get: (key) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        const document = documents.get(key)
        if (document !== undefined && document.until > now) return document.text
        documents.delete(key)
        return undefined
      }),
    set: (key, text) =>
      Effect.map(Clock.currentTimeMillis, (now) => {
        documents.delete(key)
        if (text.length > maxLength) return
        documents.set(key, { text, until: now + metadataLifetime })
        for (const oldest of documents.keys()) {
          if (documents.size <= maxDocuments) break
          documents.delete(oldest)
        }
      })
  }
}
