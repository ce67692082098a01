import { Duration, Schedule } from "effect"

/** Timeout of a connection, for one attempt. */
export const connectTimeout = Duration.seconds(5)
/** Timeout of an answer, for one attempt: storage of a Vault cluster can take seconds. */
export const answerTimeout = Duration.seconds(15)
/** Timeout of a request while the program ends. */
export const shutdownTimeout = Duration.seconds(1)
/** The longest `Retry-After` that is honoured, in milliseconds. A longer one is an error that the user sees at once. */
export const maxRetryAfter = 10_000
/**
 * How long a request is repeated while the nodes of a cluster say that none is active: OpenBao 2.7 took up to 13 s after a
 * leader was killed. Under a lease any failed request is repeated until the lease ends.
 */
export const failoverTime = Duration.seconds(20)
/** How often, and within what time, any other request is repeated. */
export const maxRetries = 3
export const retryTime = Duration.seconds(20)
/** The longest time between two attempts, unless the server requests more. */
export const maxRetryDelay = Duration.seconds(1)
/** After what time the user is told what is waited for. */
export const noticeDelay = Duration.seconds(3)
/** The largest response, in bytes. A record is a few KiB, and a list of ten thousand names half a MiB. */
export const maxBody = 8 * 1024 * 1024
/** How often a write without a lease is tried when other writes come first. */
export const writeAttempts = 20

/** How long a lease holds without being extended: other machines wait that long for a holder that died. */
export const leaseTime = Duration.seconds(30)
/** How often the holder extends its lease. Two may be lost before the lease ends. */
export const heartbeat = Duration.seconds(10)
/** Timeout of one extension. It may be repeated, and nothing waits for it. */
export const beatTimeout = Duration.seconds(3)
/** Pause before an extension that is overdue. */
export const beatPause = Duration.seconds(1)
/**
 * Timeout of a removal, shorter than that of an answer: one without an answer may be done, and is not repeated, since it would
 * remove what another process has stored meanwhile.
 */
export const removalTimeout = Duration.seconds(10)
/** How long a removal may take to arrive, given up or not: as much has to be left of its lease. */
export const removalTime = Duration.seconds(20)
/** Milliseconds after a write under a lease in which the lease needs no check before a refresh token is sent. */
export const checkedFor = 5000
/** How often a lease is written before a refresh token is sent, if each write takes nearly as long as the lease lasts. */
export const extensions = 3
/** How long, and how often, a replica is awaited that is behind: OpenBao's standbys were seen up to 272 ms behind. */
export const replicaPause = Duration.millis(250)
export const replicaAttempts = 20
/** The longest time in seconds that another holder's lease is believed in, whatever it says. */
export const maxForeignLease = 60
/** How often, and for how long, another holder's lease is polled: longer than any is believed in. */
export const leasePolling = Schedule.spaced("250 millis").pipe(
  Schedule.jittered,
  Schedule.upTo({ duration: "65 seconds" })
)
/** Milliseconds that Vault's clock may differ from itself: it tells whole seconds in `Date`, fractions in `created_time`. */
export const clockGrain = 1500
/** Milliseconds that a lease has to last when an operation under it starts. */
export const leaseMargin = 2000

/** How long a program runs before its token's lifetime is looked up: a short run needs no renewal. */
export const renewalDelay = Duration.seconds(5)
/** The part of its remaining lifetime after which a token is renewed. */
export const renewAt = 2 / 3
/** The shortest time between two renewals. */
export const minRenewalInterval = Duration.seconds(1)
/** How often an unanswered renewal is retried. */
export const renewalRetry = Schedule.spaced("2 seconds")

/** What a token needs left, so that what is done with it is not lost. */
export interface NeededOfToken {
  readonly uses: number
  /** Seconds. */
  readonly lifetime: number
}
/** A sign-in: its requests, with some to spare, and the time of a user who is quick. */
export const neededBySignIn: NeededOfToken = { uses: 30, lifetime: 60 }
/** A refresh: the requests after its answer, with some to spare, and the lease under which that is stored. */
export const neededByRefresh: NeededOfToken = { uses: 10, lifetime: Duration.toSeconds(leaseTime) }
/** Seconds that a token has to be valid until its first renewal, if it can be renewed. */
export const minRenewableLifetime = 8
