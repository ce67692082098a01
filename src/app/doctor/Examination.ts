import { Clock, Effect, Result } from "effect"
import { silentChallenge } from "../../domain/Challenge.ts"
import { CredentialKey } from "../../domain/CredentialKey.ts"
import type { RemoteServer } from "../../domain/Server.ts"
import { isTransientStatus } from "../../domain/TransientStatus.ts"
import { Discovery } from "../../ports/Discovery.ts"
import { resolvedByDiscovery, resolvedByHand } from "../signin/ResolvedAuthorizationServer.ts"
import {
  destinationOf,
  issuerVerdict,
  metadataVerdict,
  providerVerdict,
  resourceVerdict
} from "./AuthorizationServerVerdicts.ts"
import { probeClient } from "./ClientProbe.ts"
import {
  dpopVerdict,
  parVerdict,
  pkceVerdict,
  redirectVerdict,
  registrationVerdict,
  scopesVerdict
} from "./ClientVerdicts.ts"
import { type Check, checks, skipped, type Verdict } from "./Finding.ts"
import { proxyVerdict, signInVerdict, storageVerdict } from "./MachineVerdicts.ts"
import {
  challengeVerdict,
  clockVerdict,
  isOpen,
  type Probe,
  probe,
  reachEndpoints,
  serverVerdict
} from "./Probe.ts"
import type { Resolution } from "./Resolution.ts"
import { tokenEndpointVerdict } from "./TokenEndpointProbe.ts"

const resolve = Effect.fn("Doctor.resolve")(function* (
  server: RemoteServer,
  probed: Probe
): Effect.fn.Return<Resolution, never, Discovery> {
  const { source } = server.oauth
  if (source._tag === "ByHand") {
    return { _tag: "ByHand", authorizationServer: resolvedByHand(server, source) }
  }
  if (Result.isFailure(probed) || isTransientStatus(probed.success.status)) return { _tag: "Unreached" }
  const { challenge, status } = probed.success
  const received = status === 401 ? (challenge ?? silentChallenge) : undefined
  const discovery = yield* Discovery
  return yield* discovery.discover(server, received).pipe(
    Effect.match({
      onFailure: (error): Resolution => {
        const isWithoutSignIn =
          error._tag === "SignInNotOffered" || (error._tag === "DiscoveryError" && error.reason === "not MCP")
        // The status says more.
        return isWithoutSignIn && !isOpen(status) ? { _tag: "Unreached" } : { _tag: "Failed", error }
      },
      onSuccess: (discovered): Resolution => ({
        _tag: "Discovered",
        discovered,
        authorizationServer: resolvedByDiscovery(server, discovered)
      })
    })
  )
})

/** The checks in which one cause is looked for first: a store that fails is the problem of the store, not of a sign-in. */
const causeFirst: ReadonlyArray<Check> = ["storage", ...checks]

/** Reports each cause once: a later check that fails for the same reason is skipped. */
const withoutRepetition = (verdicts: Readonly<Record<Check, Verdict>>): Readonly<Record<Check, Verdict>> => {
  const places = new Map<string, Check>()
  for (const check of causeFirst) {
    const { status, what } = verdicts[check]
    if (status === "wrong" && !places.has(what)) places.set(what, check)
  }
  const isRepeated = (check: Check) =>
    verdicts[check].status === "wrong" && places.get(verdicts[check].what) !== check
  return Object.fromEntries(
    checks.map((check) => [check, isRepeated(check) ? skipped : verdicts[check]])
  ) as Record<Check, Verdict>
}

/** Runs every check, in the order of {@link checks}. */
export const examine = Effect.fn("Doctor.examine")(function* (server: RemoteServer, account?: string) {
  const probed = yield* Effect.result(probe(server))
  const now = yield* Clock.currentTimeMillis
  const resolution = yield* resolve(server, probed)
  const endpoints = yield* Effect.result(reachEndpoints(server))
  const verdicts: Readonly<Record<Check, Verdict>> = {
    proxy: yield* proxyVerdict(server),
    server: serverVerdict(server, probed, resolution),
    clock: clockVerdict(probed, now),
    challenge: challengeVerdict(server, probed),
    metadata: metadataVerdict(server, resolution, endpoints),
    provider: providerVerdict(server, resolution),
    issuer: issuerVerdict(server, resolution, yield* destinationOf(server, resolution)),
    resource: resourceVerdict(server, resolution),
    scopes: scopesVerdict(server, probed, resolution),
    registration: registrationVerdict(server, resolution, yield* probeClient(server, resolution)),
    PKCE: pkceVerdict(server, resolution),
    DPoP: dpopVerdict(server, resolution),
    PAR: parVerdict(server, resolution),
    redirect: yield* redirectVerdict(server, resolution),
    "token endpoint": yield* tokenEndpointVerdict(server, resolution),
    "sign-in": yield* signInVerdict(server, CredentialKey.at(server, account), resolution),
    storage: yield* storageVerdict
  }
  const reported = withoutRepetition(verdicts)
  return checks.map((check) => ({ check, ...reported[check] }))
})
