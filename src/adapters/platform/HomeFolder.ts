import { homedir } from "node:os"
import { join, resolve } from "node:path"

// This module does not import Effect: bin.ts loads it before the rest of the program.

/** The variables that name the home folder, on Unix and on Windows. */
export const homeVariables = ["HOME", "USERPROFILE"] as const

/** A user that the system does not know, as in many containers, has none: the root, as Docker sets `HOME`. */
const systemHome = (ask: () => string): string => {
  try {
    return ask()
  } catch {
    return resolve("/")
  }
}

/** The home folder of the user: the first of {@link homeVariables} that is set and not empty, else what the system says. */
export const homeFolder = (
  variable: (name: (typeof homeVariables)[number]) => string | undefined,
  ask = homedir
): string => homeVariables.map(variable).find((path) => path !== undefined && path !== "") ?? systemHome(ask)

/** The folder of mcp-cli in a home folder. */
export const dataFolder = (home: string): string => join(home, ".mcp_cli")
