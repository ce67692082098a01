import { Context, type Effect } from "effect"
import type { ClientFormat, ClientPlatform, ServerPlace } from "../domain/McpClient.ts"
import type { EditedFile, FileEditError, TextEdit } from "./FileEditor.ts"

/** A file of an MCP client. */
export interface ClientFile {
  /** Without a byte order mark. */
  readonly text: string
  /** What it says, without comments. Null: the file is empty. */
  readonly document: unknown
}

/** Reads and edits the files of MCP clients, which users and those clients edit as well. Nothing that a file names is started. */
export class ClientFiles extends Context.Service<
  ClientFiles,
  {
    readonly platform: ClientPlatform
    readonly exists: (path: string) => Effect.Effect<boolean>
    /**
     * Reads a file. Undefined: it does not exist. Fails if it is no text of its format, which `FileEditError.problem` says with
     * the line.
     */
    readonly read: (
      place: Pick<ServerPlace, "file" | "format">
    ) => Effect.Effect<ClientFile | undefined, FileEditError>
    /** A text after edits. Fails if it cannot be edited without a change of something else. */
    readonly edited: (
      place: { readonly file: string; readonly format: ClientFormat },
      text: string,
      edits: ReadonlyArray<TextEdit>
    ) => Effect.Effect<string, FileEditError>
    /**
     * The symbolic link that a write would follow. In a project each folder on the way to the file counts, because others have
     * made them. Undefined: it follows no link.
     */
    readonly linkOf: (
      place: ServerPlace
    ) => Effect.Effect<{ readonly path: string; readonly target: string } | undefined, FileEditError>
    /**
     * Replaces the text of a file, and makes its folder.
     *
     * @param change gets the file as it is now, undefined without a file, and returns the next text. The same text: nothing is
     * written. It runs again if another program has changed the file meanwhile.
     * @param options.followsLinks false: a link, as of {@link linkOf}, is an error at the moment of the write, too
     */
    readonly edit: <E>(
      place: ServerPlace,
      change: (file: ClientFile | undefined) => Effect.Effect<string, E>,
      options: { readonly followsLinks: boolean }
    ) => Effect.Effect<EditedFile, E | FileEditError>
  }
>()("mcp-cli-oauth/ports/ClientFiles") {}
