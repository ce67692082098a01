import { Schema } from "effect"

/** A request was not sent, or its answer is not read: a whole sentence about the server. */
export class ModelHttpError extends Schema.TaggedError<ModelHttpError>()("ModelHttpError", {
  problem: Schema.Literals(["plain-http", "redirect", "too-long", "no-stream"]),
  detail: Schema.String,
  /** The error that the server reports in place of a stream. */
  reported: Schema.optionalKey(Schema.Unknown)
}) {
  override get message(): string {
    return this.detail
  }
}
