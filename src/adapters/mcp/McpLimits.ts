import { Duration } from "effect"

/** How long a server may be silent on a request by default. Progress counts as an answer; a sign-in does not count. */
export const requestTimeout = Duration.seconds(60)
/** Timeout of the DELETE that ends a session. */
export const shutdownTimeout = Duration.seconds(1)
/** Timeout of a server that answered 400, 404 or 405, so that it may support only SSE. */
export const fallbackTimeout = Duration.seconds(10)
/** Milliseconds until a program that does not answer the probe counts as an older server. */
export const probeTimeout = 10_000
/** Pages of one list that are read: a server that repeats its cursor must not fill the memory. */
export const maxPages = 1000

/**
 * Maximum of one answer by default, in MiB after decompression. It counts for each event of the stream of an SSE session. Tools answer with a few
 * MiB of base64 at most.
 */
export const maxAnswer = 64
/** Bytes after which an answer is large (`onLargeAnswer`). Few answers are. */
export const largeAnswer = 2 ** 20
/** Bytes after which a text of a large answer stays bytes. A shorter one would be copied from its part of the answer. */
export const longText = 4096
/** Events after which an answer counts as large too: small ones leave ten times their bytes as garbage. */
export const manyEvents = 100

/** Characters of the end of standard error that are stored: more than are quoted, to redact whole secrets. */
export const maxStored = 10_000
/** Lines that an error quotes. */
export const maxQuotedLines = 8

/** Maximum of one message over a wire by default, in MiB after decompression. It is held as bytes, once. */
export const maxMessage = 256
/** Bytes of an HTTP error that are read. The connection is used again if that is all of it. */
export const maxBriefBody = 65_536
/** How long the end of a body is awaited that has said enough. Most end at once, and keep their connection. */
export const endTimeout = Duration.seconds(1)
/** Redirects that one request follows. */
export const maxRedirects = 5
/** Milliseconds until a stream is opened again, unless the server requests another time. */
export const reopenDelay = 1000
/** The shortest such time, in milliseconds: a server may request none. */
export const minReopenDelay = 100
/** The longest such time that a server can request, in milliseconds. */
export const maxRequestedDelay = 600_000
/** The longest such time after failures, in milliseconds. */
export const maxReopenDelay = 30_000
/** Milliseconds that a stream must have been open to count as a success: some servers end each one at once. */
export const minStreamTime = 5000
/** How often in a row it may fail to resume the stream of one request. With the delays, this takes two minutes. */
export const maxResumes = 8

/** How often a request is sent again because the server asks for it. */
export const maxInputRounds = 10
/** How long such a request waits. */
export const inputDelay = Duration.millis(250)
/** Questions that a server may ask in one answer. Each takes the time of the user. */
export const maxQuestions = 16
