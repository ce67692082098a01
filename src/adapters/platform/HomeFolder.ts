import { homedir } from "node:os"
import { join } from "node:path"

// This module does not import Effect: bin.ts loads it before the rest of the program.

/** The variables that name the home folder, on Unix and on Windows. */
export const homeVariables = ["HOME", "USERPROFILE"] as const

/** The home folder of the user: the first of {@link homeVariables} that is set and not empty, else what the system says. */
export const homeFolder = (variable: (name: (typeof homeVariables)[number]) => string | undefined): string =>
  homeVariables.map(variable).find((path) => path !== undefined && path !== "") ?? homedir()

/** The folder of mcp-cli in a home folder. */
export const dataFolder = (home: string): string => join(home, ".mcp_cli")
