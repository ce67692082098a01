/** Milliseconds that `initialize` is held while the user signs in. Clients wait 60 s for it (the default of both SDKs). */
export const signInHold = 45_000

/** Milliseconds for `notifications/initialized`, which later messages must not overtake. */
export const initializedTimeout = 10_000

/** Milliseconds that answers which run get after the client has ended its input. */
export const endGrace = 2000

/** Milliseconds that the server may still answer a request after it was told that the client has cancelled it. */
export const cancelGrace = 2000

/** Bytes of the client's messages that are on their way at the same time: two of the largest. */
export const maxBytesOnTheWay = 2 * 256 * 1024 * 1024

/** Milliseconds between two looks at the clock, and how late one of them is after the machine has slept. */
export const sleepLook = 15_000
export const sleepLateness = 30_000

/** Milliseconds until a session that the server has just forgotten is opened again, doubled up to the maximum. */
export const renewDelay = 1000
export const maxRenewDelay = 60_000

/** Milliseconds that the server may say nothing about a request, if the user names no other time, and how often that is looked at. */
export const maxSilence = 3_600_000
export const silenceLooks = 60

/** Milliseconds of a timeout that no request reaches: the longest one of a timer. */
export const noTimeout = 2_147_483_647
