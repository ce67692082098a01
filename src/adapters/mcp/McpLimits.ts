import { Duration } from "effect"

/** How long a server may be silent on a request by default. Progress counts as an answer; a sign-in does not count. */
export const requestTimeout = Duration.seconds(60)
/** Timeout of the DELETE that ends a session. */
export const shutdownTimeout = Duration.seconds(1)
/** Timeout of a server that answered 400, 404 or 405, so that it may support only SSE. */
export const fallbackTimeout = Duration.seconds(10)
/** Milliseconds until a program that does not answer the probe counts as an older server. */
export const probeTimeout = 10_000
/** A timeout that the SDK never reaches, in milliseconds: `Operations` measures the time, without sign-ins. */
export const forever = 2_147_483_647
/** Pages of one list that are read: a server that repeats its cursor must not fill the memory. */
export const maxPages = 1000

/**
 * Maximum of one answer by default, in MiB after decompression. It counts for each event of the stream of an SSE session. Tools answer with a few
 * MiB of base64 at most.
 */
export const maxAnswer = 64
/** Bytes after which an answer is large (`onLargeAnswer`). Few answers are. */
export const largeAnswer = 2 ** 20

/** Characters of the end of standard error that are stored: more than are quoted, to redact whole secrets. */
export const maxStored = 10_000
/** Characters that an error quotes. */
export const maxQuoted = 300
