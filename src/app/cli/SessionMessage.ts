import { Effect, Predicate } from "effect"
import type { MediaPart, TextPart } from "../../domain/chat/ChatMessage.ts"
import type { McpAnswer, McpContent } from "../../ports/McpConnector.ts"
import { withProgress } from "../../ports/ProgressDisplay.ts"
import type { Message } from "../chat/Chat.ts"
import { prefixed, resourceUris, type SessionContext } from "./SessionServers.ts"

/** A piece of what a server answered, as a part of a message. */
const partOf = (piece: McpContent, server: string, intro = ""): TextPart | MediaPart =>
  piece._tag === "Text"
    ? { _tag: "Text", text: `${intro}${piece.text}`, sources: [server] }
    : { _tag: "Media", mimeType: piece.mimeType, base64: piece.base64, sources: [server] }

/** True if no message of a prompt is one of the assistant. */
const isOfUser = (prompt: unknown): boolean =>
  Predicate.isObject(prompt) &&
  Array.isArray(prompt["messages"]) &&
  prompt["messages"].every((message) => Predicate.isObject(message) && message["role"] === "user")

/** A piece without the role that stands before each message. */
const withoutRole = (piece: McpContent): ReadonlyArray<McpContent> => {
  if (piece._tag !== "Text") return [piece]
  return piece.text === "user:" ? [] : [{ _tag: "Text", text: piece.text.replace(/^user: /, "") }]
}

/** The messages of a prompt as one message of the user. Roles are named only if the assistant has one of them. */
export const promptMessage = ({ content, inPieces, raw }: McpAnswer, server: string): Message => {
  const pieces = isOfUser(inPieces ?? raw) ? content.flatMap(withoutRole) : content
  return pieces.map((piece) => partOf(piece, server))
}

/** A reference to a resource in a message: `@notion:page://roadmap`. It may stand in brackets and quotation marks. */
const reference = /(?<=^|[\s([{<"'\u201c\u2018])@(\S+)/g

const brackets: ReadonlyMap<string, string> = new Map([
  [")", "("],
  ["]", "["],
  ["}", "{"],
  [">", "<"]
])

/** A word without the punctuation of its sentence at its end. A bracket that it opens itself is a part of it. */
const withoutPunctuation = (word: string): string => {
  const isPart = (last: string): boolean => {
    const opening = brackets.get(last)
    return opening === undefined ? !/[.,;:!?"'\u201d\u2019]/.test(last) : word.includes(opening)
  }
  let end = word.length
  while (end > 0 && !isPart(word.charAt(end - 1))) end--
  return word.slice(0, end)
}

/** The resource that a word refers to. Punctuation belongs to it only if its server lists it with that. */
const resourceOf = Effect.fnUntraced(function* (servers: SessionContext["servers"], word: string) {
  const whole = prefixed(servers, word)
  const bare = withoutPunctuation(word)
  if (whole === undefined || bare === word) return whole
  return (yield* resourceUris(whole.server)).includes(whole.rest) ? whole : prefixed(servers, bare)
})

/** A message of the user, with the resources that it refers to. */
export const messageOf = Effect.fnUntraced(function* ({ servers }: SessionContext, text: string) {
  const parts: Array<TextPart | MediaPart> = [{ _tag: "Text", text }]
  const attached = new Set<string>()
  for (const [, word = ""] of text.matchAll(reference)) {
    const named = yield* resourceOf(servers, word)
    if (named === undefined || named.rest === "") continue
    const { rest: uri, server } = named
    const key = `${server.name}:${uri}`
    if (attached.has(key)) continue
    attached.add(key)
    const { content } = yield* withProgress(uri, (onProgress) => server.session.read(uri, { onProgress }))
    const intro = `\n\nThe resource ${uri} of ${server.name}:\n`
    for (const piece of content) parts.push(partOf(piece, server.name, intro))
  }
  return parts
})
