import { Context, type Effect } from "effect"
import type { McpTool } from "./McpConnector.ts"

/** A call that the user has to decide about. */
export interface ApprovalRequest {
  /** The name of the server in the configuration. */
  readonly server: string
  readonly tool: McpTool
  readonly arguments: Readonly<Record<string, unknown>>
  /** Why the user is asked, and what the user has to know: whole sentences, the most important first. */
  readonly reasons: ReadonlyArray<string>
  /** The lines of the definition that changed since it was pinned: `- old`, `+ new`. Empty: it did not. */
  readonly change: ReadonlyArray<string>
}

/** What the user decides. */
export type ApprovalDecision =
  | { readonly _tag: "Once" }
  /** This tool of this account, until its definition changes; in this conversation, or in later ones too if `isKept`. */
  | { readonly _tag: "Always"; readonly isKept?: boolean }
  | { readonly _tag: "No"; readonly reason: string | undefined }
  /** No user can be asked. */
  | { readonly _tag: "NotAsked" }

/** Asks the user about calls of tools, one at a time. */
export class ToolApproval extends Context.Service<
  ToolApproval,
  { readonly ask: (request: ApprovalRequest) => Effect.Effect<ApprovalDecision> }
>()("mcp-cli-oauth/ports/ToolApproval") {}
