import { Context, type Effect, Schema } from "effect"
import { Remedy } from "../domain/Remedy.ts"

/** A file was not edited. It has the content that it had before. */
export class FileEditError extends Schema.TaggedError<FileEditError>()("FileEditError", {
  file: Schema.String,
  /** What is wrong, as a predicate: `cannot be written: permission denied`. */
  problem: Schema.String,
  /** Another program has changed the file during the edit, so that the same edit can succeed now. */
  isOutdated: Schema.optionalKey(Schema.Literal(true)),
  remedies: Schema.Array(Remedy)
}) {
  override get message(): string {
    return `${this.file} ${this.problem}. It was not changed.`
  }
}

/** A file that was edited. */
export interface EditedFile {
  /** Where the content before is. Absent: the file is new, or was not changed. */
  readonly backup: string | undefined
  readonly text: string
}

/**
 * A change of one field of a JSON, TOML or YAML text. Objects on the way to it are created. An item of a list is addressed by its
 * `name`.
 */
export interface TextEdit {
  readonly path: ReadonlyArray<string>
  /** Absent: the field is removed. */
  readonly value?: unknown
  /** Of a removal: an object or a list that becomes empty is removed as well, unless it probably was there before. */
  readonly prunes?: true
}

/** Edits files that users and other programs edit as well. */
export class FileEditor extends Context.Service<
  FileEditor,
  {
    /**
     * Replaces the text of a file.
     *
     * **Details**
     *
     * Readers see the text before or after the edit, never a part of it. The file keeps its mode; of a link, the target is
     * replaced. A new file can be read by this user only. The text before is in one backup beside the file.
     *
     * @param change returns the text to write, a byte order mark included. The same text: nothing is written. It gets undefined
     * if there is no file. It must not wait for the user: other edits of the file wait.
     * @param options.noLinkBelow a folder. If the file is a link, or a folder between them is one, that is an error.
     */
    readonly edit: <E>(
      file: string,
      change: (text: string | undefined) => Effect.Effect<string, E>,
      options?: { readonly noLinkBelow?: string }
    ) => Effect.Effect<EditedFile, E | FileEditError>
    /**
     * Edits a JSON text with comments. What is not edited stays as the user wrote it. Undefined: the text has no valid syntax,
     * is not an object, or gives the name of an edited field twice.
     */
    readonly editedJson: (text: string, edits: ReadonlyArray<TextEdit>) => string | undefined
  }
>()("mcp-cli-oauth/ports/FileEditor") {}
