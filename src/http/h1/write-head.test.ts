import { describe, expect, test } from "bun:test"
import { DEFAULT_HTTP_LIMITS } from "../limits.ts"
import { BODY_NONE, BODY_UNKNOWN_LENGTH, RequestHead, ResponseHead } from "../message.ts"
import { parseResponseHead } from "./response-head.ts"
import { requestHeadText, responseHeadText } from "./write-head.ts"

function createRequest(changes: Partial<RequestHead> = {}): RequestHead {
  const head = new RequestHead()
  head.reset("")
  return Object.assign(head, { method: "GET", path: "/a?b" }, changes)
}

function createResponse(changes: Partial<ResponseHead> = {}): ResponseHead {
  const head = new ResponseHead()
  head.reset("")
  return Object.assign(head, { status: 200, reason: "OK" }, changes)
}

describe("request", () => {
  test("9112 section 3: request line, kept lines, appended lines, empty line", () => {
    const head = createRequest()
    head.fields.append("Host", "a")
    head.fields.append("x", "1")
    expect(requestHeadText(head)).toBe("GET /a?b HTTP/1.1\r\nHost: a\r\nx: 1\r\n\r\n")
  })

  test("9112 section 6.1: a body of unknown length is chunked", () => {
    expect(requestHeadText(createRequest({ bodyLength: BODY_UNKNOWN_LENGTH }))).toBe(
      "GET /a?b HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n",
    )
  })

  test("9110 section 10.1.4: TE is of one hop, so Connection names it", () => {
    const head = createRequest({ acceptsTrailers: true })
    head.fields.insert("te", "trailers")
    head.fields.drop(0)
    expect(requestHeadText(head)).toBe("GET /a?b HTTP/1.1\r\nconnection: TE\r\nte: trailers\r\n\r\n")
  })

  test("9110 section 10.1.4: nothing is said for a client of HTTP/2 that takes trailers and did not say so", () => {
    expect(requestHeadText(createRequest({ acceptsTrailers: true }))).toBe("GET /a?b HTTP/1.1\r\n\r\n")
  })

  test("9110 section 7.8: an upgrade is asked for anew", () => {
    expect(requestHeadText(createRequest({ upgrade: "websocket", acceptsTrailers: true }))).toBe(
      "GET /a?b HTTP/1.1\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n",
    )
  })
})

describe("response", () => {
  test("9112 section 4: the upstream's reason phrase goes on, a missing one is filled in", () => {
    expect(responseHeadText(createResponse(), false)).toBe("HTTP/1.1 200 OK\r\n\r\n")
    expect(responseHeadText(createResponse({ reason: "Fine" }), false)).toBe("HTTP/1.1 200 Fine\r\n\r\n")
    expect(responseHeadText(createResponse({ status: 404, reason: "" }), false)).toBe("HTTP/1.1 404 Not Found\r\n\r\n")
    expect(responseHeadText(createResponse({ status: 299, reason: "" }), false)).toBe("HTTP/1.1 299 Unknown\r\n\r\n")
  })

  test("9112 section 6.1: a body of unknown length is chunked, and one of none says nothing", () => {
    expect(responseHeadText(createResponse({ bodyLength: BODY_UNKNOWN_LENGTH }), false)).toBe(
      "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
    )
    expect(responseHeadText(createResponse({ bodyLength: BODY_NONE }), false)).toBe("HTTP/1.1 200 OK\r\n\r\n")
  })

  test("9112 section 9.6: the last response of a connection says so", () => {
    expect(responseHeadText(createResponse(), true)).toBe("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")
  })

  test("9110 section 15.2.2: a 101 names the protocol that the upstream chose", () => {
    const text = "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\nA: b\r\n\r\n"
    const head = createResponse()
    expect(parseResponseHead(text, head, false, DEFAULT_HTTP_LIMITS)).toBe(0)
    head.fields.dropNamed("connection")
    head.fields.dropNamed("upgrade")
    expect(responseHeadText(head, true)).toBe(
      "HTTP/1.1 101 Switching Protocols\r\nA: b\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\r\n",
    )
  })
})
