import { Effect, Tracer } from "effect"

/** The tracer of programs that have none: it exports nothing. */
const noTracer = Tracer.Tracer.defaultValue()

/**
 * Runs an effect in a span, if there is a tracer. It is for what runs once for each message: `Effect.fn` with a name creates a
 * span, and two stack traces, in any case, which takes longer than the work itself.
 */
export const spanned =
  (name: string) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.withFiber((fiber) =>
      fiber.getRef(Tracer.Tracer) === noTracer ? effect : Effect.withSpan(effect, name)
    )
