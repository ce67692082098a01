import type { HelpDoc } from "effect/cli"

/** Usage lines of commands whose last word is not what the words before it are. */
const own: Readonly<Record<string, string>> = {
  "mcp-cli ask": "mcp-cli ask [flags] <NAME...> <QUESTION>"
}

/** How a command is written: `mcp-cli ask [flags] <NAME...> <QUESTION>`. */
export const usageLine = ({ commandPath = [], usage }: HelpDoc.HelpDoc): string =>
  own[commandPath.join(" ")] ?? usage.replace("<subcommand>", "<command>")
