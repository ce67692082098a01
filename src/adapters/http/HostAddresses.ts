import { Context, Effect } from "effect"
import { resolverSeconds } from "./HttpLimits.ts"
import { nodeModule } from "../platform/NodeModule.ts"

/** Finds every address of a host name. Empty if it has none, or if no resolver answers within 5 seconds. */
export type FindAddresses = (hostname: string) => Effect.Effect<ReadonlyArray<string>>

/** The resolver that connections use too, hosts file included. A browser or a Worker has none: no address is known. */
const bySystem: FindAddresses = Effect.fn("HostAddresses.find")((hostname) =>
  Effect.tryPromise(
    async () => (await nodeModule("node:dns/promises")?.lookup(hostname, { all: true })) ?? []
  ).pipe(
    Effect.map((answers) => answers.map(({ address }) => address)),
    Effect.timeout(`${resolverSeconds} seconds`),
    // A proxy may know a name that this machine does not. Otherwise the request itself reports the name.
    Effect.orElseSucceed(() => [])
  )
)

/** Looks up host names. Tests replace it. */
export const HostAddresses = Context.Reference<FindAddresses>("mcp-cli-oauth/adapters/http/HostAddresses", {
  defaultValue: () => bySystem
})
