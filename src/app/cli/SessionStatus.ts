import { Clock, Effect } from "effect"
import { hasOwnAuthorization } from "../../domain/Server.ts"
import { CredentialKey } from "../../domain/CredentialKey.ts"
import { Configuration } from "../../ports/Configuration.ts"
import { Display } from "../../ports/Display.ts"
import * as CredentialStatus from "../credentials/CredentialStatus.ts"
import type { OpenSession } from "../session/ServerSession.ts"
import { accountAt, nameOf } from "./Arguments.ts"
import { showProblem, stateText, untilText, withoutSignIn } from "./AuthStatus.ts"
import { definitions } from "./Definitions.ts"
import type { Styled } from "./Line.ts"
import { firstLine, print } from "./Output.ts"

/** Shows which server a session is with, as which account, and until when. */
export const showStatus = Effect.fnUntraced(function* (name: string, session: OpenSession) {
  const configuration = yield* Configuration
  const server = yield* configuration.server(name)
  // As the file writes it: what a variable stands for may be a secret. A server that no file has is named by its URL.
  const listed = yield* Effect.orElseSucceed(configuration.servers, () => [])
  const target = listed.find((one) => one.name === server.name)?.target ?? server.name
  const key = yield* accountAt(name)
  const { columns } = yield* Display
  const { name: title, protocol, version } = session.server
  const show = (...rows: ReadonlyArray<readonly [name: string, text: string | Styled]>) =>
    print(
      ...definitions(
        [
          ["server", nameOf(key)],
          [server._tag === "Http" ? "URL" : "program", target],
          ["answers as", `${firstLine(title)} ${firstLine(version)}`],
          ["protocol", `MCP ${firstLine(protocol)}`],
          ...rows
        ],
        { columns, indent: 0 }
      )
    )
  if (server._tag === "Stdio") return yield* show(["sign-in", "none: it is a program on this machine"])
  if (hasOwnAuthorization(server))
    return yield* show(["sign-in", "none: its entry has an Authorization header"])
  const status = yield* CredentialStatus.CredentialStatus.use((credentials) =>
    credentials.of(CredentialKey.at(server, key.account))
  ).pipe(Effect.provide(CredentialStatus.layer))
  const without = status.state === "signed out" ? yield* withoutSignIn(name) : undefined
  const until = untilText(status, yield* Clock.currentTimeMillis)
  yield* show(
    ["sign-in", stateText(status, without)],
    ...(until === "-" ? [] : [["until", until] as const]),
    ...(status.scopes.length === 0 ? [] : [["scopes", status.scopes.join(" ")] as const]),
    ...(status.state === "signed out"
      ? []
      : [["stored in", `${status.keptIn.location} (${status.keptIn.backend.name})`] as const])
  )
  yield* showProblem(status)
})
