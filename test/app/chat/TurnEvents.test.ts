import { assert, describe, it } from "@effect/vitest"
import { Effect, Fiber, Latch, Stream } from "effect"
import type { TurnEvent } from "../../../src/app/chat/Chat.ts"
import { turnEvents } from "../../../src/app/chat/TurnEvents.ts"

const said = (text: string | number): TurnEvent => ({ _tag: "Text", text: String(text) })
const textOf = (event: TurnEvent): string => (event._tag === "Text" ? event.text : "")

describe("the events of a turn", () => {
  it.effect("are read once each and in their order, by a fast reader and by a slow one", () =>
    Effect.gen(function* () {
      const numbers = Array.from({ length: 200 }, (_, at) => at)
      for (const readerWaits of [() => false, () => true, (at: number) => at % 3 === 0]) {
        const read: Array<string> = []
        const events = turnEvents(({ emit }) =>
          Effect.forEach(
            numbers,
            (at) =>
              Effect.sync(() => emit(said(at))).pipe(
                Effect.andThen(at % 7 === 0 ? Effect.yieldNow : Effect.void)
              ),
            { discard: true }
          )
        )
        yield* Stream.runForEach(events, (event) =>
          Effect.sync(() => read.push(textOf(event))).pipe(
            Effect.andThen(readerWaits(read.length) ? Effect.yieldNow : Effect.void)
          )
        )
        assert.deepStrictEqual(read, numbers.map(String))
      }
    })
  )

  it.effect("reach a reader that waits before the turn goes on", () =>
    Effect.gen(function* () {
      const order: Array<string> = []
      const events = turnEvents(({ emit }) =>
        Effect.gen(function* () {
          yield* Effect.yieldNow
          for (const text of ["one", "two"]) {
            emit(said(text))
            order.push(`after ${text}`)
          }
        })
      )
      yield* Stream.runForEach(events, (event) => Effect.sync(() => order.push(textOf(event))))
      assert.deepStrictEqual(order, ["one", "after one", "two", "after two"])
    })
  )

  it.effect("are all dealt with before the turn asks the user", () =>
    Effect.gen(function* () {
      const order: Array<string> = []
      const isDrawn = yield* Latch.make()
      const events = turnEvents(({ allRead, emit }) =>
        Effect.gen(function* () {
          yield* allRead
          emit(said("one"))
          emit(said("two"))
          yield* Effect.all([allRead, allRead], { concurrency: 2 })
          order.push("asked")
        })
      )
      const reading = yield* Stream.runForEach(events, (event) =>
        Effect.andThen(
          isDrawn.await,
          Effect.sync(() => order.push(textOf(event)))
        )
      ).pipe(Effect.forkChild)
      yield* Effect.yieldNow
      yield* isDrawn.open
      yield* Fiber.join(reading)
      assert.deepStrictEqual(order, ["one", "two", "asked"])
    })
  )

  it.effect("have only the last progress of a call that is not read yet", () =>
    Effect.gen(function* () {
      const read: Array<string> = []
      const progressOf = (id: string, progress: number): TurnEvent => ({
        _tag: "CallProgress",
        call: { id, tool: undefined, name: "search", arguments: {} },
        progress: { progress, total: undefined, message: undefined }
      })
      const events = turnEvents(({ emit }) =>
        Effect.gen(function* () {
          for (let at = 1; at <= 3; at++) {
            emit(progressOf("a", at))
            emit(progressOf("b", 10 * at))
          }
          emit(said("end"))
          emit(progressOf("c", 1))
          yield* Effect.yieldNow
          emit(progressOf("c", 2))
        })
      )
      yield* Stream.runForEach(events, (event) =>
        Effect.sync(() =>
          read.push(
            event._tag === "CallProgress" ? `${event.call.id} ${event.progress.progress}` : textOf(event)
          )
        )
      )
      assert.deepStrictEqual(read, ["a 3", "b 30", "end", "c 1", "c 2"])
    })
  )

  it.effect("end with the failure of the turn, after those before it", () =>
    Effect.gen(function* () {
      const read: Array<string> = []
      const events = turnEvents(({ emit }) =>
        Effect.andThen(
          Effect.sync(() => emit(said("one"))),
          Effect.fail("it failed")
        )
      )
      const error = yield* Stream.runForEach(events, (event) =>
        Effect.sync(() => read.push(textOf(event)))
      ).pipe(Effect.flip)
      assert.deepStrictEqual([read, error], [["one"], "it failed"])
    })
  )

  it.effect("end the turn when the reader stops, also within an event", () =>
    Effect.gen(function* () {
      let ended = 0
      const events = turnEvents(({ emit }) =>
        Effect.forEach([1, 2, 3], (at) =>
          Effect.andThen(
            Effect.yieldNow,
            Effect.sync(() => emit(said(at)))
          )
        ).pipe(
          Effect.andThen(Effect.never),
          Effect.onInterrupt(() => Effect.sync(() => ended++))
        )
      )
      const read = yield* Stream.runCollect(Stream.take(events, 2))
      assert.deepStrictEqual([read.map(textOf), ended], [["1", "2"], 1])
    })
  )
})
