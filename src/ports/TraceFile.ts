import { Context, type Effect, Schema } from "effect"
import { Remedy } from "../domain/Remedy.ts"
import type { Trace } from "../domain/TraceEvent.ts"

/** A trace cannot be written to a path. */
export class TraceFileError extends Schema.TaggedError<TraceFileError>()("TraceFileError", {
  path: Schema.String,
  detail: Schema.String,
  /** What fixes that, where the detail does not say enough. */
  fixes: Schema.optionalKey(Schema.Array(Remedy))
}) {
  override get message(): string {
    return `The trace cannot be written to ${this.path}: ${this.detail}.`
  }

  get remedies(): ReadonlyArray<Remedy> {
    return this.fixes ?? []
  }
}

/** Writes traces of flows as HTML pages. */
export class TraceFile extends Context.Service<
  TraceFile,
  {
    /** Checks before the flow that a page can be written, and returns its absolute path. */
    readonly check: (path: string) => Effect.Effect<string, TraceFileError>
    /** Writes the page, which replaces an existing file. Only its owner can read it. */
    readonly write: (path: string, trace: Trace) => Effect.Effect<void, TraceFileError>
  }
>()("mcp-cli-oauth/ports/TraceFile") {}
