import { Duration } from "effect"

/** How long a model may be silent by default, before the first event and between two: local servers load a model first. */
export const defaultSilence = Duration.minutes(5)
/** Bytes of the longest answer: a model writes a few hundred kilobytes at most. */
export const maxAnswer = 64 * 1024 * 1024
/** Bytes of the longest event of an answer: a whole call with its arguments. */
export const maxEvent = 8 * 1024 * 1024
/** Calls of one answer. A turn makes far fewer. */
export const maxAnswerCalls = 128
/** How long a server may take to end the body of an answer behind its last event, so that the connection is used again. */
export const maxRest = Duration.seconds(1)
/** Bytes of the longest answer that is no stream: the list of models of OpenRouter has about one MiB. */
export const maxList = 16 * 1024 * 1024
/** Characters of an error of a provider that are shown. */
export const maxDetail = 500
/** How long the servers of this machine may take to answer when one is looked for. */
export const discoveryTimeout = Duration.millis(300)
/** How long a provider may take to list its models. */
export const listTimeout = Duration.seconds(10)
/** How many models of one server are asked about. */
export const maxDescribed = 50
/** Characters of an error of a provider that are searched for what it means. */
export const maxErrorText = 4000
