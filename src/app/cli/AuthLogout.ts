import { Clock, Effect } from "effect"
import { Command } from "effect/cli"
import { oauthEndpoints } from "../../domain/OAuthEndpoints.ts"
import { command, oauthOf, set } from "../../domain/Remedy.ts"
import { CredentialStore } from "../../ports/CredentialStore.ts"
import { type LogoutResult, SignOut } from "../signin/SignOut.ts"
import { accountAt, httpServer, nameOf, serverName } from "./Arguments.ts"
import { printJson, relativeTime, tell } from "./Output.ts"
import { remedyText } from "./RemedyText.ts"
import { configFileOfRun, Json } from "./Settings.ts"
import { showWarnings } from "./Warnings.ts"

/** How long tokens that were not revoked still work. */
const remainderOf = (
  { expiresAt, refreshable }: Extract<LogoutResult, { readonly _tag: "NotOffered" }>,
  now: number
): string => {
  if (refreshable || expiresAt === undefined) return "Its tokens work until the provider revokes them."
  return expiresAt <= now
    ? "Its token has expired already."
    : `Its token expires ${relativeTime(expiresAt, now)}.`
}

/** `mcp-cli auth logout NAME` */
export const logout = Command.make(
  "logout",
  { name: serverName },
  Effect.fn("cli.auth.logout")(function* ({ name }) {
    yield* showWarnings
    const server = yield* httpServer(name)
    const key = yield* accountAt(name)
    const result = yield* SignOut.use((signOut) => signOut.logout(server, key.account))
    if (yield* Json) {
      return yield* printJson({
        server: name,
        account: key.account,
        revoked: result._tag === "Revoked",
        forgotten: result._tag !== "Nothing"
      })
    }
    const shown = nameOf(key)
    switch (result._tag) {
      case "Revoked":
        return yield* tell(
          `Signed out of ${shown}. ${result.endpoint.origin} revoked the tokens, and they are forgotten here.`
        )
      case "NotOffered": {
        yield* tell(`Forgot the sign-in to ${shown} on this machine.`)
        const { origin } = new URL(result.issuer)
        yield* tell(
          result.refused === undefined
            ? `Nothing was revoked: no revocation endpoint of ${origin} is known.`
            : `Nothing was revoked: the tokens are from ${origin}, and "revocation_url" is at ${result.refused.origin}. Nothing was sent there.`
        )
        yield* tell(
          `${remainderOf(result, yield* Clock.currentTimeMillis)} To revoke them sooner, remove the access of this program in your account there.`
        )
        if (server.oauth.source._tag !== "ByHand" || result.refused !== undefined) return
        const field = oauthEndpoints.revocation.configurationKey
        return yield* tell(
          remedyText(set(oauthOf(name), { [field]: null }, "its provider documents that endpoint"))
        )
      }
      case "Nothing": {
        yield* tell(`Not signed in to ${shown}: nothing was revoked.`)
        const listed = yield* CredentialStore.use((store) => store.list)
        if (listed.some(({ storageName }) => storageName === key.storageName)) {
          yield* tell(
            `A record without tokens, or for another address or client of ${name}, is still stored.`
          )
          const forget = command("auth reset", {
            server: name,
            account: key.account,
            purpose: "forget it"
          })
          yield* tell(remedyText(forget, yield* configFileOfRun))
        }
      }
    }
  })
).pipe(
  Command.withDescription(
    "Sign out: revoke the tokens at the authorization server and forget them on this machine"
  ),
  Command.withExamples([
    { command: "mcp-cli auth logout notion", description: "End the sign-in everywhere" },
    { command: "mcp-cli auth logout notion --account work", description: "One account of several" }
  ])
)
