import { Clock, Effect } from "effect"

/** Milliseconds for which metadata is used again. */
export const metadataLifetime = 300_000
/** Documents that are kept at most; the oldest goes first. */
const maxDocuments = 200
/** Characters of a document that is kept; a longer one is fetched each time. */
const maxDocument = 65_536

/** Documents by key, for five minutes, in this process only. */
export interface MetadataCache {
  readonly get: (key: string) => Effect.Effect<string | undefined>
  readonly set: (key: string, text: string) => Effect.Effect<void>
}

/** An empty cache. */
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
        if (text.length > maxDocument) return
        documents.set(key, { text, until: now + metadataLifetime })
        for (const oldest of documents.keys()) {
          if (documents.size <= maxDocuments) break
          documents.delete(oldest)
        }
      })
  }
}
