/**
 * Every word that is a command, by what its run loads. `bin.ts` looks the words up before the program is loaded, so this
 * file imports nothing. A test compares it with the commands of the program.
 */
export const commandNames = {
  withoutStore: [
    "add",
    "import",
    "remove",
    "servers",
    "install",
    "uninstall",
    "export",
    "client-metadata",
    "trust",
    "completions"
  ],
  token: ["token", "headers"],
  session: ["tools", "resources", "read", "prompts", "prompt", "call", "ping", "chat", "ask"],
  proxy: ["proxy"],
  other: [
    "auth",
    "login",
    "status",
    "logout",
    "reset",
    "doctor",
    "storage",
    "move",
    "rekey",
    "models",
    "key",
    "secret",
    "set",
    "list"
  ]
} as const

/** Every word that is a command. */
export const allCommandNames: ReadonlyArray<string> = Object.values(commandNames).flat()

/** The command that the completion scripts of shells run. It prints candidates, and never an error. */
export const hiddenCommand = "__complete"
