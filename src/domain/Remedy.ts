import { Schema } from "effect"

/** The commands that a remedy can name, without the name of the program. */
export const verbs = [
  "add",
  "ask",
  "auth client-metadata",
  "auth doctor",
  "auth login",
  "auth logout",
  "auth reset",
  "install",
  "models",
  "models key",
  "prompts",
  "remove",
  "resources",
  "secret set",
  "secret remove",
  "storage",
  "storage move",
  "storage rekey",
  "tools",
  "trust"
] as const

/** A command of the program that fixes the problem. An embedder offers its own action for the same verb. */
export const Command = Schema.TaggedStruct("Command", {
  verb: Schema.Literals(verbs),
  /** Absent: the command takes no server, or the user has to choose one. */
  server: Schema.optional(Schema.String),
  /** The URL of the server that `add` adds. Absent: only the user knows it. */
  url: Schema.optional(Schema.String),
  /** What of the server: the name of a tool. */
  operand: Schema.optional(Schema.String),
  /** What follows the verb, in place of a server: a URL with a callback port and flags of mcp-remote, or servers and a question. */
  line: Schema.optional(Schema.Array(Schema.String)),
  /** Absent: the default account. */
  account: Schema.optional(Schema.String),
  /** Options by name: a value, or whether the option is set. */
  options: Schema.optional(Schema.Record(Schema.String, Schema.Union([Schema.String, Schema.Boolean]))),
  /** Completes "to ...". */
  purpose: Schema.optional(Schema.String)
})
export type Command = typeof Command.Type

/** A value of the configuration; null: only the user knows it. */
const Value = Schema.NullOr(Schema.Union([Schema.String, Schema.Finite, Schema.Boolean]))

/** Fields of one block of the configuration that have to change together. */
export const Configure = Schema.TaggedStruct("Configure", {
  action: Schema.Literals(["set", "check", "remove"]),
  /** The block, from the root of the file: `["mcpServers", "notion", "oauth"]`. */
  path: Schema.Array(Schema.String),
  /** The fields and, to set them, their values. */
  fields: Schema.Record(Schema.String, Value),
  /** Completes "if ...": the remedy is right only then. */
  when: Schema.optional(Schema.String)
})
export type Configure = typeof Configure.Type

/** What neither a command of the program nor its configuration fixes. */
export const Advice = Schema.TaggedStruct("Advice", {
  /** One or more whole sentences. They name no command of the program. */
  text: Schema.String
})
export type Advice = typeof Advice.Type

/** What can be done about an error, as data. Only a user interface turns it into text. */
export const Remedy = Schema.Union([Command, Configure, Advice])
export type Remedy = typeof Remedy.Type

/** An error whose `message` says what happened, and whose `remedies` say what can be done, best first. */
export interface Remediable {
  readonly message: string
  readonly remedies: ReadonlyArray<Remedy>
}

/** A command of the program. */
export const command = (verb: Command["verb"], options: Omit<Command, "_tag" | "verb"> = {}): Command => ({
  _tag: "Command",
  verb,
  ...options
})

/** Fields to set in a block. */
export const set = (path: Configure["path"], fields: Configure["fields"], when?: string): Configure => ({
  _tag: "Configure",
  action: "set",
  path,
  fields,
  when
})

const names = (fields: ReadonlyArray<string>): Configure["fields"] =>
  Object.fromEntries(fields.map((name) => [name, null]))

const about =
  (action: "check" | "remove") =>
  (path: Configure["path"], fields: ReadonlyArray<string>, when?: string): Configure => ({
    _tag: "Configure",
    action,
    path,
    fields: names(fields),
    when
  })

/** Fields of a block whose values may be wrong. */
export const check = about("check")

/** Fields to remove from a block. */
export const remove = about("remove")

/** Advice in whole sentences. */
export const advice = (text: string): Advice => ({ _tag: "Advice", text })

/**
 * True if a server has a name, and so an entry in the configuration. A server that was given by its URL alone has that URL in
 * the place of a name: a remedy for its entry is for the one that the user would have to add.
 */
export const hasEntry = (server: string): boolean => !/^https?:\/\//i.test(server)

/** What to do if no field of the `oauth` block is known to be wrong. */
export const checkOAuth = (server: string): Remedy =>
  hasEntry(server)
    ? advice(`Check the oauth block of ${server} against the documentation of its provider.`)
    : advice(`Tell the provider of ${server}, or see in its documentation what a client needs.`)

/** Examines the configuration of a server, and what it names. */
export const doctor = (server: string): Command =>
  command("auth doctor", { server, purpose: "check the configuration" })

/** The block of a server. */
export const entryOf = (server: string): Configure["path"] => ["mcpServers", server]

/** The `oauth` block of a server. */
export const oauthOf = (server: string): Configure["path"] => ["mcpServers", server, "oauth"]

/** The block that says where sign-ins are stored. */
export const tokenStorage: Configure["path"] = ["tokenStorage"]
