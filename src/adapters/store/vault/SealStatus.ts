import { Effect } from "effect"
import { fieldOf } from "./JsonFields.ts"
import { isRefusal, type VaultHttp } from "./VaultHttp.ts"

/** Tells a server that is not initialised, and says that it is sealed, from one that is: by its status. */
export const withSealStatus = (http: VaultHttp): VaultHttp => ({
  ...http,
  send: (request) =>
    http.send(request).pipe(
      Effect.catchIf(
        ({ reason }) => reason._tag === "VaultFailure" && reason.problem === "sealed",
        (sealed) =>
          http.send({ method: "GET", path: ["sys", "seal-status"] }).pipe(
            Effect.map((status) => !isRefusal(status) && fieldOf(status.body, "initialized") === false),
            Effect.orElseSucceed(() => false),
            Effect.flatMap((isNew) => (isNew ? http.fail("uninitialized", "it is not initialised") : sealed))
          )
      )
    )
})
