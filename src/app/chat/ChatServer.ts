import { defaultToolRules } from "../../domain/chat/ToolRules.ts"
import type { Server } from "../../domain/Server.ts"
import type { OpenSession } from "../session/ServerSession.ts"
import type { ChatServer } from "./Chat.ts"

/** A server of the configuration with its open session, for a conversation. */
export const chatServer = (server: Server, account: string, session: OpenSession): ChatServer => ({
  name: server.name,
  account,
  session,
  place: server._tag === "Http" ? server.url.href : JSON.stringify([server.command, server.args]),
  rules: server.toolRules ?? defaultToolRules
})
