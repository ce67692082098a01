import { Context, type Effect } from "effect"
import type { ForeignSignIn } from "../domain/foreign-tokens/ForeignSignIn.ts"

/** The programs whose sign-ins can be imported, those with the most users first. */
export const foreignPrograms = [
  "mcp-remote",
  "claude-code",
  "gemini",
  "codex",
  "opencode",
  "mcporter",
  "mcpc",
  "python-mcp-cli",
  "fastmcp"
] as const

/** One of {@link foreignPrograms}. */
export type ForeignProgram = (typeof foreignPrograms)[number]

/** What the sign-ins of some programs can only be found by. */
export interface SearchedServers {
  /** The names in the configuration, for the Python program. */
  readonly names: ReadonlyArray<string>
  /** The servers that mcp-remote may know, and the texts whose hashes name its files. */
  readonly remoteLines: ReadonlyArray<{ readonly url: string; readonly storeKey: string }>
}

/** The sign-ins of a program. */
export interface FoundSignIns {
  readonly signIns: ReadonlyArray<ForeignSignIn>
  /** What was not read and why, and who else can read what was: sentences without secrets. */
  readonly notes: ReadonlyArray<string>
  /** Where the program keeps its sign-ins, whether there are any or not. */
  readonly places: ReadonlyArray<string>
}

/** Reads the sign-ins that other programs store. Nothing of theirs is written. */
export class ForeignTokens extends Context.Service<
  ForeignTokens,
  {
    /** Never fails: what cannot be read is in the notes. */
    readonly find: (program: ForeignProgram, servers: SearchedServers) => Effect.Effect<FoundSignIns>
  }
>()("mcp-cli-oauth/ports/ForeignTokens") {}
