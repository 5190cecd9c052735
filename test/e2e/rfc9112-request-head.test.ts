/**
 * Request heads that two implementations could read differently are refused (RFC 9112 sections 2 to 6, RFC 9110
 * sections 5 and 7). Every row is sent whole and byte by byte, with a valid request behind it that must not be served.
 */
import { describe, expect, test } from "bun:test"
import { startGateway } from "../harness/gateway-under-test.ts"
import { exchangeOnce, RawClient } from "../harness/raw-client.ts"
import { badRequest, expectRefused, type Refusal } from "../harness/refusal.ts"
import { routesTo } from "../harness/routes-to.ts"
import { ScriptedUpstream } from "../harness/scripted-upstream.ts"

type Row = readonly [name: string, request: string, refusal: Refusal]

function expectEachRefused(rows: readonly Row[]): void {
  for (const [name, request, refusal] of rows) test(name, () => expectRefused(request, refusal))
}

/** A GET with these lines beside Host. */
function get(...lines: string[]): string {
  return `GET / HTTP/1.1\r\nHost: a.example\r\n${lines.map((line) => `${line}\r\n`).join("")}\r\n`
}

function withHost(...hostLines: string[]): string {
  return `GET / HTTP/1.1\r\n${hostLines.map((line) => `${line}\r\n`).join("")}\r\n`
}

describe("9112 2.2: lines end in CRLF and nothing else", () => {
  const bareLineEnd = badRequest("bare_line_end")
  expectEachRefused([
    ["a bare LF after the request line", "GET / HTTP/1.1\nHost: a.example\r\n\r\n", badRequest("bad_request_line")],
    ["a bare LF after a field line", "GET / HTTP/1.1\r\nHost: a.example\nX: y\r\n\r\n", bareLineEnd],
    ["a bare LF as the empty line", "GET / HTTP/1.1\r\nHost: a.example\r\n\n", bareLineEnd],
    ["bare LFs only", "GET / HTTP/1.1\nHost: a.example\n\n", badRequest("bad_request_line")],
    ["a bare CR after the request line", "GET / HTTP/1.1\rHost: a.example\r\n\r\n", badRequest("bad_request_line")],
    ["a bare CR in a value", get("X: a\rY: b"), bareLineEnd],
    ["two CRs before a LF", get("X: a\r"), bareLineEnd],
    ["a bare CR in a name", get("X\rY: a"), bareLineEnd],
    [
      "white space between the request line and the first field",
      "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
      badRequest("obs_fold"),
    ],
  ])
})

describe("9112 5.1: no white space before the colon", () => {
  const refusal = badRequest("space_before_colon")
  expectEachRefused([
    ["a space", get("X : y"), refusal],
    ["a tab", get("X\t: y"), refusal],
    ["a space before the colon of Content-Length", get("Content-Length : 5"), refusal],
    ["a space before the colon of Transfer-Encoding", get("Transfer-Encoding : chunked"), refusal],
    ["a space inside a name", get("X Y: z"), refusal],
  ])
})

describe("9112 5.2: no line folding", () => {
  const refusal = badRequest("obs_fold")
  expectEachRefused([
    ["a line that continues with a space", get("X: a", " b"), refusal],
    ["a line that continues with a tab", get("X: a", "\tb"), refusal],
    ["a Transfer-Encoding whose value is folded", get("Transfer-Encoding:", " chunked"), refusal],
  ])
})

describe("9110 5.5: no control character in a value", () => {
  const controls = Array.from({ length: 32 }, (_, code) => code).filter((code) => ![0x09, 0x0a, 0x0d].includes(code))
  for (const code of [...controls, 0x7f]) {
    const hex = code.toString(16).padStart(2, "0")
    test(`0x${hex}`, () => expectRefused(get(`X: a${String.fromCharCode(code)}b`), badRequest("bad_value")))
  }
  test("a NUL in Host", () => expectRefused(withHost("Host: a\0.example"), badRequest("bad_value")))
  test("a vertical tab before a transfer coding", () =>
    expectRefused(get("Transfer-Encoding: \x0bchunked"), badRequest("bad_value")))
})

describe("9110 5.1: a field name is a token", () => {
  test("an empty name", () => expectRefused(get(": y"), badRequest("empty_name")))
  for (const separator of '"(),/;<=>?@[\\]{}\0\x7f\x80\xff') {
    const name = JSON.stringify(separator)
    test(`${name} in a name`, () => expectRefused(get(`X${separator}Y: z`), badRequest("bad_name")))
  }
  test("a line without a colon", () => expectRefused(get("no colon here"), badRequest("space_before_colon")))
  test("a name alone", () => expectRefused(get("X"), badRequest("bad_name")))
})

describe("9112 3: the request line is method SP target SP HTTP/1.1", () => {
  const badLine = badRequest("bad_request_line")
  const badMethod = badRequest("bad_method")
  const requestLine = (line: string) => `${line}\r\nHost: a.example\r\n\r\n`
  expectEachRefused([
    ["two spaces before the target", requestLine("GET  / HTTP/1.1"), badLine],
    ["two spaces before the version", requestLine("GET /  HTTP/1.1"), badLine],
    ["a tab instead of a space", requestLine("GET\t/ HTTP/1.1"), badLine],
    ["a tab before the version", requestLine("GET /\tHTTP/1.1"), badRequest("bad_target")],
    ["a space after the version", requestLine("GET / HTTP/1.1 "), badLine],
    ["a space in the target", requestLine("GET /a b HTTP/1.1"), badLine],
    ["no target", requestLine("GET HTTP/1.1"), badLine],
    ["an empty target", requestLine("GET  HTTP/1.1"), badLine],
    ["no version (HTTP/0.9)", requestLine("GET /"), badLine],
    ["a method only", requestLine("GET"), badLine],
    ["a version in lower case", requestLine("GET / http/1.1"), badLine],
    ["a version with a leading zero", requestLine("GET / HTTP/01.1"), badLine],
    ["a version of three parts", requestLine("GET / HTTP/1.1.1"), badLine],
    ["a version with a second digit", requestLine("GET / HTTP/1.10"), badLine],
    ["a version with letters", requestLine("GET / HTTP/1.x"), badLine],
    ["another protocol's version", requestLine("GET / HTTPS/1.1"), badLine],
    ["a space before the method", requestLine(" GET / HTTP/1.1"), badMethod],
    ["no method", requestLine("/ HTTP/1.1"), badMethod],
    ["a method that is no token", requestLine("G@T / HTTP/1.1"), badLine],
    ["a NUL before the method", requestLine("\0GET / HTTP/1.1"), badMethod],
    ["a NUL in the target", requestLine("GET /\0 HTTP/1.1"), badRequest("bad_target")],
    ["an escape character in the target", requestLine("GET /\x1b[2J HTTP/1.1"), badRequest("bad_target")],
    ["a TLS ClientHello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", badMethod],
    ["a binary head", "\x80\x81\x82\r\n\r\n", badMethod],
  ])
})

describe("9112 2.3: versions other than 1.1 (Istio semantics sheet 4.4)", () => {
  const upgradeRequired: Refusal = { status: 426, body: "", details: "low_version", fault: "low_version" }
  const unsupported: Refusal = {
    status: 505,
    body: "",
    details: "http1.unsupported_version",
    fault: "unsupported_version",
  }
  expectEachRefused([
    ["HTTP/1.0 is 426", "GET / HTTP/1.0\r\nHost: a.example\r\n\r\n", upgradeRequired],
    ["HTTP/1.0 without Host is 426", "GET / HTTP/1.0\r\n\r\n", upgradeRequired],
    ["HTTP/0.9 is 426", "GET / HTTP/0.9\r\nHost: a.example\r\n\r\n", upgradeRequired],
    [
      "9112 6.1: Transfer-Encoding in HTTP/1.0 is 426, its body is not read",
      "POST / HTTP/1.0\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      upgradeRequired,
    ],
    ["HTTP/1.2 is 505", "GET / HTTP/1.2\r\nHost: a.example\r\n\r\n", unsupported],
    ["HTTP/2.0 is 505", "GET / HTTP/2.0\r\nHost: a.example\r\n\r\n", unsupported],
    ["HTTP/9.9 is 505", "GET / HTTP/9.9\r\nHost: a.example\r\n\r\n", unsupported],
  ])
})

describe("9112 3.2: exactly one Host, and a valid one", () => {
  const badHost: Refusal = { status: 400, body: "", details: "invalid_host_header", fault: "bad_host" }
  const missing: Refusal = { status: 400, body: "", details: "missing_host_header", fault: "missing_host" }
  expectEachRefused([
    ["no Host", withHost("Accept: */*"), missing],
    ["no field at all", withHost(), missing],
    ["two different Hosts", withHost("Host: a.example", "Host: b.example"), badHost],
    ["two equal Hosts", withHost("Host: a.example", "host: a.example"), badHost],
    ["an absolute target does not excuse a missing Host", "GET http://a.example/ HTTP/1.1\r\n\r\n", missing],
  ])
  const invalid = ["", "a b", "a/b", "a.example/", "u@a.example", "u:p@a.example", "a:x", "a:99999", "a:-1"]
  for (const host of [...invalid, "a:80:90", ":80", "[::1", "::1", "[::1]x", "[1::2::3]", "[fe80::1%25eth0]", "a%zz"]) {
    test(`Host ${JSON.stringify(host)}`, () => expectRefused(withHost(`Host: ${host}`), badHost))
  }
})

describe("9112 6.2: Content-Length is digits", () => {
  const refusal = badRequest("bad_content_length")
  const values = ["", "a", "+5", "-5", "5a", "0x5", "5.0", "1e1", "5 5", "5, 5", "5,6", ";5", "5;", "９"]
  for (const value of [
    ...values.map((text) => Buffer.from(text).toString("latin1")),
    "9".repeat(16),
    "9".repeat(400),
  ]) {
    const name = value.length > 20 ? `${value.length} digits` : JSON.stringify(value)
    test(`Content-Length: ${name}`, () => expectRefused(get(`Content-Length: ${value}`), refusal))
  }
  expectEachRefused([
    ["9112 6.3: differing repeats", get("Content-Length: 5", "Content-Length: 6"), refusal],
    ["9112 6.3: a valid one and an empty one", get("Content-Length: 5", "Content-Length:"), refusal],
  ])
})

describe("9112 6.1: Transfer-Encoding is exactly chunked", () => {
  const refusal = badRequest("bad_transfer_encoding", "http1.invalid_transfer_encoding")
  const values = ["", "gzip", "identity", "chunked, gzip", "gzip, chunked", "chunked, chunked", "chunked,", "xchunked"]
  for (const value of [...values, "chunked;q=1", '"chunked"', "chunked x", "c\xfehunked", "chunKed\xa0"]) {
    test(`Transfer-Encoding: ${JSON.stringify(value)}`, () =>
      expectRefused(get(`Transfer-Encoding: ${value}`), refusal))
  }
  const twice = get("Transfer-Encoding: chunked", "Transfer-Encoding: chunked")
  test("chunked twice", () => expectRefused(twice, refusal))
  test("chunked, then another", () =>
    expectRefused(get("Transfer-Encoding: chunked", "Transfer-Encoding: identity"), refusal))
})

describe("9112 6.3: Transfer-Encoding together with Content-Length", () => {
  const refusal = badRequest("content_length_and_chunked", "http1.content_length_and_chunked_not_allowed")
  const lines = (...fields: string[]) => `POST / HTTP/1.1\r\nHost: a.example\r\n${fields.join("\r\n")}\r\n\r\n0\r\n\r\n`
  expectEachRefused([
    ["Content-Length first", lines("Content-Length: 5", "Transfer-Encoding: chunked"), refusal],
    ["Transfer-Encoding first", lines("Transfer-Encoding: chunked", "Content-Length: 5"), refusal],
    ["a Content-Length of 0", lines("Content-Length: 0", "Transfer-Encoding: chunked"), refusal],
  ])
})

describe("9110 10.1.1: an expectation that nobody knows is 417", () => {
  const refusal: Refusal = { status: 417, body: "", details: "unknown_expect", fault: "unknown_expect" }
  expectEachRefused([
    ["another word", get("Expect: 200-ok"), refusal],
    ["more than 100-continue", get("Expect: 100-continue, x"), refusal],
  ])
})

describe("9110 7.6.1: Connection may not remove what says who a request is from or how long it is", () => {
  const refusal = badRequest("bad_connection_option", "invalid_connection_header")
  const names = ["Host", "Content-Length", "Transfer-Encoding", "Authorization", "Cookie", "X-Forwarded-For"]
  for (const name of [...names, "X-Forwarded-Proto", "X-Request-Id", "x-envoy-external-address"]) {
    test(`Connection: close, ${name}`, () => expectRefused(get(`Connection: close, ${name}`), refusal))
  }
  test("ten names", () => expectRefused(get(`Connection: ${"a,b,c,d,e,f,g,h,i,j"}`), refusal))
})

describe("9112 3.2: forms of the target", () => {
  const target = (text: string) => `GET ${text} HTTP/1.1\r\nHost: a.example\r\n\r\n`
  const scheme: Refusal = { status: 400, body: "", details: "scheme_mismatch", fault: "scheme_mismatch" }
  const relative: Refusal = { status: 404, body: "", details: "absolute_path_rejected", fault: "relative_target" }
  const path: Refusal = { status: 400, body: "", details: "path_normalization_failed", fault: "path_normalization" }
  const host: Refusal = { status: 400, body: "", details: "invalid_host_header", fault: "bad_host" }
  expectEachRefused([
    ["https:// on a plaintext connection is 400 (Istio semantics sheet 4.4)", target("https://a.example/"), scheme],
    ["another scheme is 404", target("ftp://a.example/"), relative],
    ["a path that does not begin with a slash is 404 (Istio semantics sheet 2.5)", target("a"), relative],
    ["an absolute target without a host", target("http:///a"), host],
    ["9110 4.2.4: an absolute target with userinfo", target("http://u@a.example/"), host],
    ["the asterisk form belongs to OPTIONS", target("*"), badRequest("bad_target")],
    ["a NUL in the path is 400 (Istio semantics sheet 2.5)", target("/a%00"), path],
  ])
})

test("a refused HEAD has no body", () =>
  expectRefused("HEAD / HTTP/1.1\r\nHost: a.example\r\nX : y\r\n\r\n", {
    ...badRequest("space_before_colon"),
    body: "",
  }))

test("9112 2.2: empty lines before a request line are ignored, however the bytes are split", async () => {
  await using upstream = ScriptedUpstream.start()
  await using gateway = await startGateway(routesTo(upstream.port))
  const request = "\r\n\r\nGET / HTTP/1.1\r\nHost: a.example\r\n\r\n"
  for (let split = 0; split <= 8; split++) {
    using client = await RawClient.connect(gateway.port(80))
    await client.sendSplit(request, [split])
    expect((await client.readResponse()).status).toBe(200)
  }
})

test("9112 5.1: white space around a value is not part of it, and one of many blanks is enough", async () => {
  await using upstream = ScriptedUpstream.start()
  await using gateway = await startGateway(routesTo(upstream.port))
  const request = "POST / HTTP/1.1\r\nHost:\t a.example \t\r\nContent-Length:3  \r\nX-Empty:\r\nX-Blank: \t \r\n\r\nabc"
  const response = await exchangeOnce(gateway.port(80), request)
  expect(response.status).toBe(200)
  const upstreamRequest = await upstream.request(0)
  expect(upstreamRequest.body.toString()).toBe("abc")
  expect([upstreamRequest.field("x-empty"), upstreamRequest.field("x-blank")]).toEqual(["", ""])
})

test("9110 5.6.2: every token character is good in a name and a method", async () => {
  await using upstream = ScriptedUpstream.start()
  await using gateway = await startGateway(routesTo(upstream.port))
  const token = "!#$%&'*+-.^_`|~0aZ"
  const response = await exchangeOnce(gateway.port(80), `${token} / HTTP/1.1\r\nHost: a.example\r\n${token}: x\r\n\r\n`)
  expect(response.status).toBe(200)
  const request = await upstream.request(0)
  expect([request.method, request.field(token)]).toEqual([token, "x"])
})

test("what is refused is not answered as the request before it on the same connection", async () => {
  await using upstream = ScriptedUpstream.start()
  await using gateway = await startGateway(routesTo(upstream.port))
  using client = await RawClient.connect(gateway.port(80))
  const grpc = "Content-Type: application/grpc\r\nUser-Agent: first"
  client.send(`HEAD /first HTTP/1.1\r\nHost: first.example\r\n${grpc}\r\n\r\n`)
  expect((await client.readResponse("HEAD")).status).toBe(200)
  client.send("GET / HTTP/1.1\nHost")
  const response = await client.readResponse()
  expect([response.status, response.text]).toEqual([400, "Bad Request"])
  const { method, path, originalPath, authority, userAgent } = await gateway.record(1)
  const nothing = { method: "", path: "", originalPath: "", authority: "", userAgent: null }
  expect({ method, path, originalPath, authority, userAgent }).toEqual(nothing)
})
