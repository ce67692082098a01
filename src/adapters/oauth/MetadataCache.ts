import { Clock, Effect } from "effect"
import { maxCachedDocuments, maxCachedLength, metadataLifetime } from "./OAuthLimits.ts"

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
        if (text.length > maxCachedLength) return
        documents.set(key, { text, until: now + metadataLifetime })
        for (const oldest of documents.keys()) {
          if (documents.size <= maxCachedDocuments) break
          documents.delete(oldest)
        }
      })
  }
}
