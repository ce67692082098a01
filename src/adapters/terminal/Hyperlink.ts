type Environment = Readonly<Record<string, string | undefined>>

/** `12.3.1` as numbers that compare like versions of two parts. */
const versionOf = (text = ""): number => {
  const [major = 0, minor = 0] = text.split(".").map((part) => Number.parseInt(part, 10) || 0)
  return major * 1000 + minor
}

/** Terminals that name themselves, and their first version with links. */
const programs: Readonly<Record<string, string>> = {
  "iTerm.app": "3.1",
  WezTerm: "20200620",
  ghostty: "1.0",
  // Earlier ones show the sequence of a link as text in some configurations.
  tmux: "3.4",
  vscode: "1.72",
  zed: "0"
}

/**
 * True if a terminal is known to show links (OSC 8). Others may show the sequence itself, so an unknown one gets none.
 * `FORCE_HYPERLINK` decides, as in other programs: `0` for none.
 */
export const showsLinks = (environment: Environment): boolean => {
  const forced = environment["FORCE_HYPERLINK"]
  if (forced !== undefined && forced !== "") return forced !== "0"
  const { CI = "", KITTY_WINDOW_ID, TERM = "", TERM_PROGRAM = "", VTE_VERSION, WT_SESSION } = environment
  if (CI !== "" || TERM === "dumb") return false
  // A multiplexer inherits the variables of the terminal around it, and decides what reaches that one.
  if (/^(screen|tmux)/.test(TERM) && TERM_PROGRAM !== "tmux") return false
  const since = Object.hasOwn(programs, TERM_PROGRAM) ? programs[TERM_PROGRAM] : undefined
  if (since !== undefined) return versionOf(environment["TERM_PROGRAM_VERSION"]) >= versionOf(since)
  if (/^(alacritty|foot|xterm-ghostty|xterm-kitty|wezterm)/.test(TERM)) return true
  if (WT_SESSION !== undefined || KITTY_WINDOW_ID !== undefined) return true
  // 0.50.0 crashes (https://gitlab.gnome.org/GNOME/vte/-/issues/2087).
  return Number(VTE_VERSION ?? 0) > 5000
}

/** Longer ones are not shown as links by VTE. */
const maxLength = 2083

/** The address of a URL as text that is also a link to it, so that it can be opened although it fills several rows. */
export const linkTo = ({ href }: URL): string =>
  /^[!-~]+$/.test(href) && href.length <= maxLength
    ? `\u001b]8;;${href}\u001b\\${href}\u001b]8;;\u001b\\`
    : href
