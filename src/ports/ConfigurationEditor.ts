import { Context, type Effect, Schema } from "effect"
import { printable } from "../domain/PrintableText.ts"
import type { ConfiguredServer } from "../domain/ConfiguredServer.ts"
import { advice, command, Remedy } from "../domain/Remedy.ts"
import type { ConfigurationError, ServerSummary, UnknownServer } from "./Configuration.ts"
import type { FileEditError } from "./FileEditor.ts"

/** The configuration has another server of this name. */
export class ServerExists extends Schema.TaggedError<ServerExists>()("ServerExists", {
  name: Schema.String,
  file: Schema.String,
  /** Its URL or its command line. */
  target: Schema.String,
  /** The URL that was to be added. Absent: a program was. */
  url: Schema.optionalKey(Schema.String),
  /** The name was taken from the URL. */
  isDerived: Schema.optionalKey(Schema.Boolean)
}) {
  override get message(): string {
    return `${this.file} has another server "${printable(this.name)}": ${printable(this.target)}.`
  }

  get remedies(): ReadonlyArray<Remedy> {
    const { isDerived, name, url } = this
    if (isDerived === true) {
      return [command("add", { server: `${name}-2`, url, purpose: "give this one another name" })]
    }
    if (url === undefined) return [advice("To replace it, add --force.")]
    return [command("add", { server: name, url, options: { force: true }, purpose: "replace it" })]
  }
}

/** The entry of a server, as the file writes it. */
export type EntryJson = Readonly<Record<string, unknown>>

/** What an edit has done. */
export interface ConfigurationEdit {
  readonly file: string
  /** The content before. Absent: the file is new, or was not changed. */
  readonly backup: string | undefined
}

/** What became of one of several servers that were to be added. */
export type AddedServer =
  | {
      readonly _tag: "Added"
      readonly name: string
      /** Absent: its address or its command has variables. */
      readonly server?: ConfiguredServer
    }
  /** The file has the server, perhaps by another name. Its entry stays as it is. */
  | { readonly _tag: "Present"; readonly name: string; readonly as: string }
  | { readonly _tag: "Refused"; readonly name: string; readonly why: ConfigurationError | ServerExists }

/** Edits the configuration file in use, or makes the user's own. A file that needs an approval has to be approved before. */
export class ConfigurationEditor extends Context.Service<
  ConfigurationEditor,
  {
    /**
     * Adds a server. If the file has it already, the fields of `entry` are set and the others stay.
     *
     * @param options.force replaces another server of this name
     * @param options.isDerived the name was taken from the URL: a server that the file has at this URL keeps its own
     */
    readonly add: (
      name: string,
      entry: EntryJson,
      options: { readonly force: boolean; readonly isDerived?: boolean }
    ) => Effect.Effect<
      ConfigurationEdit & {
        readonly name: string
        readonly result: "added" | "changed" | "replaced" | "unchanged"
      },
      ConfigurationError | FileEditError | ServerExists
    >
    /**
     * Adds the servers that the file does not have, in one edit with one backup. Entries of the file are not changed.
     *
     * @param options.dryRun nothing is written
     * @returns the servers in the order of `entries`
     */
    readonly addMissing: (
      entries: ReadonlyArray<{ readonly name: string; readonly entry: EntryJson }>,
      options: { readonly dryRun: boolean }
    ) => Effect.Effect<
      ConfigurationEdit & { readonly servers: ReadonlyArray<AddedServer> },
      ConfigurationError | FileEditError
    >
    /** Removes a server by its name or its URL. */
    readonly remove: (
      name: string
    ) => Effect.Effect<
      ConfigurationEdit & { readonly removed: ServerSummary },
      ConfigurationError | FileEditError | UnknownServer
    >
  }
>()("mcp-cli-oauth/ports/ConfigurationEditor") {}
