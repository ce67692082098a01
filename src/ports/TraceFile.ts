import { Context, type Effect, Schema } from "effect"
import type { Trace } from "../domain/TraceEvent.ts"

/** The record of a flow cannot be written where it is wanted. */
export class TraceFileError extends Schema.TaggedError<TraceFileError>()("TraceFileError", {
  path: Schema.String,
  detail: Schema.String
}) {
  override get message(): string {
    return `The trace cannot be written to ${this.path}: ${this.detail}.`
  }
}

/** Writes records of flows as pages. */
export class TraceFile extends Context.Service<
  TraceFile,
  {
    /** Whether a page can be written there, before there is something to write; gives its whole path. */
    readonly check: (path: string) => Effect.Effect<string, TraceFileError>
    /** Writes the page in place of what is there; only its owner can read it. */
    readonly write: (path: string, trace: Trace) => Effect.Effect<void, TraceFileError>
  }
>()("mcp-cli-oauth/ports/TraceFile") {}
