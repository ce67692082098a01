import { Context } from "effect"

/** Servers that are remembered. */
const maxServers = 1000

/**
 * The servers that refused `initialize` because they speak only revision 2026-07-28 (MCP "Versioning" lets a client remember
 * that). It is a hint: a server that does not confirm it is greeted as an unknown one.
 */
export class ModernServers {
  readonly #modern = new Set<string>()

  has(server: string): boolean {
    return this.#modern.has(server)
  }

  set(server: string, isModern: boolean): void {
    this.#modern.delete(server)
    if (!isModern) return
    if (this.#modern.size >= maxServers) this.#modern.clear()
    this.#modern.add(server)
  }
}

/** What this process knows. */
export const KnownModernServers = Context.Reference<ModernServers>(
  "mcp-cli-oauth/app/revisions/ModernServers",
  {
    defaultValue: () => new ModernServers()
  }
)
