/** A field name of HTTP (RFC 9110 §5.1). */
const fieldName = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/

/** White space around a value, which is no part of it (Fetch standard, "normalize"). */
const around = /^[\t\n\r ]+|[\t\n\r ]+$/g

/** Bytes as Latin-1, without those that end a field. */
const fieldValue = /^[^\0\n\r\u{100}-\u{10ffff}]*$/u

const nameOf = (name: string): string => {
  if (!fieldName.test(name)) throw new TypeError("not a name of a header")
  return name.toLowerCase()
}

const valueOf = (value: string): string => {
  const normalized = value.replace(around, "")
  if (!fieldValue.test(normalized)) throw new TypeError("not a value of a header")
  return normalized
}

/**
 * The header fields of a message: `Headers` without the HTTP client of Node, which takes 40 ms and 13 MB to load. Errors do not
 * quote a value.
 */
export class HeaderList implements Headers {
  readonly #fields = new Map<string, string>()
  readonly #cookies: Array<string> = []

  constructor(fields: Iterable<readonly [name: string, value: string]> = []) {
    for (const [name, value] of fields) this.append(name, value)
  }

  append(name: string, value: string): void {
    const [key, added] = [nameOf(name), valueOf(value)]
    if (key === "set-cookie") this.#cookies.push(added)
    const before = this.#fields.get(key)
    this.#fields.set(key, before === undefined ? added : `${before}, ${added}`)
  }

  delete(name: string): void {
    const key = nameOf(name)
    this.#fields.delete(key)
    if (key === "set-cookie") this.#cookies.length = 0
  }

  get(name: string): string | null {
    return this.#fields.get(nameOf(name)) ?? null
  }

  getSetCookie(): Array<string> {
    return [...this.#cookies]
  }

  has(name: string): boolean {
    return this.#fields.has(nameOf(name))
  }

  set(name: string, value: string): void {
    const checked = valueOf(value)
    this.delete(name)
    this.append(name, checked)
  }

  forEach(act: (value: string, name: string, parent: Headers) => void): void {
    for (const [name, value] of this) act(value, name, this)
  }

  /** Sorted by name, and each cookie on its own. */
  *entries(): HeadersIterator<[string, string]> {
    for (const name of [...this.#fields.keys()].toSorted()) {
      if (name === "set-cookie") for (const cookie of this.#cookies) yield [name, cookie]
      else yield [name, this.#fields.get(name) ?? ""]
    }
  }

  *keys(): HeadersIterator<string> {
    for (const [name] of this) yield name
  }

  *values(): HeadersIterator<string> {
    for (const [, value] of this) yield value
  }

  [Symbol.iterator](): HeadersIterator<[string, string]> {
    return this.entries()
  }
}
