import { Schema } from "effect"
import { command, type Remedy } from "./Remedy.ts"

/** The authorization server no longer knows a client that it registered earlier. A sign-in that begins now registers another. */
export class StaleRegistration extends Schema.TaggedError<StaleRegistration>()("StaleRegistration", {
  server: Schema.String,
  issuer: Schema.String,
  /** The client that it has forgotten. */
  clientId: Schema.String
}) {
  override get message(): string {
    return `${this.issuer} no longer knows the client that it registered for ${this.server}.`
  }

  get remedies(): ReadonlyArray<Remedy> {
    return [command("auth login", { server: this.server })]
  }
}
