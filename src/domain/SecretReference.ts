import { Redacted } from "effect"

/** The name of a secret, as `${secret:NAME}` and the command line have it. Names of files are made of it. */
const nameText = "[A-Za-z_][A-Za-z0-9_-]{0,39}"

/** `${secret:NAME}`, and the name. */
export const secretReferenceText = String.raw`\$\{secret:(${nameText})\}`

const wholeName = new RegExp(`^${nameText}$`)

/** What is wrong with the name of a secret. Undefined: nothing. */
export const secretNameProblem = (name: string): string | undefined =>
  wholeName.test(name)
    ? undefined
    : "the name of a secret has at most 40 letters, digits, _ and -, and begins with a letter or _"

/** The name of a secret for a field, such as a header. */
export const secretNameFor = (field: string): string =>
  field
    .replaceAll(/[^A-Za-z0-9_-]+/g, "_")
    .replace(/^(?=[^A-Za-z_])/, "_")
    .slice(0, 40)

/** A part of a value: a text of the configuration, or the name of a secret that is stored for the server. */
export type ValuePart = Redacted.Redacted | { readonly secret: string }

/** A value with `${secret:NAME}` in it. It cannot be used as a text before the secrets are read. */
export class SecretReference {
  readonly parts: ReadonlyArray<ValuePart>

  constructor(parts: ReadonlyArray<ValuePart>) {
    this.parts = parts
  }

  /** The names of its secrets. */
  get names(): ReadonlyArray<string> {
    return this.parts.flatMap((part) => (Redacted.isRedacted(part) ? [] : [part.secret]))
  }

  /** The value, with the secrets in place of their names. */
  filledIn(secretOf: (name: string) => Redacted.Redacted): Redacted.Redacted {
    return Redacted.make(
      this.parts
        .map((part) => Redacted.value(Redacted.isRedacted(part) ? part : secretOf(part.secret)))
        .join("")
    )
  }
}

/** A value of the configuration that may refer to secrets. */
export type ConfiguredValue = Redacted.Redacted | SecretReference
