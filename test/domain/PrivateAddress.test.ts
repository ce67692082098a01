import { BlockList, isIP } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { Schema } from "effect"
import { isWithin, kindOfAddress, kindOfHost, type Zone, zones } from "../../src/domain/PrivateAddress.ts"

/** Node's own reading of a list that was written for this test: nothing of it comes from the code under test. */
const listed = (...ranges: ReadonlyArray<string>) => {
  const list = new BlockList()
  for (const range of ranges) {
    const [address = "", bits] = range.split("/")
    list.addSubnet(address, Number(bits), isIP(address) === 6 ? "ipv6" : "ipv4")
  }
  return list
}
const thisMachine4 = listed("0.0.0.0/8", "127.0.0.0/8")
const private4 = listed(
  "10.0.0.0/8",
  "100.64.0.0/10",
  "168.63.129.16/32",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.168.0.0/16",
  "224.0.0.0/4",
  "240.0.0.0/4"
)
const thisMachine6 = listed("::/128", "::1/128")
const private6 = listed("fc00::/7", "fe80::/10", "fec0::/10", "ff00::/8", "64:ff9b:1::/48", "100::/64")

const zone4 = (address: string): Zone =>
  thisMachine4.check(address, "ipv4")
    ? "this machine"
    : private4.check(address, "ipv4")
      ? "private"
      : "public"

const byte = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))
/** Bytes, of which the first ones often begin a special range: random ones would hardly ever. */
const firstBytes = Schema.Literals([
  0, 1, 10, 100, 126, 127, 128, 168, 169, 172, 192, 198, 203, 223, 224, 240, 255
])
const secondBytes = Schema.Literals([0, 15, 16, 31, 32, 63, 64, 127, 128, 167, 168, 169, 253, 254, 255])
const first = Schema.Union([firstBytes, byte])
const second = Schema.Union([secondBytes, byte])
const group = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 0xffff }))
const firstGroups = Schema.Literals([
  0, 0x64, 0x100, 0x2001, 0x2002, 0xfbff, 0xfc00, 0xfd00, 0xfdff, 0xfe7f, 0xfe80, 0xfebf, 0xfec0, 0xfeff,
  0xff00, 0xff02
])
const secondGroups = Schema.Literals([0, 1, 0xec2, 0xff9b])
const fewGroups = Schema.Literals([0, 1, 2])

const hex = (high: number, low: number) => ((high << 8) | low).toString(16)

describe("an address of IPv4", () => {
  it.prop(
    "is where an independent list has it, and so is its name in a URL",
    [first, second, byte, byte],
    (parts) => {
      const address = parts.join(".")
      assert.strictEqual(kindOfAddress(address)?.zone, zone4(address))
      assert.strictEqual(kindOfHost(new URL(`http://${address}`).hostname)?.zone, zone4(address))
      // One number, as `http://2130706433`: URLs turn it into the usual form.
      const [a = 0, b = 0, c = 0, d = 0] = parts
      const number = ((a * 256 + b) * 256 + c) * 256 + d
      assert.strictEqual(kindOfHost(new URL(`http://${number}`).hostname)?.zone, zone4(address))
    }
  )

  it.prop(
    "is where it is within IPv6 too: mapped, compatible, translated, NAT64, 6to4",
    [first, second, byte, byte],
    ([a, b, c, d]) => {
      const address = `${a}.${b}.${c}.${d}`
      for (const prefix of ["::ffff:", "::ffff:0:", "64:ff9b::"]) {
        assert.strictEqual(kindOfAddress(`${prefix}${address}`)?.zone, zone4(address), prefix)
        const written = new URL(`http://[${prefix}${address}]`).hostname
        assert.strictEqual(kindOfHost(written)?.zone, zone4(address), written)
      }
      assert.strictEqual(kindOfAddress(`2002:${hex(a, b)}:${hex(c, d)}::1`)?.zone, zone4(address))
      assert.strictEqual(kindOfAddress(`::${address}`)?.zone, zone4(address))
      // The translator of a network of its own leads wherever that network wants.
      assert.strictEqual(kindOfAddress(`64:ff9b:1::${address}`)?.zone, "private")
    }
  )
})

describe("every half of the addresses of IPv4", () => {
  it("is where the list has it, from its first address to its last", () => {
    const wrong: Array<string> = []
    for (let half = 0; half < 65_536; half++) {
      for (const end of ["0.0", "255.255"]) {
        const address = `${half >> 8}.${half & 255}.${end}`
        if (kindOfAddress(address)?.zone !== zone4(address)) wrong.push(address)
      }
    }
    assert.deepEqual(wrong, [])
  })
})

describe("an address of IPv6", () => {
  it.prop(
    "is where an independent list has it",
    [
      Schema.Union([firstGroups, group]),
      Schema.Union([secondGroups, group]),
      Schema.Union([fewGroups, group]),
      fewGroups,
      fewGroups,
      Schema.Literals([1, 2, 0xfffe]),
      group,
      group
    ],
    (groups) => {
      const address = groups.map((part) => part.toString(16)).join(":")
      // Those that embed an IPv4 address have a test of their own.
      if (groups[0] === 0x2002) return
      const expected = thisMachine6.check(address, "ipv6")
        ? "this machine"
        : private6.check(address, "ipv6")
          ? "private"
          : "public"
      assert.strictEqual(kindOfAddress(address)?.zone, expected)
      assert.strictEqual(kindOfHost(new URL(`http://[${address}]`).hostname)?.zone, expected)
      assert.strictEqual(kindOfAddress(`${address}%eth0`)?.zone, expected)
    }
  )

  it.each([
    ["169.254.169.254", "metadata service"],
    ["::ffff:169.254.169.254", "metadata service"],
    ["fd00:ec2::254", "metadata service"],
    ["100.100.100.200", "metadata service"],
    ["169.254.1.1", "link-local"],
    ["fe80::1%eth0", "link-local"],
    ["10.1.2.3", "private"],
    ["fd12::1", "private"],
    ["100.64.0.1", "provider's network"],
    ["224.0.0.1", "multicast"],
    ["ff02::1", "multicast"],
    ["255.255.255.255", "reserved"],
    ["0.0.0.0", "unspecified"],
    ["::", "unspecified"],
    ["::1", "loopback"]
  ])("or of IPv4 is named by what it is: %s is %s", (address, what) => {
    assert.include(kindOfAddress(address)?.what, what)
  })
})

describe("the host of a URL", () => {
  it.each([
    "localhost",
    "localhost.",
    "a.localhost",
    "a.b.localhost.",
    "127.1",
    "0",
    "0x7f.1",
    "[::ffff:0:0]"
  ])("that leads to this machine is known by itself: %s", (host) =>
    assert.strictEqual(kindOfHost(new URL(`http://${host}`).hostname)?.zone, "this machine")
  )

  it.each([
    "as.test",
    "notlocalhost",
    "localhost.evil.test",
    "127.0.0.1.evil.test",
    "metadata.google.internal"
  ])("that is any other name has to be looked up: %s", (host) =>
    assert.isUndefined(kindOfHost(new URL(`http://${host}`).hostname))
  )

  it.each([
    "",
    ":",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "::1.2.3",
    "::256.1.1.1",
    "01.2.3.4",
    "g::"
  ])("is no address: %s", (text) => assert.isUndefined(kindOfAddress(text)))

  it.prop("never breaks the reader, and is an address only where Node says so", [Schema.String], ([text]) => {
    if (kindOfAddress(text) !== undefined) assert.notStrictEqual(isIP(text.replace(/^\[|\]$|%.*$/gs, "")), 0)
  })
})

describe("zones", () => {
  it.each(zones)("lie inside each other: %s", (zone) => {
    assert.isFalse(isWithin(zone, zone))
    assert.strictEqual(isWithin(zone, "public"), zone !== "public")
    assert.isFalse(isWithin("public", zone))
    assert.strictEqual(isWithin("this machine", zone), zone !== "this machine")
  })
})
