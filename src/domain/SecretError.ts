import { Schema } from "effect"
import { printable } from "./PrintableText.ts"
import { command, type Remedy } from "./Remedy.ts"

const setSecret = (server: string, name: string, purpose: string): Remedy =>
  command("secret set", { server, operand: name, purpose })

/** The entry of a server refers to secrets that are not stored. */
export class SecretMissing extends Schema.TaggedError<SecretMissing>()("SecretMissing", {
  server: Schema.String,
  names: Schema.Array(Schema.String)
}) {
  override get message(): string {
    const { names, server } = this
    return names.length === 1
      ? `The secret ${names[0]} of ${printable(server)} is not stored.`
      : `These secrets of ${printable(server)} are not stored: ${names.join(", ")}.`
  }

  get remedies(): ReadonlyArray<Remedy> {
    const { names, server } = this
    return names.map((name) => setSecret(server, name, names.length === 1 ? "store it" : `store ${name}`))
  }
}

/** The entry of a server would send a secret elsewhere than it was stored for. */
export class SecretBoundElsewhere extends Schema.TaggedError<SecretBoundElsewhere>()("SecretBoundElsewhere", {
  server: Schema.String,
  name: Schema.String,
  /** What the secret was stored for: origins of addresses, or "a command line". */
  storedFor: Schema.String,
  /** Where it would go now: origins, or "a command line". */
  destination: Schema.String
}) {
  override get message(): string {
    const { destination, name, server, storedFor } = this
    const now = destination === storedFor ? "another one" : destination
    return `The secret ${name} of ${printable(server)} is stored for ${storedFor}, and the configuration now gives it to ${now}. It was not used.`
  }

  get remedies(): ReadonlyArray<Remedy> {
    return [setSecret(this.server, this.name, "store it for the server as it is configured now")]
  }
}
