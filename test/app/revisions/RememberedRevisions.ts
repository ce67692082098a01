import { Effect } from "effect"
import type { RevisionMemory, SpokenRevisions } from "../../../src/ports/KnownRevisions.ts"

/** A memory that a test can read, by the address of each server. */
export const rememberedRevisions = (
  known = new Map<string, SpokenRevisions>()
): RevisionMemory & { readonly known: Map<string, SpokenRevisions> } => ({
  known,
  recall: ({ url }) => Effect.sync(() => known.get(url.href)),
  remember: ({ url }, spoken) =>
    Effect.sync(() => void (spoken === undefined ? known.delete(url.href) : known.set(url.href, spoken)))
})
