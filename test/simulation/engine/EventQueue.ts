/** Something that happens at a virtual time. */
export interface TimedEvent {
  readonly at: number
  /** Decides among events of the same time. */
  readonly tie: number
  readonly serial: number
  readonly run: () => void
  isCancelled: boolean
}

const isBefore = (one: TimedEvent, other: TimedEvent): boolean =>
  one.at !== other.at
    ? one.at < other.at
    : one.tie !== other.tie
      ? one.tie < other.tie
      : one.serial < other.serial

/** A binary heap of events, the earliest first. */
export class EventQueue {
  readonly #heap: Array<TimedEvent> = []

  /** The earliest event that is not cancelled. */
  get first(): TimedEvent | undefined {
    while (this.#heap[0]?.isCancelled === true) this.pop()
    return this.#heap[0]
  }

  push(event: TimedEvent): void {
    const heap = this.#heap
    let at = heap.push(event) - 1
    while (at > 0) {
      const parent = (at - 1) >>> 1
      if (!isBefore(event, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = event
  }

  pop(): TimedEvent | undefined {
    const heap = this.#heap
    const top = heap[0]
    const last = heap.pop()
    if (top === undefined || last === undefined || heap.length === 0) return top
    let at = 0
    for (;;) {
      let child = at * 2 + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child += 1
      if (!isBefore(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
    return top
  }
}
