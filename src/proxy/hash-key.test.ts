/** The key a request sticks to an endpoint by (Istio semantics sheet 6.3). */
import { describe, expect, test } from "bun:test"
import type { CookieHashKey, HashKey } from "../compile/cluster-policies.ts"
import { RequestHead } from "../http/message.ts"
import type { PeerAddresses } from "../http/stream.ts"
import { hashOfRequest, hashOfText, newAffinityCookie } from "./hash-key.ts"

const peer: PeerAddresses = {
  remoteIp: "192.0.2.7",
  localIp: "192.0.2.1",
  remoteAddress: "192.0.2.7:40000",
  localAddress: "192.0.2.1:80",
  directRemoteAddress: "192.0.2.7:40000",
  serverName: "",
  handshake: null,
}

function requestWith(
  fields: readonly (readonly [string, string])[],
  path = "/",
  pathLength = path.length,
): RequestHead {
  const request = new RequestHead()
  request.reset("")
  request.method = "GET"
  request.authority = "a.example"
  request.path = path
  request.pathLength = pathLength
  for (const [name, value] of fields) request.fields.append(name, value)
  return request
}

/** The hash is that of this text. */
function expectKey(key: HashKey, request: RequestHead, text: string | null): void {
  expect(hashOfRequest(key, request, peer)).toBe(text === null ? -1 : hashOfText(text))
}

describe("a header", () => {
  const key: HashKey = { kind: "header", nameLower: "x-user" }

  test("its value counts; without it there is no key", () => {
    expectKey(key, requestWith([["X-User", "ann"]]), "ann")
    expectKey(key, requestWith([["x-other", "ann"]]), null)
  })

  test("several values count whatever their order", () => {
    const [one, other] = [
      requestWith([
        ["x-user", "b"],
        ["x-user", "a"],
      ]),
      requestWith([
        ["x-user", "a"],
        ["x-user", "b"],
      ]),
    ]
    expect(hashOfRequest(key, one, peer)).toBe(hashOfRequest(key, other, peer))
    expect(hashOfRequest(key, one, peer)).not.toBe(hashOfRequest(key, requestWith([["x-user", "a"]]), peer))
  })

  test("pseudo-headers are the request line's parts", () => {
    const request = requestWith([], "/a?b", 2)
    expectKey({ kind: "header", nameLower: ":path" }, request, "/a?b")
    expectKey({ kind: "header", nameLower: ":authority" }, request, "a.example")
    expectKey({ kind: "header", nameLower: ":method" }, request, "GET")
  })
})

describe("a query parameter", () => {
  const key: HashKey = { kind: "query", name: "u" }

  test.each([
    ["/a?u=ann", "ann"],
    ["/a?x=1&u=ann&u=bob", "ann"],
    ["/a?u", ""],
    ["/a?u=a%20b", "a%20b"],
    ["/a?xu=1", null],
    ["/a", null],
    ["/u=1", null],
  ])("%s: %p", (path, value) => {
    const mark = path.indexOf("?")
    expectKey(key, requestWith([], path, mark < 0 ? path.length : mark), value)
  })
})

test("the source address without its port", () => {
  expectKey({ kind: "source-ip" }, requestWith([]), "192.0.2.7")
})

describe("over a unix socket, where clients have no address", () => {
  const nowhere: PeerAddresses = { ...peer, remoteIp: "", localIp: "", remoteAddress: "", localAddress: "" }

  test("the source address is no key: not all of them go to one endpoint", () => {
    expect(hashOfRequest({ kind: "source-ip" }, requestWith([]), nowhere)).toBe(-1)
  })

  test("each client gets a cookie of its own", () => {
    const key: CookieHashKey = { kind: "cookie", name: "s", path: "", ttlSeconds: 0, attributes: "" }
    const values = Array.from({ length: 20 }, () => newAffinityCookie(key, nowhere).value)
    expect(new Set(values).size).toBe(20)
  })
})

describe("a cookie", () => {
  const key: CookieHashKey = { kind: "cookie", name: "s", path: "", ttlSeconds: 0, attributes: "" }

  test.each([
    ["s=abc", "abc"],
    ['a=1; s="abc"; b=2', "abc"],
    ["ss=abc", null],
    ["s=", null],
    ["s", null],
  ])("%s: %p", (header, value) => expectKey(key, requestWith([["cookie", header]]), value))

  test("is found in any of several Cookie fields", () => {
    expectKey(
      key,
      requestWith([
        ["cookie", "a=1"],
        ["cookie", "s=abc"],
      ]),
      "abc",
    )
  })

  test("a new one: for the session with a ttl of 0, else for that long", () => {
    expect(newAffinityCookie(key, peer).setCookie).toMatch(/^s="[0-9a-f]{1,16}"; HttpOnly$/)
    const lasting = newAffinityCookie({ ...key, ttlSeconds: 90, path: "/app", attributes: "; Secure" }, peer).setCookie
    expect(lasting).toMatch(/^s="[0-9a-f]{1,16}"; Max-Age=90; Path=\/app; Secure; HttpOnly$/)
  })

  test("a new one is the key of the requests that bring it back", () => {
    const { value, setCookie } = newAffinityCookie(key, peer)
    expectKey(key, requestWith([["cookie", setCookie.split(";")[0] ?? ""]]), value)
  })
})
