import { Cause, Deferred, Effect, Exit, Layer, ManagedRuntime } from "effect"
import { authorizedFetch, type Fetch } from "../app/http/AuthorizedFetch.ts"
import { type OAuthClientProvider, toOAuthClientProvider } from "../app/http/OAuthClientProvider.ts"
import type { Remedy } from "../domain/Remedy.ts"
import { remoteServer, type RemoteServerOptions } from "../domain/RemoteServer.ts"
import { defaultUserTimeout, UserInteraction } from "../ports/UserInteraction.ts"
import * as McpAuth from "./McpAuth.ts"
import { serverAtUrl } from "./ServerAtUrl.ts"

/** What a user needs in order to sign in. */
export interface SignInPrompt {
  /** The name of the server. */
  readonly server: string
  /** Where the user approves. */
  readonly url: URL
  /** The code to enter there, for a sign-in on another device (RFC 8628). */
  readonly userCode?: string
}

/** Options of {@link createAuthorizedFetch}. Only the URL is required. */
export interface AuthorizedFetchOptions
  extends RemoteServerOptions, Pick<McpAuth.McpAuthOptions, "home" | "identity" | "password" | "store"> {
  /** The MCP server. */
  readonly url: string | URL
  /** Which of several accounts at the server. Absent: the default account. */
  readonly account?: string | undefined
  /**
   * Shows the user where to sign in. It may return the URL that the browser was redirected to, if that browser cannot
   * reach this machine. If it throws, the sign-in fails with that error. Absent: the user at the terminal, whose
   * browser opens; without a terminal, a missing sign-in is an error.
   */
  readonly onSignIn?: ((prompt: SignInPrompt) => unknown) | undefined
  /** Closes the `fetch`: requests and a sign-in in progress reject with the reason of the signal. */
  readonly signal?: AbortSignal | undefined
}

/** A `fetch` that carries the token of one server. Close it, or declare it with `await using`. */
export interface AuthorizedFetch extends Fetch, AsyncDisposable {
  /** Ends requests and a sign-in in progress, and closes the store. */
  readonly close: () => Promise<void>
  /** For programs that take no `fetch`, such as LangChain's: see `toOAuthClientProvider` of `mcp-cli-oauth/mcp`. */
  readonly toOAuthClientProvider: () => OAuthClientProvider
}

/** Why there is no token, or no answer. */
export class McpAuthError extends Error {
  override readonly name = "McpAuthError"
  /** What happened: `SignInRequired`, `SignInRefused`, `NetworkError`, `StorageError`, ... */
  readonly code: string
  /** What can be done about it, the most useful first. */
  readonly remedies: ReadonlyArray<Remedy>
  constructor(cause: Error & { readonly _tag: string; readonly remedies?: ReadonlyArray<Remedy> }) {
    super(cause.message, { cause })
    this.code = cause._tag
    this.remedies = cause.remedies ?? []
  }
}

const isTagged = (error: unknown): error is Error & { readonly _tag: string } =>
  error instanceof Error && "_tag" in error && typeof error._tag === "string"

const publicError = (error: unknown): unknown => (isTagged(error) ? new McpAuthError(error) : error)

/** The user of a program that shows the address itself. */
const promptedUser = (onSignIn: (prompt: SignInPrompt) => unknown) =>
  Layer.effect(
    UserInteraction,
    Effect.gen(function* () {
      /** What the latest prompt has led to. A sign-in does not wait for it: the browser may answer first. */
      let answer = yield* Deferred.make<unknown>()
      const context = yield* Effect.context()
      const prompt = (details: SignInPrompt) =>
        Effect.gen(function* () {
          const next = yield* Deferred.make<unknown>()
          answer = next
          const shown = Effect.promise(async () => onSignIn(details))
          Effect.runForkWith(context)(Effect.onExit(shown, (exit) => Deferred.done(next, exit)))
        })
      return UserInteraction.of({
        present: true,
        timeout: defaultUserTimeout,
        askToSignIn: (server, url) => prompt({ server, url }),
        askToUseDevice: (server, { userCode, verificationUri, verificationUriComplete }) =>
          prompt({ server, url: verificationUriComplete ?? verificationUri, userCode }),
        pastedRedirect: Effect.fnUntraced(function* () {
          const current = answer
          const value = yield* Deferred.await(current)
          if (typeof value !== "string" && !(value instanceof URL)) return yield* Effect.never
          // Read once: if it is no redirected URL, the sign-in waits for the browser.
          if (answer === current) answer = yield* Deferred.make<unknown>()
          return String(value)
        }),
        tell: (message) => Effect.logInfo(message)
      })
    })
  )

const serverOf = (options: AuthorizedFetchOptions) => {
  try {
    return remoteServer(options.url, options)
  } catch (error) {
    throw publicError(error)
  }
}

/** True for a server of which the program says no more than its URL, with a store that others use, too. */
const isUrlAlone = ({ client, name, oauth, redirectUri, scopes, store }: AuthorizedFetchOptions): boolean =>
  store !== "memory" && [client, name, oauth, redirectUri, scopes].every((option) => option === undefined)

const stackOf = ({ home, identity, onSignIn, password, store }: AuthorizedFetchOptions) =>
  McpAuth.layer({
    home,
    identity,
    password,
    store,
    ...(onSignIn === undefined ? {} : { interaction: promptedUser(onSignIn), browser: false })
  })

/**
 * Creates a `fetch` that signs in to an MCP server, sends its token with each request, and renews it.
 *
 * **Details**
 *
 * Sign-ins are those of the CLI unless `store` or `home` say otherwise. With the URL alone, it is the server that
 * `server_config.json` has at that URL, with its name and its `oauth` block. It rejects with {@link McpAuthError}; an
 * aborted request rejects with the reason of its signal.
 *
 * @example
 * await using fetch = await createAuthorizedFetch({ url })
 * const transport = new StreamableHTTPClientTransport(new URL(url), { fetch })
 */
export const createAuthorizedFetch = async (options: AuthorizedFetchOptions): Promise<AuthorizedFetch> => {
  options.signal?.throwIfAborted()
  const { account } = options
  const own = serverOf(options)
  const runtime = ManagedRuntime.make(stackOf(options))
  const closing = new AbortController()
  const close = async (reason?: unknown) => {
    closing.abort(reason ?? new DOMException("This fetch is closed", "AbortError"))
    await runtime.dispose()
  }
  const onAbort = () => void close(options.signal?.reason)
  options.signal?.addEventListener("abort", onAbort, { signal: closing.signal })

  /** Runs an effect of the stack. It rejects with the reason of the signal if that is aborted. */
  const run = async <A, E>(
    effect: Effect.Effect<A, E, ManagedRuntime.ManagedRuntime.Services<typeof runtime>>
  ): Promise<A> => {
    const exit = await runtime.runPromiseExit(effect, { signal: closing.signal })
    if (Exit.isSuccess(exit)) return exit.value
    closing.signal.throwIfAborted()
    throw publicError(Cause.squash(exit.cause))
  }

  const [send, provider] = await run(
    Effect.gen(function* () {
      const server = isUrlAlone(options)
        ? yield* Effect.provide(serverAtUrl(own, account), McpAuth.configurationOf(options))
        : own
      return yield* Effect.all([authorizedFetch(server, account), toOAuthClientProvider(server, account)])
    })
  ).catch(async (error: unknown) => {
    // Also leaves the signal, which may live as long as the program.
    await close()
    throw error
  })

  const call: Fetch = async (input, init) => {
    const own = init?.signal ?? (input instanceof Request ? input.signal : undefined)
    const signal = own === undefined || own === null ? closing.signal : AbortSignal.any([own, closing.signal])
    try {
      signal.throwIfAborted()
      return await send(input, { ...init, signal })
    } catch (error) {
      signal.throwIfAborted()
      throw publicError(error)
    }
  }
  /** The provider keeps its tokens in memory, but a closed `fetch` hands out none. */
  const unlessClosed = async <A>(answer: () => Promise<A>): Promise<A> => {
    closing.signal.throwIfAborted()
    try {
      return await answer()
    } catch (error) {
      throw publicError(error)
    }
  }
  return Object.assign(call, {
    close: () => close(),
    [Symbol.asyncDispose]: () => close(),
    toOAuthClientProvider: () => ({
      ...provider,
      tokens: () => unlessClosed(provider.tokens),
      discoveryState: () => unlessClosed(provider.discoveryState)
    })
  })
}
