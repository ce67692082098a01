import { mcpClients } from "../../../domain/McpClient.ts"
import { nearName } from "../../../domain/NearName.ts"

/** What users call a client: its command, or the name of its maker. A test knows the clients that exist. */
export const otherNames: Readonly<Record<string, string>> = {
  code: "vscode",
  "code-insiders": "vscode-insiders",
  "visual-studio-code": "vscode",
  claude: "claude-code",
  desktop: "claude-desktop",
  openai: "codex",
  google: "gemini",
  jetbrains: "junie",
  github: "copilot",
  block: "goose"
}

/** Clients that a message offers: more are a list. */
const maxOffered = 3

/** Fewer letters are a part of many names. */
const minPart = 3

const bare = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, "")

/**
 * The clients that were probably meant by a name, best first: one that has it as another name, those whose name or title starts
 * with it or has it in it, and else one that is spelt like it.
 */
export const nearClients = (given: string): ReadonlyArray<string> => {
  const word = bare(given)
  const named = Object.entries(otherNames).filter(([name]) => bare(name) === word)
  const textsOf = ({ id, title }: (typeof mcpClients)[number]) => [bare(id), bare(title)]
  const having = (isPart: (text: string) => boolean) =>
    word.length < minPart
      ? []
      : mcpClients.filter((client) => textsOf(client).some(isPart)).map(({ id }) => id)
  const ids = mcpClients.map(({ id }) => id)
  const found = new Set([
    ...named.map(([, id]) => id),
    ...having((text) => text.startsWith(word)),
    ...having((text) => text.includes(word))
  ])
  const near = found.size === 0 ? nearName(given, ids) : undefined
  return [...found, ...(near === undefined ? [] : [near])].slice(0, maxOffered)
}
