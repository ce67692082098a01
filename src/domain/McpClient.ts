import { Predicate } from "effect"

/** The machine, as far as the files of MCP clients depend on it. */
export interface ClientPlatform {
  readonly os: "linux" | "darwin" | "win32"
  /** The home folder of the user. */
  readonly home: string
  /** The folder whose project files are meant. */
  readonly project: string
  /** A variable of the environment. Absent: it is not set, or empty. */
  readonly variable: (name: string) => string | undefined
}

/** How a file is written. `json` may have comments and commas before closing brackets: what is not edited stays as it is. */
export type ClientFormat = "json" | "toml" | "yaml"

/** For which use of the client a file is: every use by this user, or only in one folder. */
export type ClientScope = "user" | "project"

/** A place that has servers of a client. */
export interface ServerPlace {
  readonly scope: ClientScope
  readonly file: string
  readonly format: ClientFormat
  /** Where the servers are in the file. */
  readonly path: ReadonlyArray<string>
  /** The servers are a list, and each has its name in `name`. Otherwise they are fields by name. */
  readonly isList: boolean
  /** It is read, but never written by another program than the client. */
  readonly isReadOnly: boolean
}

/** How an entry says which program to start. */
interface ProgramFields {
  readonly command: string
  /** Absent: the field of the command is a list that has the program first. */
  readonly args?: string
  /** Field of the variables. */
  readonly env: string
}

/** Fields of a program's entry that are always the same. */
type Constants = Readonly<Record<string, unknown>>

/** An MCP client: where its servers are, and how an entry is written. */
export interface McpClient {
  readonly id: string
  readonly title: string
  /** Where its servers are. Of several files of one scope, it uses the first that exists. */
  readonly places: (platform: ClientPlatform) => ReadonlyArray<ServerPlace>
  /** Folders and files that only this client makes. One of them exists: the client is on this machine. */
  readonly traces: (platform: ClientPlatform) => ReadonlyArray<string>
  readonly program: ProgramFields
  /** Fields before and after those of the program. */
  readonly before: Constants
  readonly after: (scope: ClientScope) => Constants
  /** The entry repeats its name in `name`. */
  readonly hasName: boolean
  /** The client also takes an entry with the URL of a server. */
  readonly takesUrl: boolean
  /** What makes the client read the file again: a sentence. */
  readonly restart: string
}

/** What starts a server: a program and its arguments. */
export interface Launch {
  readonly command: string
  readonly args: ReadonlyArray<string>
}

const join = ({ os }: ClientPlatform, ...parts: ReadonlyArray<string>): string =>
  parts.join("/").replaceAll("/", os === "win32" ? "\\" : "/")

const underHome =
  (...parts: ReadonlyArray<string>) =>
  (platform: ClientPlatform): string =>
    join(platform, platform.home, ...parts)

/** `$XDG_CONFIG_HOME`. Clients that follow it do so on every system. */
const xdgConfig = (platform: ClientPlatform): string =>
  platform.variable("XDG_CONFIG_HOME") ?? underHome(".config")(platform)

/** Where applications keep their settings, by the convention of the system. */
const appSupport = (platform: ClientPlatform): string => {
  switch (platform.os) {
    case "darwin":
      return underHome("Library", "Application Support")(platform)
    case "win32":
      return platform.variable("APPDATA") ?? underHome("AppData", "Roaming")(platform)
    case "linux":
      return xdgConfig(platform)
  }
}

const underAppSupport =
  (...parts: ReadonlyArray<string>) =>
  (platform: ClientPlatform): string =>
    join(platform, appSupport(platform), ...parts)

/** A folder that a variable can move. */
const movedBy =
  (variable: string, folder: (platform: ClientPlatform) => string) =>
  (platform: ClientPlatform): string =>
    platform.variable(variable) ?? folder(platform)

type PathOf = (platform: ClientPlatform) => string

/** A description of {@link McpClient}, with what most of them have left out. */
interface Row {
  readonly title: string
  /** The first that exists is used, else the first. */
  readonly user: ReadonlyArray<PathOf>
  /** Below the folder of a project. The first that exists is used, else the first. */
  readonly project?: ReadonlyArray<string>
  readonly key: string
  readonly format?: ClientFormat
  readonly isList?: boolean
  /** Further places that are only read. */
  readonly further?: (platform: ClientPlatform) => ReadonlyArray<ServerPlace>
  /** Absent: the folder of the first user file. */
  readonly traces?: ReadonlyArray<PathOf>
  readonly program?: ProgramFields
  readonly before?: Constants
  readonly after?: Constants | ((scope: ClientScope) => Constants)
  readonly hasName?: boolean
  readonly takesUrl?: boolean
  readonly restart: string
}

const folderOf = (path: string): string => path.replace(/[/\\][^/\\]*$/, "")

const standard: ProgramFields = { command: "command", args: "args", env: "env" }
const oneList: ProgramFields = { command: "command", env: "environment" }

const client = (id: string, row: Row): McpClient => {
  const { format = "json", isList = false, key } = row
  const place = (scope: ClientScope, file: string): ServerPlace => ({
    scope,
    file,
    format,
    path: [key],
    isList,
    isReadOnly: false
  })
  return {
    id,
    title: row.title,
    places: (platform) => [
      ...row.user.map((path) => place("user", path(platform))),
      ...(row.project ?? []).map((path) => place("project", join(platform, platform.project, path))),
      ...(row.further?.(platform) ?? [])
    ],
    traces: (platform) =>
      (row.traces ?? row.user.slice(0, 1).map((path) => (on: ClientPlatform) => folderOf(path(on)))).map(
        (path) => path(platform)
      ),
    program: row.program ?? standard,
    before: row.before ?? {},
    after: (scope) => (typeof row.after === "function" ? row.after(scope) : (row.after ?? {})),
    hasName: row.hasName ?? isList,
    takesUrl: row.takesUrl ?? true,
    restart: row.restart
  }
}

const vscode = (folder: string) => (file: string) => underAppSupport(folder, "User", file)
const code = vscode("Code")
const insiders = vscode("Code - Insiders")

const claudeFolder = movedBy("CLAUDE_CONFIG_DIR", underHome(".claude"))
const claudeFile: PathOf = (platform) =>
  platform.variable("CLAUDE_CONFIG_DIR") === undefined
    ? underHome(".claude.json")(platform)
    : join(platform, claudeFolder(platform), ".claude.json")

const goose: PathOf = (platform) =>
  platform.os === "win32"
    ? underAppSupport("Block", "goose", "config", "config.yaml")(platform)
    : join(platform, xdgConfig(platform), "goose", "config.yaml")

const zed: PathOf = (platform) =>
  underAppSupport(platform.os === "linux" ? "zed" : "Zed", "settings.json")(platform)

const within =
  (folder: PathOf, ...parts: ReadonlyArray<string>): PathOf =>
  (platform) =>
    join(platform, folder(platform), ...parts)

const codex = movedBy("CODEX_HOME", underHome(".codex"))
const opencode = movedBy("OPENCODE_CONFIG_DIR", (platform) => join(platform, xdgConfig(platform), "opencode"))
const kilo: PathOf = (platform) => join(platform, xdgConfig(platform), "kilo")
const copilot = movedBy("COPILOT_HOME", underHome(".copilot"))
const grok = movedBy("GROK_HOME", underHome(".grok"))
const kimi = movedBy("KIMI_CODE_HOME", underHome(".kimi-code"))
const pi = movedBy("PI_CODING_AGENT_DIR", underHome(".pi", "agent"))
const clineExtension = code("globalStorage/saoudrizwan.claude-dev/settings/cline_mcp_settings.json")
const clineCli = within(
  movedBy("CLINE_DIR", underHome(".cline")),
  "data",
  "settings",
  "cline_mcp_settings.json"
)

const enabled = { enabled: true }
const stdio = { type: "stdio" }
const nextStart = (title: string) => `${title} reads it when it starts the next time.`

/**
 * The MCP clients whose files this program knows. `docs/clients.md` says which of them were run with what `install` writes.
 *
 * The paths and shapes are those that `add-mcp` 2.4.0 writes, unless a comment says otherwise.
 */
export const mcpClients: ReadonlyArray<McpClient> = [
  client("claude-desktop", {
    title: "Claude Desktop",
    user: [underAppSupport("Claude", "claude_desktop_config.json")],
    key: "mcpServers",
    takesUrl: false,
    restart: "Quit Claude Desktop completely and start it again."
  }),
  client("claude-code", {
    title: "Claude Code",
    user: [claudeFile],
    project: [".mcp.json"],
    key: "mcpServers",
    // What `claude mcp add` writes without --scope. Claude Code keeps it for each folder in its own file.
    further: (platform) => [
      {
        scope: "project",
        file: claudeFile(platform),
        format: "json",
        path: ["projects", platform.project, "mcpServers"],
        isList: false,
        isReadOnly: true
      }
    ],
    traces: [claudeFolder, claudeFile],
    before: stdio,
    restart: "Running sessions of Claude Code do not see it. Start a new one."
  }),
  client("cursor", {
    title: "Cursor",
    user: [underHome(".cursor", "mcp.json")],
    project: [".cursor/mcp.json"],
    key: "mcpServers",
    restart: "Turn it on in Cursor under Settings > MCP, or restart Cursor."
  }),
  client("vscode", {
    title: "VS Code",
    user: [code("mcp.json")],
    project: [".vscode/mcp.json"],
    key: "servers",
    before: stdio,
    restart: "Start it in VS Code with the command MCP: List Servers."
  }),
  client("vscode-insiders", {
    title: "VS Code Insiders",
    user: [insiders("mcp.json")],
    project: [".vscode/mcp.json"],
    key: "servers",
    before: stdio,
    restart: "Start it in VS Code with the command MCP: List Servers."
  }),
  client("windsurf", {
    title: "Windsurf",
    user: [underHome(".codeium", "windsurf", "mcp_config.json")],
    key: "mcpServers",
    restart: "Press the refresh button of the MCP servers in Windsurf."
  }),
  client("zed", {
    title: "Zed",
    user: [zed],
    project: [".zed/settings.json"],
    key: "context_servers",
    before: { source: "custom" },
    after: { env: {} },
    restart: "Zed starts it as soon as the file is saved."
  }),
  client("codex", {
    title: "Codex",
    user: [within(codex, "config.toml")],
    project: [".codex/config.toml"],
    key: "mcp_servers",
    format: "toml",
    // A first sign-in takes longer than the 10 seconds that Codex waits otherwise.
    after: { startup_timeout_sec: 60 },
    restart: "Running sessions of Codex do not see it. Start a new one."
  }),
  client("gemini", {
    title: "Gemini CLI",
    user: [underHome(".gemini", "settings.json")],
    project: [".gemini/settings.json"],
    key: "mcpServers",
    restart: "Running sessions of Gemini CLI do not see it. Start a new one."
  }),
  client("goose", {
    title: "Goose",
    user: [goose],
    key: "extensions",
    format: "yaml",
    program: { command: "cmd", args: "args", env: "envs" },
    before: { type: "stdio", enabled: true },
    after: { envs: {}, timeout: 300 },
    hasName: true,
    restart: "Running sessions of Goose do not see it. Start a new one."
  }),
  client("opencode", {
    title: "opencode",
    user: [
      within(opencode, "opencode.jsonc"),
      within(opencode, "opencode.json"),
      // It reads the older name as well.
      within(opencode, "config.json")
    ],
    project: ["opencode.jsonc", "opencode.json", ".opencode/opencode.jsonc", ".opencode/opencode.json"],
    key: "mcp",
    program: oneList,
    before: { type: "local" },
    after: enabled,
    restart: "Running sessions of opencode do not see it. Start a new one."
  }),
  client("cline", {
    title: "Cline in VS Code",
    user: [clineExtension],
    key: "mcpServers",
    after: { disabled: false },
    traces: [code("globalStorage/saoudrizwan.claude-dev")],
    restart: "Cline starts it as soon as the file is saved."
  }),
  client("cline-cli", {
    title: "Cline CLI",
    user: [clineCli],
    key: "mcpServers",
    after: { disabled: false },
    traces: [movedBy("CLINE_DIR", underHome(".cline"))],
    restart: nextStart("Cline CLI")
  }),
  client("continue", {
    title: "Continue",
    user: [underHome(".continue", "config.yaml")],
    key: "mcpServers",
    format: "yaml",
    isList: true,
    restart: "Continue reads it as soon as the file is saved."
  }),
  client("junie", {
    title: "JetBrains Junie",
    user: [underHome(".junie", "mcp", "mcp.json")],
    project: [".junie/mcp/mcp.json"],
    key: "mcpServers",
    traces: [underHome(".junie")],
    restart: nextStart("Junie")
  }),
  client("copilot", {
    title: "GitHub Copilot CLI",
    user: [within(copilot, "mcp-config.json")],
    project: [".mcp.json", ".github/mcp.json"],
    key: "mcpServers",
    before: stdio,
    after: (scope) => (scope === "user" ? { tools: ["*"] } : {}),
    restart: "Running sessions of Copilot CLI do not see it. Start a new one."
  }),
  client("antigravity", {
    title: "Antigravity",
    user: [underHome(".gemini", "config", "mcp_config.json")],
    key: "mcpServers",
    restart: "Press the refresh button of the MCP servers in Antigravity."
  }),
  client("kiro", {
    title: "Kiro",
    user: [underHome(".kiro", "settings", "mcp.json")],
    project: [".kiro/settings/mcp.json"],
    key: "mcpServers",
    traces: [underHome(".kiro")],
    restart: "Kiro starts it as soon as the file is saved."
  }),
  client("kilo", {
    title: "Kilo Code",
    user: [within(kilo, "kilo.jsonc"), within(kilo, "kilo.json")],
    project: [".kilo/kilo.jsonc", ".kilo/kilo.json", "kilo.jsonc", "kilo.json"],
    key: "mcp",
    program: oneList,
    before: { type: "local" },
    after: enabled,
    restart: nextStart("Kilo Code")
  }),
  client("kimi", {
    title: "Kimi Code",
    user: [within(kimi, "mcp.json")],
    project: [".kimi-code/mcp.json"],
    key: "mcpServers",
    before: { transport: "stdio" },
    restart: nextStart("Kimi Code")
  }),
  client("grok", {
    title: "Grok Build",
    user: [within(grok, "config.toml")],
    project: [".grok/config.toml"],
    key: "mcp_servers",
    format: "toml",
    restart: nextStart("Grok Build")
  }),
  client("pi", {
    title: "Pi",
    user: [within(pi, "mcp.json")],
    project: [".pi/mcp.json"],
    key: "mcpServers",
    restart: nextStart("Pi")
  }),
  client("mastra", {
    title: "Mastra Code",
    user: [underHome(".mastracode", "mcp.json")],
    project: [".mastracode/mcp.json"],
    key: "mcpServers",
    restart: nextStart("Mastra Code")
  }),
  client("fx", {
    title: "fx",
    user: [underHome(".fx", "mcp.json")],
    key: "mcp",
    program: oneList,
    before: { type: "local" },
    after: enabled,
    restart: nextStart("fx")
  }),
  client("mcporter", {
    title: "MCPorter",
    user: [underHome(".mcporter", "mcporter.json"), underHome(".mcporter", "mcporter.jsonc")],
    project: ["config/mcporter.json"],
    key: "mcpServers",
    restart: nextStart("MCPorter")
  })
]

/** The ids of {@link mcpClients}. */
export const mcpClientIds: ReadonlyArray<string> = mcpClients.map(({ id }) => id)

/** The client of an id. */
export const mcpClientOf = (id: string): McpClient | undefined => mcpClients.find((one) => one.id === id)

/** The entry that makes a client start a program. */
export const entryOf = (
  { after, before, hasName, program }: McpClient,
  name: string,
  { args, command }: Launch,
  scope: ClientScope
): Readonly<Record<string, unknown>> => ({
  ...(hasName ? { name } : {}),
  ...before,
  ...launchFields(program, { args, command }),
  ...after(scope)
})

/** The fields of an entry that say which program to start. */
export const launchFields = (program: ProgramFields, { args, command }: Launch) =>
  program.args === undefined
    ? { [program.command]: [command, ...args] }
    : { [program.command]: command, [program.args]: args }

const texts = (value: unknown): ReadonlyArray<string> | undefined =>
  Array.isArray(value) && value.every((one) => typeof one === "string") ? value : undefined

/**
 * What an entry starts, by the fields of its client. Undefined: it starts no program, or is not readable as one. Clients take
 * one list of words as well as a program with arguments, so both are read everywhere.
 */
export const launchOf = ({ program }: McpClient, entry: unknown): Launch | undefined => {
  if (!Predicate.isReadonlyObject(entry)) return undefined
  const given = entry[program.command]
  const words = typeof given === "string" ? [given] : texts(given)
  const args = entry[program.args ?? "args"]
  const rest = args === undefined || args === null ? [] : texts(args)
  const [command, ...others] = words ?? []
  return command === undefined || rest === undefined ? undefined : { command, args: [...others, ...rest] }
}

/** A server of a client, as its file has it. */
export interface ClientServer {
  readonly name: string
  readonly entry: unknown
}

/** The value at a path. Undefined: nothing is there. */
const valueAt = (value: unknown, path: ReadonlyArray<string>): unknown =>
  path.reduce<unknown>(
    (at, name) => (Predicate.isReadonlyObject(at) && Object.hasOwn(at, name) ? at[name] : undefined),
    value
  )

/** The servers at a place, in the order of the file. Undefined: what is there is neither a list nor fields, as the place has them. */
export const serversAt = (
  { isList, path }: ServerPlace,
  document: unknown
): ReadonlyArray<ClientServer> | undefined => {
  if (document !== undefined && document !== null && !Predicate.isReadonlyObject(document)) return undefined
  const found = valueAt(document, path)
  if (found === undefined || found === null) return []
  if (!isList) {
    return Predicate.isReadonlyObject(found)
      ? Object.entries(found).map(([name, entry]) => ({ name, entry }))
      : undefined
  }
  if (!Array.isArray(found)) return undefined
  return found.flatMap((entry: unknown) =>
    Predicate.isReadonlyObject(entry) && typeof entry["name"] === "string"
      ? [{ name: entry["name"], entry }]
      : []
  )
}
