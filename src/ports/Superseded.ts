import { Schema } from "effect"
import * as Remedy from "../domain/Remedy.ts"

/** Another process has stored something newer since the lock was taken. It counts, and nothing was overwritten. */
export class Superseded extends Schema.TaggedError<Superseded>()("Superseded", {
  server: Schema.String
}) {
  override get message(): string {
    return `Another process has stored a newer sign-in to ${this.server}, which was not overwritten.`
  }

  get remedies(): ReadonlyArray<Remedy.Remedy> {
    return [Remedy.advice("Run the command again.")]
  }
}
