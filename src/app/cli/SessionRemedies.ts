import { advice, type Remediable, type Remedy } from "../../domain/Remedy.ts"

/** The commands of the program that a session has under the same name. */
const shared: ReadonlySet<string> = new Set(["tools", "resources", "prompts"])

const translated = (remedy: Remedy, servers: ReadonlyArray<string>): Remedy => {
  if (remedy._tag !== "Command" || !shared.has(remedy.verb)) return remedy
  const { operand, purpose, server, verb } = remedy
  if (server === undefined || !servers.includes(server)) return remedy
  // Several servers can have a tool of one name.
  const ofSeveral = operand === undefined ? server : `${server}:${operand}`
  const word = servers.length === 1 ? operand : ofSeveral
  const line = `/${verb}${word === undefined ? "" : ` ${word}`}`
  return advice(purpose === undefined ? `Type: ${line}` : `To ${purpose}, type: ${line}`)
}

/**
 * An error as the user of a session reads it: a remedy that is a command of the session has the form of one.
 *
 * @param servers the names of the servers of the session
 */
export const inSession = ({ message, remedies }: Remediable, servers: ReadonlyArray<string>): Remediable => ({
  message,
  remedies: remedies.map((remedy) => translated(remedy, servers))
})
