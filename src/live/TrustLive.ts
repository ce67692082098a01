import { Effect, Layer } from "effect"
import * as TerminalConfirmation from "../adapters/terminal/TerminalConfirmation.ts"
import { makeTrustGate } from "../app/cli/TrustGate.ts"
import type { UntrustedConfiguration } from "../ports/ConfigurationTrust.ts"
import { approvals } from "./StorageLive.ts"

/** Requires the approval of a user who is asked at the terminal. Loaded only for a configuration that needs one. */
export const requireApproval = (configuration: UntrustedConfiguration, interactive: boolean) =>
  Effect.flatMap(makeTrustGate, (require) => require(configuration)).pipe(
    Effect.provide(Layer.merge(approvals, TerminalConfirmation.layer({ interactive })))
  )
