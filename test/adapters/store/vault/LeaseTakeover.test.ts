import { assert, describe, it } from "@effect/vitest"
import { readdirSync, rmSync, symlinkSync } from "node:fs"
import { basename, join } from "node:path"
import { Clock, Deferred, Duration, Effect, Fiber, Layer, Queue } from "effect"
import * as ProcessLock from "../../../../src/adapters/lock/ProcessLock.ts"
import * as VaultStore from "../../../../src/adapters/store/vault/VaultStore.ts"
import { CredentialKey } from "../../../../src/domain/CredentialKey.ts"
import { CredentialLock } from "../../../../src/ports/CredentialLock.ts"
import { CredentialStore } from "../../../../src/ports/CredentialStore.ts"
import { credentialWith } from "../../../contract/CredentialStoreContract.ts"
import type { VaultServer } from "../../../servers/VaultServer.ts"
import { temporaryFolder } from "../../TemporaryFolder.ts"
import { settingsFor, vaultDouble } from "./VaultWorld.ts"

const notion = CredentialKey.of("notion")
const path = "mcp-cli/oauth/notion"
const locked = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  CredentialLock.use((lock) => lock.withLock(notion, "refresh")(effect))
const stored = CredentialStore.use((store) => store.put(notion, credentialWith("kept")))

/** A program of a machine: one that has this folder of locks. */
const programIn = (
  directory: string,
  vault: VaultServer,
  tell?: (line: string) => Effect.Effect<unknown>,
  token = vault.rootToken
) =>
  Layer.fresh(
    VaultStore.layer(
      settingsFor({ url: vault.url, rootToken: token }),
      tell && ((line) => Effect.asVoid(tell(line)))
    )
  ).pipe(Layer.provide(Layer.fresh(ProcessLock.layer({ directory }))))

/** A program that ends without giving its lease back: its token no longer allows that. */
const endInside = (directory: string, vault: VaultServer) => {
  const token = vault.createToken()
  return locked(Effect.sync(() => vault.revoke(token))).pipe(
    Effect.provide(programIn(directory, vault, undefined, token))
  )
}

/** Whether a program gets in, or finds the record taken. In the second case it gets in after 63 seconds of Vault's clock. */
const isKeptOut = (directory: string, vault: VaultServer) =>
  Effect.gen(function* () {
    const looked = vault.fault("delay", { match: /GET secret\/data/, times: 2 })
    looked.release()
    const entered = yield* Deferred.make<void>()
    const fiber = yield* Effect.forkChild(
      locked(Deferred.succeed(entered, undefined)).pipe(Effect.provide(programIn(directory, vault)))
    )
    // It looks a second time only if it was not let in.
    while (looked.met() < 2 && !(yield* Deferred.isDone(entered))) {
      yield* Effect.promise(() => new Promise((done) => setImmediate(done)))
    }
    const isOut = !(yield* Deferred.isDone(entered))
    looked.stop()
    vault.advance(63_000)
    yield* Fiber.join(fiber)
    return isOut
  })

describe("the lease of a process that has ended", () => {
  it.live.each<readonly [string, boolean, (here: string, other: string) => string]>([
    ["at once by a process that holds the same local lock", false, (here) => here],
    ["after its time by a process on another machine", true, (_, other) => other]
  ])("is taken over %s", ([, expected, choose]) =>
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      const [here, other] = [yield* temporaryFolder, yield* temporaryFolder]
      yield* stored.pipe(Effect.provide(programIn(here, vault)))
      yield* endInside(here, vault)
      assert.include(JSON.stringify(vault.versions("secret", path)), '"lease"')
      assert.strictEqual(yield* isKeptOut(choose(here, other), vault), expected)
      assert.notInclude(JSON.stringify(vault.versions("secret", path)), '"lease"')
    })
  )

  // A removal whose sender has ended may still be under way, and no version guards it.
  it.live.each([
    ["had no content", false],
    ["was emptied for a sign-out", true]
  ] as const)("on a record that %s is waited for under the same local lock, too", ([, isSignOut]) =>
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      const here = yield* temporaryFolder
      if (isSignOut) yield* stored.pipe(Effect.provide(programIn(here, vault)))
      const token = vault.createToken()
      const lost = vault.fault("delay", { match: /DELETE secret/ })
      const ending = yield* Effect.forkChild(
        locked(isSignOut ? CredentialStore.use((store) => store.remove(notion)) : Effect.void).pipe(
          Effect.provide(programIn(here, vault, undefined, token))
        )
      )
      yield* Effect.promise(() => lost.arrived)
      vault.revoke(token)
      lost.release()
      yield* Fiber.await(ending)
      assert.include(JSON.stringify(vault.versions("secret", path)), '"lease"')
      assert.notInclude(JSON.stringify(vault.versions("secret", path)), "kept")
      assert.isTrue(yield* isKeptOut(here, vault))
    })
  )

  it.live("is not taken for that of one that goes on after its lock file was removed", () =>
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      const here = yield* temporaryFolder
      yield* stored.pipe(Effect.provide(programIn(here, vault)))
      const [entered, goOn] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const first = yield* Effect.forkChild(
        locked(Effect.andThen(Deferred.succeed(entered, undefined), Deferred.await(goOn))).pipe(
          Effect.provide(programIn(here, vault))
        )
      )
      yield* Deferred.await(entered)
      for (const name of readdirSync(here)) rmSync(join(here, name))
      // The threads of one process wait for each other before they look at the file.
      const elsewhere = `${here}/../${basename(here)}-link`
      symlinkSync(here, elsewhere)
      yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(elsewhere)))
      assert.isTrue(yield* isKeptOut(elsewhere, vault))
      yield* Deferred.succeed(goOn, undefined)
      yield* Fiber.join(first)
    })
  )

  it.live.each<readonly [string, number, boolean]>([
    ["somebody 30", 29, true],
    ["somebody 30", 33, false],
    ["somebody 86400", 59, true],
    ["somebody 86400", 63, false],
    ["somebody 30 here", 29, true],
    ["somebody", 59, true],
    ["somebody for-ever", 63, false],
    ["somebody -1", 3, false]
  ])("and says %j is believed in for a minute at most: after %i s", ([lease, seconds, expected]) =>
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      const here = yield* temporaryFolder
      yield* stored.pipe(Effect.provide(programIn(here, vault)))
      const [version] = vault.versions("secret", path)
      vault.write("secret", path, { ...version?.data, lease })
      vault.advance(seconds * 1000)
      assert.strictEqual(yield* isKeptOut(here, vault), expected)
    })
  )
})

/** A clock on which three seconds take a moment, and everything else its time. */
const impatient = Effect.map(Clock.Clock, (real) =>
  Object.assign(Object.create(real) as Clock.Clock, {
    sleep: (duration: Duration.Duration) =>
      Duration.toMillis(duration) === 3000 ? real.sleep(Duration.millis(20)) : real.sleep(duration)
  })
)

describe("a wait of more than three seconds", () => {
  it.live.each<readonly [string, (here: string, other: string) => string, string]>([
    ["the lease of another machine", (_, other) => other, "Waiting for a process on another machine"],
    ["the lock of this machine", (here) => here, "Waiting for another mcp-cli process"]
  ])("for %s is announced", ([, choose, line]) =>
    Effect.gen(function* () {
      const vault = yield* vaultDouble()
      const [here, other] = [yield* temporaryFolder, yield* temporaryFolder]
      const told = yield* Queue.unbounded<string>()
      const [entered, goOn] = [yield* Deferred.make<void>(), yield* Deferred.make<void>()]
      const first = yield* Effect.forkChild(
        locked(Effect.andThen(Deferred.succeed(entered, undefined), Deferred.await(goOn))).pipe(
          Effect.provide(programIn(here, vault))
        )
      )
      yield* Deferred.await(entered)
      const second = yield* Effect.forkChild(
        locked(Effect.void).pipe(
          Effect.provide(programIn(choose(here, other), vault, (text) => Queue.offer(told, text))),
          Effect.provideService(Clock.Clock, yield* impatient)
        )
      )
      assert.strictEqual(yield* Queue.take(told), `${line} that uses the sign-in to notion.`)
      yield* Deferred.succeed(goOn, undefined)
      yield* Fiber.join(first)
      yield* Fiber.join(second)
    })
  )
})
