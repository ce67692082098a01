/**
 * Where an address is, seen from this machine: on it, on a network that only some machines reach, or anywhere. A
 * server may point to its own zone and to those after it (MCP "Server-Side Request Forgery").
 */
export type Zone = "this machine" | "private" | "public"

/** All of {@link Zone}, from the innermost on. */
export const zones: ReadonlyArray<Zone> = ["this machine", "private", "public"]

/** Whether a zone lies further in than another one: whoever is in the second cannot reach into the first by itself. */
export const isWithin = (inner: Zone, outer: Zone): boolean => zones.indexOf(inner) < zones.indexOf(outer)

/** What is known of an address. */
export interface AddressKind {
  readonly zone: Zone
  /** What such an address is, for a person: `a link-local address`. */
  readonly what: string
}

interface Range extends AddressKind {
  readonly first: bigint
  readonly bits: number
}

/** The 32 bits of an IPv4 address in its usual form, without leading zeros. */
const ipv4 = (text: string): bigint | undefined => {
  const parts = text.split(".")
  if (parts.length !== 4 || !parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256)) {
    return undefined
  }
  return parts.reduce((sum, part) => (sum << 8n) | BigInt(part), 0n)
}

/** The 128 bits of an IPv6 address (RFC 4291 §2.2), with or without brackets and zone identifier. */
const ipv6 = (written: string): bigint | undefined => {
  const bare = written.startsWith("[") && written.endsWith("]") ? written.slice(1, -1) : written
  let text = bare.replace(/%.*$/s, "")
  const embedded = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text)
  if (embedded !== null) {
    const low = ipv4(embedded[2] ?? "")
    if (low === undefined) return undefined
    text = `${embedded[1]}${(low >> 16n).toString(16)}:${(low & 0xffffn).toString(16)}`
  }
  const halves = text.split("::")
  if (halves.length > 2) return undefined
  const [head = [], tail = []] = halves.map((half) => (half === "" ? [] : half.split(":")))
  const gap = 8 - head.length - tail.length
  if (halves.length === 2 ? gap < 1 : gap !== 0) return undefined
  const groups = [...head, ...Array.from({ length: gap }, () => "0"), ...tail]
  if (!groups.every((group) => /^[0-9a-f]{1,4}$/i.test(group))) return undefined
  return groups.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n)
}

const range =
  (read: (text: string) => bigint | undefined, width: number) =>
  (cidr: string, what: string, zone: Zone = "private"): Range => {
    const [address = "", length] = cidr.split("/")
    const first = read(address)
    if (first === undefined) throw new Error(`no address: ${cidr}`)
    const bits = BigInt(width - Number(length))
    return { first: first >> bits, bits: Number(bits), what, zone }
  }

const four = range(ipv4, 32)
const six = range(ipv6, 128)

/**
 * IPv4 that is not for everybody, by IANA's registry of special-purpose addresses (RFC 6890). 198.18.0.0/15 is left
 * out: proxies of many people answer with it for every name, and no real service is there.
 */
const ranges4: ReadonlyArray<Range> = [
  four("0.0.0.0/8", "an unspecified address", "this machine"),
  four("127.0.0.0/8", "a loopback address", "this machine"),
  four("169.254.169.254/32", "the metadata service of a cloud"),
  four("169.254.0.0/16", "a link-local address"),
  four("168.63.129.16/32", "the metadata service of a cloud"),
  four("100.100.100.200/32", "the metadata service of a cloud"),
  four("10.0.0.0/8", "a private address"),
  four("172.16.0.0/12", "a private address"),
  four("192.168.0.0/16", "a private address"),
  four("192.0.0.0/24", "a private address"),
  four("100.64.0.0/10", "an address within a provider's network"),
  four("224.0.0.0/4", "a multicast address"),
  four("240.0.0.0/4", "a reserved address")
]

/** The same of IPv6. */
const ranges6: ReadonlyArray<Range> = [
  six("::/128", "an unspecified address", "this machine"),
  six("::1/128", "a loopback address", "this machine"),
  six("fd00:ec2::254/128", "the metadata service of a cloud"),
  six("fd20:ce::254/128", "the metadata service of a cloud"),
  six("fc00::/7", "a private address"),
  six("fe80::/10", "a link-local address"),
  six("fec0::/10", "a private address"),
  six("ff00::/8", "a multicast address"),
  // Who runs such a translator decides where it leads (RFC 8215).
  six("64:ff9b:1::/48", "an address of a local NAT64"),
  six("100::/64", "a reserved address")
]

/**
 * IPv6 that stands for an IPv4 address, and where in it that is: compatible and mapped (RFC 4291 §2.5.5), translated
 * (RFC 2765), NAT64 (RFC 6052), 6to4 (RFC 3056). On a network of IPv6 alone every public IPv4 address is one of NAT64,
 * so these are as private as the address inside is.
 */
const embeddings: ReadonlyArray<{ readonly range: Range; readonly shift: bigint }> = [
  { range: six("::/96", ""), shift: 0n },
  { range: six("::ffff:0:0/96", ""), shift: 0n },
  { range: six("::ffff:0:0:0/96", ""), shift: 0n },
  { range: six("64:ff9b::/96", ""), shift: 0n },
  { range: six("2002::/16", ""), shift: 80n }
]

const kindIn = (ranges: ReadonlyArray<Range>, address: bigint): AddressKind =>
  ranges.find(({ bits, first }) => address >> BigInt(bits) === first) ?? {
    zone: "public",
    what: "a public address"
  }

/**
 * What an IP address is, in any spelling that `dns.lookup` or the host of a `URL` has; undefined for what is no
 * address.
 */
export const kindOfAddress = (text: string): AddressKind | undefined => {
  const low = ipv4(text)
  if (low !== undefined) return kindIn(ranges4, low)
  const address = ipv6(text)
  if (address === undefined) return undefined
  const own = kindIn(ranges6, address)
  if (own.zone !== "public") return own
  const embedding = embeddings.find(({ range: { bits, first } }) => address >> BigInt(bits) === first)
  return embedding === undefined ? own : kindIn(ranges4, (address >> embedding.shift) & 0xffff_ffffn)
}

/**
 * What the host of a `URL` is by itself: an address, or a name of this machine (RFC 6761 §6.3). Undefined for any other
 * name, which has to be looked up.
 */
export const kindOfHost = (hostname: string): AddressKind | undefined =>
  /(^|\.)localhost\.?$/.test(hostname)
    ? { zone: "this machine", what: "a loopback address" }
    : kindOfAddress(hostname)
