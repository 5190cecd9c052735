/**
 * RFC 9113 section 8: what an HTTP message must be. A malformed request is answered 400, so that its sender learns why,
 * and its stream ends with RST_STREAM PROTOCOL_ERROR (section 8.1.1); its connection goes on.
 */
import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { DEFAULT_HTTP_LIMITS } from "../../src/http/limits.ts"
import { AnsweringServer } from "./answering-server.ts"
import { FrameClient } from "./frame-client.ts"
import { END_STREAM, type FieldList, GET } from "./frames.ts"

const NO_ERROR = 0
const PROTOCOL_ERROR = 1

function with_(...added: readonly (readonly [string, string])[]): FieldList {
  return [...GET, ...added]
}

function without(name: string): FieldList {
  return GET.filter(([known]) => known !== name)
}

function changed(name: string, value: string): FieldList {
  return GET.map(([known, old]) => [known, known === name ? value : old])
}

async function expectMalformed(fields: FieldList, name: string): Promise<void> {
  using server = new AnsweringServer()
  using client = await FrameClient.open(server.port)
  client.headers(1, fields)
  const response = await client.response(1)
  expect([response.status, response.body]).toEqual([400, "Bad Request"])
  expect(await client.resetOf(1)).toBe(PROTOCOL_ERROR)
  expect(server.faults).toEqual([name])
  expect(server.heads).toEqual([])
  client.request(3)
  expect((await client.response(3)).status).toBe(200)
}

describe("fields (section 8.2)", () => {
  test.each([
    ["8.2: an upper-case name", "X-Test", "1"],
    ["8.2.1: a name with a space", "x test", "1"],
    ["8.2.1: a name with a control character", "x\x01", "1"],
    ["8.2.1: a name over 0x7f", "x\u00e4", "1"],
    ["8.2.1: a name that contains a colon", "x:y", "1"],
    ["8.2.1: an empty name", "", "1"],
    ["8.2.1: NUL in a value", "x-test", "a\0b"],
    ["8.2.1: CR in a value", "x-test", "a\rb"],
    ["8.2.1: LF in a value", "x-test", "a\nb"],
    ["8.2.1: a line in a value (10.3)", "x-test", "a\r\nx-evil: 1"],
    ["8.2.1: a value that starts with a space", "x-test", " a"],
    ["8.2.1: a value that ends with a tab", "x-test", "a\t"],
  ])("RFC 9113 %s", async (_name, name, value) => {
    await expectMalformed(with_([name, value]), "h2_bad_field")
  })

  test.each([
    ["connection", "close"],
    ["connection", "x-test"],
    ["proxy-connection", "keep-alive"],
    ["keep-alive", "timeout=5"],
    ["transfer-encoding", "chunked"],
    ["upgrade", "websocket"],
    ["http2-settings", "AAMAAABk"],
    ["te", "gzip"],
    ["te", "trailers, gzip"],
  ])("RFC 9113 8.2.2: %s: %s", async (name, value) => {
    await expectMalformed(with_([name, value]), "h2_connection_specific_field")
  })

  test("RFC 9113 8.2.2: te: trailers is allowed", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.request(1, { te: "trailers" })
    expect((await client.response(1)).status).toBe(200)
  })

  test("RFC 9113 8.2.1: an empty value and inner blanks are allowed", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.request(1, { "x-empty": "", "x-inner": "a \t b" })
    await client.response(1)
    expect(server.heads[0]).toContain("x-empty: \r\nx-inner: a \t b\r\n")
  })

  test("RFC 9113 8.2.3: cookie crumbs are one field again", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.headers(1, with_(["cookie", "a=b"], ["x-between", "1"], ["cookie", "c=d"], ["cookie", "e=f"]))
    await client.response(1)
    expect(server.heads[0]).toBe("GET /\r\nhost: a.example\r\nx-between: 1\r\ncookie: a=b; c=d; e=f\r\n")
  })
})

describe("pseudo-fields (section 8.3)", () => {
  test.each([
    ["8.3: an unknown one", [[":unknown", "1"], ...GET], "h2_unknown_pseudo_field"],
    ["8.3: one of responses", [[":status", "200"], ...GET], "h2_unknown_pseudo_field"],
    ["8.3: after a regular field", [["x-test", "1"], ...GET], "h2_misplaced_pseudo_field"],
    ["8.3: after a cookie", [["cookie", "a=b"], ...GET], "h2_misplaced_pseudo_field"],
    ["8.3: :method twice", [[":method", "GET"], ...GET], "h2_repeated_pseudo_field"],
    ["8.3: :path twice", [[":path", "/"], ...GET], "h2_repeated_pseudo_field"],
    ["8.3: :scheme twice", [[":scheme", "http"], ...GET], "h2_repeated_pseudo_field"],
    ["8.3: :authority twice", [[":authority", "a.example"], ...GET], "h2_repeated_pseudo_field"],
    ["8.3.1: no :method", without(":method"), "h2_missing_pseudo_field"],
    ["8.3.1: no :scheme", without(":scheme"), "h2_missing_pseudo_field"],
    ["8.3.1: no :path", without(":path"), "h2_missing_pseudo_field"],
    ["8.3.1: an empty :path", changed(":path", ""), "h2_missing_pseudo_field"],
    ["8.3.1: a :path without a slash", changed(":path", "index.html"), "h2_bad_path"],
    ["8.3.1: an absolute :path", changed(":path", "http://a.example/"), "h2_bad_path"],
    ["8.3.1: :path * with another method than OPTIONS", changed(":path", "*"), "h2_bad_path"],
    ["8.3.1: a space in :path", changed(":path", "/a HTTP/1.1"), "h2_bad_path"],
    ["8.3.1: a tab in the query of :path", changed(":path", "/a?b\tc"), "h2_bad_path"],
    ["8.3.1: a :method that is no token", changed(":method", "GET /"), "h2_bad_method"],
    ["8.3.1: an empty :method", changed(":method", ""), "h2_bad_method"],
    ["8.3.1: host and :authority differ", with_(["host", "b.example"]), "h2_host_differs_from_authority"],
    ["8.3.1: two hosts", with_(["host", "a.example"], ["host", "b.example"]), "h2_bad_field"],
    ["8.5: CONNECT with :path and :scheme", changed(":method", "CONNECT"), "h2_bad_connect"],
    ["8.5: CONNECT without :authority", [[":method", "CONNECT"]], "h2_bad_connect"],
    ["RFC 8441 4: :protocol without CONNECT", [[":protocol", "websocket"], ...GET], "h2_bad_connect"],
  ] as const)("RFC 9113 %s", async (_name, fields, fault) => {
    await expectMalformed(fields, fault)
  })

  test.each(["\r\n", "\n", "\0", "\r"])("RFC 9113 10.3: %j in a pseudo-field is malformed", async (separator) => {
    for (const [name, value] of GET) await expectMalformed(changed(name, `${value}${separator}x`), "h2_bad_field")
  })

  test.each([
    ["no authority at all", without(":authority"), 400, "missing_host"],
    ["an empty :authority", changed(":authority", ""), 400, "missing_host"],
    ["userinfo in :authority", changed(":authority", "user@a.example"), 400, "bad_host"],
    ["a :scheme that is neither http nor https", changed(":scheme", "ftp"), 400, "scheme_mismatch"],
    ["NUL in the path, escaped", changed(":path", "/%00"), 400, "path_normalization"],
    ["an unknown Expect", with_(["expect", "magic"]), 417, "unknown_expect"],
  ])("%s is refused as over HTTP/1.1", async (_name, fields, status, fault) => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.headers(1, fields)
    const response = await client.response(1)
    expect([response.status, response.isComplete, response.resetCode]).toEqual([status, true, null])
    expect(server.faults).toEqual([fault])
  })

  test("host alone names the authority (8.3.1)", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.headers(1, [...without(":authority"), ["host", "b.example"]])
    await client.response(1)
    expect(server.heads[0]).toBe("GET /\r\nhost: b.example\r\n")
  })

  test("an equal host is not there twice (8.3.1)", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.headers(1, with_(["x-first", "1"], ["host", "A.example"]))
    await client.response(1)
    expect(server.heads[0]).toBe("GET /\r\nhost: a.example\r\nx-first: 1\r\n")
  })

  test("OPTIONS * is a request (8.3.1)", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.request(1, { ":method": "OPTIONS", ":path": "*" })
    expect((await client.response(1)).body).toBe("OPTIONS * ")
  })

  test("the path is normalised as over HTTP/1.1 (Istio semantics sheet 2.5)", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.request(1, { ":path": "/a/../b/%7Ec?d=..#fragment" })
    expect((await client.response(1)).body).toBe("GET /b/~c?d=.. ")
  })
})

describe("content-length (section 8.1.1)", () => {
  test.each([
    ["a request that ends with its head", "1", [], "h2_content_length_mismatch"],
    ["a value that is no number", "1x", [], "h2_bad_content_length"],
    ["a negative value", "-1", [], "h2_bad_content_length"],
    ["a value with a plus", "+1", [], "h2_bad_content_length"],
    ["two values in one", "1, 1", [], "h2_bad_content_length"],
  ])("%s", async (_name, value, _data, fault) => {
    await expectMalformed(with_(["content-length", value]), fault)
  })

  test("two different values", async () => {
    await expectMalformed(with_(["content-length", "0"], ["content-length", "1"]), "h2_bad_content_length")
  })

  test.each([
    ["too little in one frame", ["abc"]],
    ["too little in two frames", ["ab", "c"]],
    ["nothing", [""]],
    ["too much in one frame", ["abcde"]],
    ["too much in two frames", ["abc", "de"]],
  ])("%s", async (_name, pieces) => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.headers(1, [...changed(":method", "POST"), ["content-length", "4"]], 0)
    for (const [index, piece] of pieces.entries()) {
      client.data(1, piece, index === pieces.length - 1 ? END_STREAM : 0)
    }
    expect(await client.resetOf(1)).toBe(PROTOCOL_ERROR)
    expect((await client.response(1)).status).toBe(400)
    expect(server.faults).toEqual(["h2_content_length_mismatch"])
    expect(server.bytesTaken).toBeLessThanOrEqual(4)
  })

  test("equal repeats are one, and a right length is right", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.headers(1, [...changed(":method", "POST"), ["content-length", "4"], ["content-length", "4"]], 0)
    client.data(1, "ab")
    client.data(1, "cd", END_STREAM)
    expect((await client.response(1)).body).toBe("POST / abcd")
    expect(server.heads[0]).toBe("POST /\r\nhost: a.example\r\ncontent-length: 4\r\n")
  })

  test("after the response has begun, the stream is cut", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.headers(1, [...changed(":path", "/echo"), ["content-length", "2"]], 0)
    client.data(1, "abc", END_STREAM)
    expect(await client.resetOf(1)).toBe(PROTOCOL_ERROR)
  })
})

describe("trailers (section 8.1)", () => {
  async function sendTrailers(fields: FieldList, flags: number): Promise<[server: string[], reset: number | null]> {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.request(1, { ":path": "/a" }, 0)
    client.data(1, "body")
    client.headers(1, fields, flags)
    const { resetCode } = await client.response(1)
    return [resetCode === null ? server.trailers : server.faults, resetCode]
  }

  test("are delivered", async () => {
    expect(await sendTrailers([["x-checksum", "1"]], END_STREAM)).toEqual([["x-checksum: 1\r\n"], null])
  })

  test("lose what trailers must not say (RFC 9110 6.5.1)", async () => {
    const fields: FieldList = [
      ["content-length", "9"],
      ["x-forwarded-for", "1.2.3.4"],
      ["x-ok", "1"],
    ]
    expect(await sendTrailers(fields, END_STREAM)).toEqual([["x-ok: 1\r\n"], null])
  })

  test.each([
    ["that do not end the stream", [["x-checksum", "1"]], 0, "h2_bad_trailers"],
    ["with a pseudo-field", [[":path", "/"]], END_STREAM, "h2_bad_trailers"],
    ["with an upper-case name", [["X-Checksum", "1"]], END_STREAM, "h2_bad_field"],
    [
      "with a connection-specific field",
      [["transfer-encoding", "chunked"]],
      END_STREAM,
      "h2_connection_specific_field",
    ],
  ] as const)("%s are malformed", async (_name, fields, flags, fault) => {
    expect(await sendTrailers(fields, flags)).toEqual([[fault], PROTOCOL_ERROR])
  })

  test("of a body that is shorter than it said are malformed", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.request(1, { "content-length": "5" }, 0)
    client.data(1, "body")
    client.headers(1, [["x-checksum", "1"]])
    expect(await client.resetOf(1)).toBe(PROTOCOL_ERROR)
  })
})

describe("limits", () => {
  test("a head over the bytes allowed is 431, and its fields still count for the table", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.request(1, { "x-long": "v".repeat(8_000), "x-more": "w".repeat(8_000) })
    expect((await client.response(1)).status).toBe(200)
    using strict = new AnsweringServer({ headBytesMax: 10_000 })
    using other = await FrameClient.open(strict.port)
    other.request(1, { "x-long": "v".repeat(8_000), "x-more": "w".repeat(8_000) })
    const response = await other.response(1)
    expect([response.status, response.body]).toEqual([431, "Request Header Fields Too Large"])
    expect(strict.faults).toEqual(["h2_head_too_large"])
  })

  test("too many fields are 431", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    const { fieldCountMax } = server.limits
    const fields = (count: number): FieldList =>
      Array.from({ length: count }, (_, index) => [`x-${index}`, ""] as const)
    client.headers(1, [...GET, ...fields(fieldCountMax)])
    expect((await client.response(1)).status).toBe(200)
    client.headers(3, [...GET, ...fields(fieldCountMax + 1)])
    expect((await client.response(3)).status).toBe(431)
    expect(server.faults).toEqual(["h2_too_many_fields"])
  })

  test("trailers over their limit end the stream", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.request(1, {}, 0)
    client.headers(1, [["x-long", "v".repeat(server.limits.trailerBytesMax)]])
    expect((await client.response(1)).status).toBe(431)
  })

  test("a body over its limit is 413, whether its length was said or not", async () => {
    using server = new AnsweringServer({ requestBodyBytesMax: 10 })
    using client = await FrameClient.open(server.port)
    client.request(1, { "content-length": "11" }, 0)
    expect((await client.response(1)).status).toBe(413)
    client.request(3, {}, 0)
    client.data(3, "x".repeat(11))
    expect((await client.response(3)).status).toBe(413)
    expect(await client.resetOf(3)).toBe(NO_ERROR)
  })
})

describe("responses", () => {
  test("a 1xx may come first (section 8.1)", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.request(1, { ":path": "/continue", expect: "100-continue" }, 0)
    await client.until(() => client.responseSoFar(1).informational.length === 1, "100")
    client.data(1, "body", END_STREAM)
    const response = await client.response(1)
    expect([response.informational, response.status, response.body]).toEqual([[100], 200, "GET /continue body"])
  })
})

describe("websockets (RFC 8441)", () => {
  const CONNECT: FieldList = [
    [":method", "CONNECT"],
    [":protocol", "websocket"],
    [":scheme", "https"],
    [":path", "/chat"],
    [":authority", "a.example"],
    ["sec-websocket-version", "13"],
  ]

  test("a CONNECT for one is a GET with an upgrade inside, and a stream of bytes outside", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.headers(1, CONNECT, 0)
    client.data(1, "hello")
    await client.until(() => client.responseSoFar(1).body === "hello", "the echo")
    expect(client.responseSoFar(1)).toMatchObject({ status: 200, isComplete: false, resetCode: null, fields: [] })
    expect(server.heads[0]).toMatch(
      /^GET \/chat\r\nhost: a\.example\r\nsec-websocket-version: 13\r\nsec-websocket-key: [A-Za-z0-9+/]{22}==\r\n$/,
    )
    client.data(1, "", END_STREAM)
    await client.settled()
    expect(server.trailers).toEqual(["", ""])
  })

  test("what comes before the answer waits for it", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.headers(
      1,
      CONNECT.map(([name, value]) => [name, name === ":path" ? "/later" : value]),
      0,
    )
    client.data(1, "early")
    await client.settled()
    expect(server.answers[0]?.body).toBe("")
    server.acceptAll()
    await client.until(() => client.responseSoFar(1).body === "early", "the echo")
  })

  test("a plain CONNECT is a CONNECT, with nothing but an authority (section 8.5)", async () => {
    using server = new AnsweringServer()
    using client = await FrameClient.open(server.port)
    client.headers(1, [
      [":method", "CONNECT"],
      [":authority", "a.example:443"],
    ])
    await client.response(1)
    expect(server.heads).toEqual(["CONNECT \r\nhost: a.example:443\r\n"])
  })
})

test("no request becomes two lines or two requests of HTTP/1.1 (section 10.3)", async () => {
  using server = new AnsweringServer({ http2: { ...DEFAULT_HTTP_LIMITS.http2, prematureResetsMax: 100_000 } })
  using client = await FrameClient.open(server.port)
  let streamId = -1
  const text = fc.string({
    unit: fc.constantFrom("a", "/", ":", " ", "\r", "\n", "\0", "\t", "A", "\u00ff", ","),
    maxLength: 6,
  })
  const name = fc.oneof(text, fc.constantFrom("x-a", "te", "connection", ":path", "host", "cookie", "content-length"))
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(name, text), { maxLength: 3 }), text, text, async (added, method, path) => {
      streamId += 2
      client.headers(streamId, [
        [":method", method],
        [":scheme", "http"],
        [":path", path],
        [":authority", "a.example"],
        ...added,
      ])
      const { status } = await client.response(streamId)
      if (status !== 200) return
      const head = server.heads.at(-1) ?? ""
      expect(head).toMatch(
        /^[!#-'*+.0-9A-Z^-z|~-]+ [^\0-\x20\x7f]+\r\n(?:[!#-'*+.0-9^-z|~-]+: [^\0-\x08\x0a-\x1f\x7f]*\r\n)*$/,
      )
      expect(head).not.toMatch(/^(?:connection|transfer-encoding|upgrade|keep-alive):/m)
      expect(head.match(/^host:/gm)?.length).toBe(1)
    }),
    { numRuns: 200 },
  )
})
