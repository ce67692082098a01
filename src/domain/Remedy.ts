/** A command of the program that fixes the problem, such as `auth login` for a server and account. */
export interface Command {
  readonly _tag: "Command"
  /** The words of the command, without the program: `auth login`, `storage rekey`. */
  readonly verb: string
  /** Flags of the command, already split into arguments. */
  readonly flags?: ReadonlyArray<string> | undefined
  /** Absent: the command takes no server. */
  readonly server?: string | undefined
  /** Absent: the default account. */
  readonly account?: string | undefined
}

/** A field of the configuration to set, correct or remove. */
export interface Configure {
  readonly _tag: "Configure"
  /** Where the field is, from the root of the file: `["mcpServers", "notion", "oauth", "client_id"]`. */
  readonly path: ReadonlyArray<string>
  /** The JSON value to set. Absent: the user has to know it. */
  readonly value?: string | number | boolean | undefined
  /** Removes the field instead of setting it. */
  readonly remove?: true | undefined
}

/** Something that neither a command of the program nor its configuration fixes. */
export interface Advice {
  readonly _tag: "Advice"
  /** One or more whole sentences. They name no command of the program. */
  readonly text: string
}

/** What can be done about an error, as data. Only a user interface turns it into text. */
export type Remedy = Command | Configure | Advice

/** An error that says what can be done about it. The most useful remedy comes first. */
export interface Remediable {
  readonly remedies: ReadonlyArray<Remedy>
}

/** Creates a {@link Command}. */
export const command = (verb: string, options: Omit<Command, "_tag" | "verb"> = {}): Command => ({
  _tag: "Command",
  verb,
  ...options
})

/** Creates a {@link Configure} for a field of a server's entry. */
export const configureServer = (
  server: string,
  path: ReadonlyArray<string>,
  value?: Configure["value"]
): Configure => ({ _tag: "Configure", path: ["mcpServers", server, ...path], value })

/** Creates a {@link Configure} for a field outside the servers' entries. */
export const configure = (path: ReadonlyArray<string>, value?: Configure["value"]): Configure => ({
  _tag: "Configure",
  path,
  value
})

/** Creates an {@link Advice}. */
export const advice = (text: string): Advice => ({ _tag: "Advice", text })
