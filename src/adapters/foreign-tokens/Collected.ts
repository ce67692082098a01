import { Effect, Option, Redacted } from "effect"
import type { DecodedSignIns, ForeignSignIn } from "../../domain/foreign-tokens/ForeignSignIn.ts"
import { printable } from "../../domain/PrintableText.ts"
import type { ForeignKeyring } from "../../ports/ForeignKeyring.ts"
import type { FoundSignIns } from "../../ports/ForeignTokens.ts"
import { readForeignFile, textOf } from "./ForeignFile.ts"

/** Collects what is found in the places of one program. */
export class Collected {
  readonly #signIns: Array<ForeignSignIn> = []
  readonly #notes: Array<string> = []
  readonly #places: Array<string> = []

  get found(): FoundSignIns {
    return { signIns: this.#signIns, notes: [...new Set(this.#notes)], places: this.#places }
  }

  note(...notes: ReadonlyArray<string>): void {
    this.#notes.push(...notes)
  }

  place(place: string): void {
    this.#places.push(place)
  }

  add(signIn: ForeignSignIn): void {
    this.#signIns.push(signIn)
  }

  /** Adds what a place has, and notes what of it cannot be read. */
  addAll(place: string, decoded: Option.Option<DecodedSignIns>): void {
    if (Option.isNone(decoded)) {
      this.note(`${place} is written in a way that this version does not know.`)
      return
    }
    this.#signIns.push(...decoded.value.signIns)
    for (const name of decoded.value.unknown.slice(0, 20)) {
      this.note(`${printable(name)} in ${place} is written in a way that this version does not know.`)
    }
  }

  /** Reads a file as text. Undefined: it is absent, or a note says why not. */
  readonly text = (path: string): Effect.Effect<string | undefined> =>
    Effect.map(this.textFile(path), (file) => file?.text)

  /** Reads a file as text, with the time when it was written. Undefined: it is absent, or a note says why not. */
  readonly textFile = (
    path: string
  ): Effect.Effect<{ readonly text: string; readonly modifiedAt: number } | undefined> =>
    Effect.map(this.#read(path), (file) => {
      if (file === undefined) return undefined
      const text = textOf(file.bytes)
      if (text !== undefined) return { text, modifiedAt: file.modifiedAt }
      this.note(`${path} was not read: it is not UTF-8 text.`)
      return undefined
    })

  readonly bytes = (path: string): Effect.Effect<Uint8Array | undefined> =>
    Effect.map(this.#read(path), (file) => file?.bytes)

  readonly #read = (path: string) =>
    Effect.map(
      Effect.promise(() => readForeignFile(path)),
      (file) => {
        if (file._tag === "Unreadable") this.note(file.note)
        if (file._tag !== "Read") return undefined
        this.note(...file.notes)
        return file
      }
    )

  /** Reads a file that has sign-ins, if there is one. */
  readonly file = (
    path: string,
    decode: (text: string) => Option.Option<DecodedSignIns>
  ): Effect.Effect<void> => {
    this.place(path)
    return Effect.map(this.text(path), (text) => {
      if (text !== undefined) this.addAll(path, decode(text))
    })
  }

  /** The entries of a service in the keyring, by account. Empty: there are none, or a note says why not. */
  readonly keyring = (
    keyring: ForeignKeyring["Service"],
    service: string
  ): Effect.Effect<ReadonlyMap<string, string>> => {
    this.place(`the keyring (service ${service})`)
    return keyring.find(service).pipe(
      Effect.map((found) => new Map(found.map(({ account, secret }) => [account, Redacted.value(secret)]))),
      Effect.catch((error) =>
        Effect.sync(() => {
          this.note(`The keyring was not read: ${error.message}`)
          return new Map()
        })
      )
    )
  }
}
