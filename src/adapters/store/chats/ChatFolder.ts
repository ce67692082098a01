import { Effect, Option, Schema } from "effect"
import { ChatMessageJson } from "../../../domain/chat/ChatMessageJson.ts"
import { advice } from "../../../domain/Remedy.ts"
import type { ChatMemory, KeptChat, WholeChat } from "../../../ports/ChatHistory.ts"
import { StorageError } from "../../../ports/CredentialStore.ts"
import type { SealedTexts } from "../../../ports/SealedTexts.ts"
import { Corrupt } from "../../../ports/StorageFailure.ts"
import { privateFolder } from "../folder/PrivateFolder.ts"

/** Conversations that are kept. The oldest ones go. */
const maxChats = 50

const Chat = Schema.fromJsonString(
  Schema.Struct({
    id: Schema.String,
    savedAt: Schema.Finite,
    title: Schema.String,
    servers: Schema.Array(Schema.String),
    model: Schema.String,
    messages: Schema.Array(ChatMessageJson)
  })
)
const decode = Schema.decodeUnknownOption(Chat)

/** An id becomes the name of a file. */
const isId = (id: string): boolean => /^[a-z0-9]{1,32}$/.test(id)

const extension = ".json"

/** The files of a private folder, as texts. */
const plainTexts = (directory: string): SealedTexts["Service"] => {
  const folder = privateFolder(directory)
  return {
    names: Effect.map(folder.names, (names) =>
      names.filter((name) => name.endsWith(extension)).map((name) => name.slice(0, -extension.length))
    ),
    read: (name) => folder.read(name + extension),
    replace: (name, text) => folder.replace(name + extension, text),
    remove: (name) => folder.remove(name + extension)
  }
}

/**
 * Keeps each conversation as one text: a file that only this user can read, or an encrypted one beside the sign-ins.
 *
 * @param options.directory a folder that only this program uses
 * @param options.unlock unlocks the store that encrypts texts
 * @param options.sealed where encrypted texts are stored; undefined: the sign-ins are not in encrypted files
 */
export const chatFolder = (options: {
  readonly directory: string
  readonly unlock: Effect.Effect<void, StorageError>
  readonly sealed: Effect.Effect<SealedTexts["Service"] | undefined, StorageError>
}): ChatMemory => {
  const plain = plainTexts(options.directory)
  const texts = Effect.map(options.sealed, (sealed) => sealed ?? plain)

  const find = Effect.fnUntraced(function* (id: string) {
    const text = yield* (yield* texts).read(id)
    return Option.map(text, (content) => decode(content))
  })
  const all = Effect.gen(function* () {
    const names = (yield* (yield* texts).names).filter(isId)
    const found = yield* Effect.forEach(names, find, { concurrency: 8 })
    return found
      .flatMap((chat) => Option.toArray(Option.flatten(chat)))
      .toSorted((one, other) => other.savedAt - one.savedAt)
  })

  return {
    isOn: true,
    unlock: Effect.flatMap(options.sealed, (sealed) => (sealed === undefined ? Effect.void : options.unlock)),
    save: Effect.fn("ChatFolder.save")(function* (chat: WholeChat) {
      const { read, remove, replace } = yield* texts
      const isNew = Option.isNone(yield* read(chat.id))
      yield* replace(chat.id, JSON.stringify(chat))
      if (isNew)
        yield* Effect.forEach((yield* all).slice(maxChats), ({ id }) => remove(id), { discard: true })
    }),
    remove: Effect.fn("ChatFolder.remove")(function* (id) {
      if (isId(id)) yield* (yield* texts).remove(id)
    }),
    list: Effect.map(all, (chats) => chats.map(({ messages: _, ...kept }): KeptChat => kept)).pipe(
      Effect.withSpan("ChatFolder.list")
    ),
    open: Effect.fn("ChatFolder.open")(function* (id) {
      const found = isId(id) ? yield* find(id) : Option.none()
      if (Option.isNone(found)) return undefined
      if (Option.isSome(found.value)) return found.value.value
      return yield* new StorageError({
        reason: new Corrupt({
          path: `${options.directory}/${id}${extension}`,
          detail: "it holds no conversation",
          fixes: [advice("Delete it.")]
        })
      })
    })
  }
}
