import { Redacted } from "effect"
import { defaultToolRules } from "../../domain/chat/ToolRules.ts"
import { hasSecretShape, isSecretName } from "../../domain/SecretShape.ts"
import type { Server } from "../../domain/Server.ts"
import type { OpenSession } from "../session/ServerSession.ts"
import type { ChatServer, ListedTools } from "./Chat.ts"

/** The headers or variables of an entry that are secrets. Others, such as a folder, may be what a tool is about. */
const secretsOf = (server: Server): Readonly<Record<string, Redacted.Redacted>> =>
  Object.fromEntries(
    Object.entries(server._tag === "Http" ? server.headers : server.env).filter(
      ([name, value]) => isSecretName(name) || hasSecretShape(Redacted.value(value))
    )
  )

/** A server of the configuration with its open session, for a conversation. */
export const chatServer = (
  server: Server,
  account: string,
  session: OpenSession,
  listed?: ListedTools
): ChatServer => ({
  name: server.name,
  account,
  session,
  ...(listed && { listed }),
  place: server._tag === "Http" ? server.url.href : JSON.stringify([server.command, server.args]),
  secrets: secretsOf(server),
  rules: server.toolRules ?? defaultToolRules
})
