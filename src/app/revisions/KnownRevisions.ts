import { Context } from "effect"

/** Servers that are remembered. */
const maxServers = 1000

/**
 * The servers that refused `initialize` because they speak only revision 2026-07-28 (MCP "Versioning" lets a client remember
 * that). It is a hint: a server that does not confirm it is greeted as an unknown one.
 */
export class KnownRevisions {
  readonly #modern = new Set<string>()

  isModern(server: string): boolean {
    return this.#modern.has(server)
  }

  setModern(server: string, isModern: boolean): void {
    this.#modern.delete(server)
    if (!isModern) return
    if (this.#modern.size >= maxServers) this.#modern.clear()
    this.#modern.add(server)
  }
}

/** What this process knows. */
export const ProcessRevisions = Context.Reference<KnownRevisions>(
  "mcp-cli-oauth/app/revisions/KnownRevisions",
  {
    defaultValue: () => new KnownRevisions()
  }
)
