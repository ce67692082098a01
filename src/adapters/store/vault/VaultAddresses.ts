import { Effect, Result } from "effect"
import { isSameOrigin } from "../../../domain/SecureUrl.ts"
import type { VaultSettings } from "../../../ports/Configuration.ts"
import type { VaultFailure } from "../../../ports/StorageFailure.ts"
import { isFailover, Transient } from "./VaultRetry.ts"

/** The nodes of a cluster that the configuration names. A token is sent to no other. */
export interface VaultAddresses {
  /** Where requests are sent: to the node that has answered last. */
  readonly current: () => URL
  /** Sends the next requests to a node, and is true, if the configuration names it. */
  readonly choose: (node: URL) => boolean
  /** Sends a request to each node in turn, until one answers. */
  readonly tryEach: <A>(
    attempt: Effect.Effect<A, Transient | VaultFailure>
  ) => Effect.Effect<A, Transient | VaultFailure>
}

/** A quota is that of the whole cluster. */
const isOfNode = ({ failure }: Transient): boolean => failure.problem !== "rate limited"

/** The addresses of the settings, the first one first. */
export const vaultAddresses = ({
  otherUrls = [],
  url
}: Pick<VaultSettings, "url" | "otherUrls">): VaultAddresses => {
  const nodes = [url, ...otherUrls]
  let current = url
  return {
    current: () => current,
    choose: (node) => {
      const known = nodes.find((other) => isSameOrigin(node, other))
      current = known ?? current
      return known !== undefined
    },
    tryEach: Effect.fnUntraced(function* <A>(attempt: Effect.Effect<A, Transient | VaultFailure>) {
      let tried = yield* Effect.result(attempt)
      let failed = tried
      for (const _ of otherUrls) {
        if (Result.isSuccess(tried) || !(tried.failure instanceof Transient) || !isOfNode(tried.failure))
          break
        current = nodes[(nodes.indexOf(current) + 1) % nodes.length] ?? url
        tried = yield* Effect.result(attempt)
        const isTold =
          Result.isFailure(tried) && tried.failure instanceof Transient && !isFailover(tried.failure)
        if (!isTold) failed = tried
      }
      return yield* Effect.fromResult(failed)
    })
  }
}
