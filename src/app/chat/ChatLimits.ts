import { Duration } from "effect"

/** Tools that a model is told about. OpenAI refuses more. */
export const maxTools = 128
/** How long a list counts as the current one. Over HTTP a server can say that it changed only while it answers. */
export const listedFor = Duration.toMillis(Duration.minutes(5))
/** Characters of a description. Long ones explain a whole query language; none needs more. */
export const maxDescription = 20_000
/** Characters of the instructions of one server. */
export const maxInstructions = 8000
/** Characters of a result that a model gets. */
export const maxResult = 32_000
/** Bytes of a picture that a model gets: the limit of Anthropic. */
export const maxPicture = 5 * 2 ** 20
/** Calls of one turn. A task of a user needs a few; a model that needs more goes in circles. */
export const maxCalls = 16
/** Calls of one turn with the same tool and the same arguments. */
export const maxEqualCalls = 3
/** Levels of the arguments of a call. Recursive code fails at some thousands. */
export const maxArgumentLevels = 200
/** Calls of one answer that run at the same time. */
export const callsAtOnce = 8
/** Names that a model is told if it makes one up. */
export const maxNearNames = 5
/** Attempts of one answer after the first. */
export const maxRetries = 3
/** The longest time that a provider may ask a user to wait for. After a longer one the turn ends. */
export const maxRetryAfter = Duration.toMillis(Duration.seconds(60))
/** Characters of one result, or of the arguments of one call, in what is summarized. */
export const maxSummarizedPiece = 2000
/** Characters that are summarized if the size of the context is not known. */
export const maxSummarized = 200_000
/** Characters per token, fewer than of any language with an alphabet. */
export const charactersPerToken = 2
/** Attempts of a summary, each of half as many characters. */
export const maxSummaries = 5
/** Characters of a definition that are kept, to show what changed. Descriptions of 20,000 characters exist. */
export const maxKeptDefinition = 100_000
/** Lines of a change that are shown. */
export const maxChangedLines = 200
/** Characters of such a line. */
export const maxChangedLine = 4000
/** The most tokens that a server may let a model write. The user pays for them. */
export const maxSampledTokens = 4096
/** Characters of what a server asks a model: about as many as a context of a million tokens has. */
export const maxSampledText = 4_000_000
/** Characters of the title of a kept conversation. */
export const maxTitle = 80
