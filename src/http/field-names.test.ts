import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { equalsLowerAt, FieldId, fieldIdOf, IS_DROPPED_FROM_REQUESTS, IS_HOP_BY_HOP } from "./field-names.ts"

function idOf(name: string): number {
  return fieldIdOf(`\r\n${name}: x`, 2, 2 + name.length)
}

/** `xForwardedFor` to `x-forwarded-for`: how most of the names are spelled. */
const spelled = Object.entries(FieldId)
  .filter(([key]) => !["unknown", "clientControl", "meshMetadata", "upstreamServiceTime"].includes(key))
  .map(([key, id]) => [key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`), id] as const)

describe("fieldIdOf", () => {
  test("knows each name, in any case", () => {
    for (const [name, id] of spelled) {
      for (const variant of [name, name.toUpperCase(), name.replace(/(^|-)[a-z]/g, (text) => text.toUpperCase())]) {
        expect([variant, idOf(variant)]).toEqual([variant, id])
      }
    }
  })

  test("knows no other name", () => {
    const known = new Map<string, number>(spelled)
    const near = fc.constantFrom(...known.keys()).chain((name) =>
      fc.oneof(
        fc.nat(name.length - 1).map((at) => name.slice(0, at) + name.slice(at + 1)),
        fc
          .tuple(fc.nat(name.length), fc.constantFrom("-", "a", "_", "x"))
          .map(([at, char]) => name.slice(0, at) + char + name.slice(at)),
        fc.nat(name.length - 1).map((at) => `${name.slice(0, at)}\`${name.slice(at + 1)}`),
        fc.string({ unit: fc.constantFrom(..."abcdehost-xyz"), minLength: 1, maxLength: 24 }),
      ),
    )
    fc.assert(
      fc.property(
        near.filter((name) => name !== "" && !name.startsWith("x-envoy-")),
        (name) => {
          expect(idOf(name)).toBe(known.get(name) ?? FieldId.unknown)
        },
      ),
      { numRuns: 5000 },
    )
  })

  test("only letters fold", () => {
    expect(equalsLowerAt("A@", 0, "a`")).toBe(false)
    expect(equalsLowerAt("[", 0, "{")).toBe(false)
    expect(equalsLowerAt("\x0d", 0, "-")).toBe(false)
    expect(equalsLowerAt("Host", 0, "host:")).toBe(false)
    expect(equalsLowerAt("xHOST", 1, "host")).toBe(true)
  })
})

test("what a client may not say of itself is dropped (Istio semantics sheet 4.1)", () => {
  const names = [
    "x-envoy-retry-on",
    "x-envoy-retry-grpc-on",
    "x-envoy-max-retries",
    "x-envoy-upstream-alt-stat-name",
    "x-envoy-upstream-rq-timeout-ms",
    "x-envoy-upstream-rq-per-try-timeout-ms",
    "x-envoy-upstream-rq-timeout-alt-response",
    "x-envoy-expected-rq-timeout-ms",
    "x-envoy-force-trace",
    "x-envoy-ip-tags",
    "x-envoy-retriable-status-codes",
    "x-envoy-retriable-header-names",
    "x-envoy-original-url",
    "x-envoy-decorator-operation",
    "x-envoy-downstream-service-cluster",
    "x-envoy-downstream-service-node",
    "x-envoy-hedge-on-per-try-timeout",
    "x-envoy-internal",
    "x-envoy-external-address",
    "x-envoy-attempt-count",
    "x-envoy-original-path",
    "x-envoy-peer-metadata",
    "x-envoy-peer-metadata-id",
    "x-forwarded-proto",
    "x-forwarded-client-cert",
    "x-request-id",
  ]
  for (const name of names) expect([name, IS_DROPPED_FROM_REQUESTS[idOf(name)]]).toEqual([name, 1])
})

test("9110 section 7.6.1: hop-by-hop fields", () => {
  const names = ["connection", "keep-alive", "proxy-connection", "te", "transfer-encoding", "upgrade", "http2-settings"]
  for (const name of names) expect([name, IS_HOP_BY_HOP[idOf(name)]]).toEqual([name, 1])
  for (const name of ["host", "content-length", "trailer", "cookie"]) expect(IS_HOP_BY_HOP[idOf(name)]).toBe(0)
})
