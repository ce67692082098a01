import { Schema } from "effect"
import { laterText } from "../domain/LaterText.ts"
import * as Remedy from "../domain/Remedy.ts"

/** The authorization server registers no clients, or refused this one. */
export class RegistrationError extends Schema.TaggedError<RegistrationError>()("RegistrationError", {
  server: Schema.String,
  issuer: Schema.String,
  /** The answer of the server; absent: it offers no registration. */
  detail: Schema.optionalKey(Schema.String),
  /** Why there is no registration. Absent: the server refused this client. */
  why: Schema.optionalKey(
    Schema.Literals([
      /** The registration endpoint does not exist, so the server may accept only an API key. */
      "nothing there",
      /** It cannot register clients now, and refused nothing. */
      "unavailable",
      /** It does not accept the redirect URI. */
      "redirect URI"
    ])
  ),
  /** Milliseconds that the server requires to wait. */
  retryAfter: Schema.optionalKey(Schema.Finite),
  /** Where a user registers an application; absent: not known. */
  registerAt: Schema.optionalKey(Schema.String),
  /** True: it accepts the address of a document about a client instead. */
  takesMetadataDocument: Schema.optionalKey(Schema.Boolean)
}) {
  override get message(): string {
    const { detail, issuer, why } = this
    if (detail === undefined) return `${issuer} does not register clients automatically.`
    return why === "unavailable"
      ? `${issuer} could not register this client now (${detail}).`
      : `${issuer} refused to register this client (${detail}).`
  }

  get remedies(): ReadonlyArray<Remedy.Remedy> {
    const { detail, issuer, registerAt, retryAfter, server, takesMetadataDocument, why } = this
    const oauth = Remedy.oauthOf(server)
    const place = registerAt === undefined ? `with the provider of ${server}` : `at ${registerAt}`
    const client = Remedy.set(oauth, { client_id: null }, "you have registered one")
    if (why === "unavailable") {
      return [
        Remedy.advice(`Try again ${laterText(retryAfter)}, or register an application ${place}.`),
        client
      ]
    }
    const document = [
      Remedy.command("auth client-metadata", { purpose: "see a document to publish instead" }),
      Remedy.set(oauth, { client_metadata_url: null }, "you publish that document")
    ]
    const key = Remedy.set(
      [...Remedy.entryOf(server), "headers"],
      { Authorization: null },
      `${server} takes an API key instead`
    )
    const isRefused = detail !== undefined && why !== "nothing there"
    return [
      ...(why === "redirect URI"
        ? [Remedy.set(oauth, { redirect_uri: null }, "its provider names another address that it accepts")]
        : []),
      Remedy.advice(
        isRefused
          ? `Ask the administrator of ${issuer} to let this machine register clients, or register an application ${place}.`
          : `Register an application ${place}.`
      ),
      client,
      ...(takesMetadataDocument === true ? document : []),
      ...(why === "redirect URI" ? [Remedy.doctor(server)] : []),
      ...(why === "nothing there" ? [key] : [])
    ]
  }
}
