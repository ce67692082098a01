import { readFileSync } from "node:fs"
import { join } from "node:path"

// This module does not import Effect: bin.ts loads it before the rest of the program.

/** The slow first step of a store, which can start while the rest of the program loads. */
export type Prefetch =
  | { readonly step: "start-keyring"; readonly backend: "keychain" | "windows" }
  | { readonly step: "connect-bus" }
  | { readonly step: "derive-key" }
  | { readonly step: "nothing" }

/**
 * The step that the backend in use needs. It is a guess that decides nothing else: a wrong one costs a little time.
 *
 * @param backend the name in the stored choice; `undefined` before the first choice, which may be encrypted files
 */
export const prefetchOf = (backend: unknown): Prefetch => {
  switch (backend) {
    case "keychain":
    case "windows":
      return { step: "start-keyring", backend }
    case "secretservice":
      return { step: "connect-bus" }
    case "encrypted":
    case undefined:
      return { step: "derive-key" }
    default:
      return { step: "nothing" }
  }
}

/** The backend that the stored choice names; `undefined` if there is no readable choice. */
export const chosenBackend = (dataFolder: string): unknown => {
  try {
    const text = readFileSync(join(dataFolder, "storage", "choice.json"), "utf8")
    return (JSON.parse(text) as { backend?: unknown }).backend
  } catch {
    // Nothing is chosen yet, or the store reports what is wrong with the file.
    return undefined
  }
}
