import { describe, expect, test } from "bun:test"
import fc from "fast-check"
import { DEFAULT_HTTP_LIMITS } from "../limits.ts"
import { BODY_NONE, BODY_UNKNOWN_LENGTH, RequestHead } from "../message.ts"
import { answerOf, Fault } from "./faults.ts"
import { parseRequestHead } from "./request-head.ts"
import { requestHeadText } from "./write-head.ts"

function parse(text: string, limits = DEFAULT_HTTP_LIMITS, scheme = "http") {
  const head = new RequestHead()
  return { result: parseRequestHead(text, head, scheme, limits), head }
}

/** A request whose field lines are these, after a Host. */
function parseFields(...lines: readonly string[]) {
  return parse(`GET / HTTP/1.1\r\nHost: a.example\r\n${lines.map((line) => `${line}\r\n`).join("")}\r\n`)
}

function expectFault(text: string, fault: number) {
  expect([text, parse(text).result]).toEqual([text, fault])
}

describe("request line", () => {
  test("9112 section 3: method, target and version with single spaces between", () => {
    const { result, head } = parse("GET /a/b?c=d HTTP/1.1\r\nHost: a.example:8080\r\nAccept: x\r\n\r\n")
    expect(result).toBe(0)
    expect(head.method).toBe("GET")
    expect(head.path).toBe("/a/b?c=d")
    expect(head.pathLength).toBe(4)
    expect(head.authority).toBe("a.example:8080")
    expect(head.bodyLength).toBe(BODY_NONE)
    expect(head.fields.lines()).toBe("Host: a.example:8080\r\nAccept: x\r\n")
  })

  test("9112 section 3: anything else is no request line", () => {
    for (const line of [
      "GET  / HTTP/1.1",
      "GET /  HTTP/1.1",
      "GET / HTTP/1.1 ",
      "GET /",
      "GET",
      "GET / http/1.1",
      "GET / HTTP/1.1x",
      "GET / HTTP/11",
      "GET / HTTP/1.",
      "GET /a b HTTP/1.1",
      "GET\t/ HTTP/1.1",
      "GET / HTTP/1.1\rX: y",
      "GET / HTTP/1.1\nX: y",
      "GET /\x7f HTTP/1.1",
    ]) {
      expectFault(`${line}\r\nHost: a\r\n\r\n`, Fault.badRequestLine)
    }
  })

  test("9110 section 9.1: the method is a token, in any case", () => {
    for (const line of [" GET / HTTP/1.1", "\r\nGET / HTTP/1.1", "@ / HTTP/1.1", "\x16\x03\x01", "é / HTTP/1.1", ""]) {
      expectFault(`${line}\r\nHost: a\r\n\r\n`, Fault.badMethod)
    }
    expectFault("G[T / HTTP/1.1\r\nHost: a\r\n\r\n", Fault.badRequestLine)
    expect(parse("get / HTTP/1.1\r\nHost: a\r\n\r\n").head.method).toBe("get")
    expect(parse("M-SEARCH! / HTTP/1.1\r\nHost: a\r\n\r\n").head.method).toBe("M-SEARCH!")
  })

  test("9112 section 3.2: a control character in the target is refused", () => {
    for (const target of ["/\0", "/\t", "/a\x1fb", "/a\nb"]) {
      expectFault(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`, Fault.badTarget)
    }
  })

  test("9112 section 2.3: versions below 1.1 get 426, others 505 (Istio semantics sheet 4.4)", () => {
    for (const version of ["1.0", "0.9"]) expectFault(`GET / HTTP/${version}\r\nHost: a\r\n\r\n`, Fault.lowVersion)
    for (const version of ["1.2", "2.0", "3.0", "9.9"]) {
      expectFault(`GET / HTTP/${version}\r\nHost: a\r\n\r\n`, Fault.unsupportedVersion)
    }
    expect(answerOf(Fault.lowVersion)).toMatchObject({ status: 426, body: "", details: "low_version" })
    expect(answerOf(Fault.unsupportedVersion).status).toBe(505)
  })
})

describe("target", () => {
  test("9112 section 3.2.1: origin form is normalised (Istio semantics sheet 2.5)", () => {
    expect(parse("GET /a/../b?x=/../y HTTP/1.1\r\nHost: a\r\n\r\n").head.path).toBe("/b?x=/../y")
    expectFault("GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", Fault.pathNormalization)
    expect(answerOf(Fault.pathNormalization)).toMatchObject({ status: 400, details: "path_normalization_failed" })
  })

  test("9112 section 3.2.2: the host of an absolute target replaces Host", () => {
    const { result, head } = parse("GET http://b.example:81/x?y HTTP/1.1\r\nHost: a.example\r\nA: b\r\n\r\n")
    expect(result).toBe(0)
    expect(head.authority).toBe("b.example:81")
    expect(head.path).toBe("/x?y")
    expect(head.fields.lines()).toBe("A: b\r\nHost: b.example:81\r\n")
  })

  test("9112 section 3.2.2: an absolute target without a path means /", () => {
    for (const [target, path] of [
      ["http://b", "/"],
      ["HTTP://b?q", "/?q"],
      ["http://b#f", "/"],
    ]) {
      expect(parse(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`).head.path).toBe(path ?? "")
    }
  })

  test("an absolute target of the other scheme is refused (Istio semantics sheet 4.4)", () => {
    expectFault("GET https://b/ HTTP/1.1\r\nHost: a\r\n\r\n", Fault.schemeMismatch)
    expect(parse("GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", DEFAULT_HTTP_LIMITS, "https").result).toBe(
      Fault.schemeMismatch,
    )
    expect(answerOf(Fault.schemeMismatch).status).toBe(400)
  })

  test("9110 section 4.2.4: userinfo and other non-hosts in an absolute target are refused", () => {
    for (const authority of ["u@b", "", "b:x", "[::1", "b\\c"]) {
      expectFault(`GET http://${authority}/ HTTP/1.1\r\nHost: a\r\n\r\n`, Fault.badHost)
    }
  })

  test("9112 section 3.2.4: * is for OPTIONS only", () => {
    expect(parse("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").head.path).toBe("*")
    expectFault("GET * HTTP/1.1\r\nHost: a\r\n\r\n", Fault.badTarget)
  })

  test("9112 section 3.2.3: the authority form of CONNECT has no path", () => {
    const { result, head } = parse("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n")
    expect([result, head.path, head.pathLength]).toEqual([0, "", 0])
  })

  test("a target that is neither absolute nor rooted gets 404 (Istio semantics sheet 2.5)", () => {
    for (const target of ["a/b", "ftp://b/", "http:/b", "?q", "**"]) {
      expectFault(`GET ${target} HTTP/1.1\r\nHost: a\r\n\r\n`, Fault.relativeTarget)
    }
    expect(answerOf(Fault.relativeTarget)).toMatchObject({ status: 404, details: "absolute_path_rejected" })
  })
})

describe("field lines", () => {
  test("9112 section 2.2: a bare CR or LF ends no line", () => {
    for (const line of ["A: b\nC: d", "A: b\rC: d", "A\n: b", "A\r: b", "A: \r", "\nA: b", "\rA: b", "A: b\r\r"]) {
      expect([line, parseFields(line).result]).toEqual([line, Fault.bareLineEnd])
    }
  })

  test("9112 section 5.2: obs-fold is refused, after any line", () => {
    expect(parseFields("A: b", " c").result).toBe(Fault.obsFold)
    expect(parseFields("A: b", "\tc: d").result).toBe(Fault.obsFold)
    expectFault("GET / HTTP/1.1\r\n Host: a\r\n\r\n", Fault.obsFold)
  })

  test("9112 section 5.1: white space before the colon is refused", () => {
    expect(parseFields("A : b").result).toBe(Fault.spaceBeforeColon)
    expect(parseFields("Content-Length\t: 5").result).toBe(Fault.spaceBeforeColon)
  })

  test("9110 section 5.1: the name is a token", () => {
    expect(parseFields(": b").result).toBe(Fault.emptyName)
    for (const line of ["A(b): c", "A\0: b", "Ä: b", 'A"b": c', "no colon", "nocolon", "A\x7f: b", "@: b"]) {
      const expected = line === "no colon" ? Fault.spaceBeforeColon : Fault.badName
      expect([line, parseFields(line).result]).toEqual([line, expected])
    }
    expect(parseFields("!#$%&'*+-.^_`|~09azAZ: b").result).toBe(0)
  })

  test("9110 section 5.5: a control character in a value is refused, a byte over 127 is not", () => {
    for (const code of [0, 1, 8, 0x0b, 0x0c, 0x1b, 0x1f, 0x7f]) {
      expect(parseFields(`A: b${String.fromCharCode(code)}c`).result).toBe(Fault.badValue)
    }
    expect(parseFields("A: b\tc\x80\xff").head.fields.valueAt(1)).toBe("b\tc\x80\xff")
  })

  test("9112 section 5.1: white space around the value is no part of it", () => {
    expect(parseFields("A: \t b c \t ").head.fields.valueAt(1)).toBe("b c")
    expect(parseFields("A:").head.fields.valueAt(1)).toBe("")
    expect(parseFields("A:  \t").head.fields.valueAt(1)).toBe("")
  })

  test("one field more than the limit gets 431 (Istio semantics sheet 4.4)", () => {
    const lines = (count: number) => Array.from({ length: count }, (_, index) => `N${index}: v`)
    expect(parseFields(...lines(99)).result).toBe(0)
    expect(parseFields(...lines(100)).result).toBe(Fault.tooManyFields)
    expect(answerOf(Fault.tooManyFields)).toMatchObject({ status: 431, details: "http1.too_many_headers" })
  })
})

describe("host", () => {
  test("9112 section 3.2: exactly one Host", () => {
    expectFault("GET / HTTP/1.1\r\nA: b\r\n\r\n", Fault.missingHost)
    expectFault("GET / HTTP/1.1\r\n\r\n", Fault.missingHost)
    expect(parseFields("Host: a.example").result).toBe(Fault.badHost)
    expect(parseFields("hOST: b").result).toBe(Fault.badHost)
    expect(answerOf(Fault.missingHost)).toMatchObject({ status: 400, body: "", details: "missing_host_header" })
  })

  test("9112 section 3.2: a Host that is no authority is refused, with an absolute target too", () => {
    for (const host of ["", "a b", "a/b", "u@a", "a:b", "a:80:80", "[::1", "a,b", "é"]) {
      const expected = host === "a,b" ? 0 : Fault.badHost
      expect([host, parse(`GET / HTTP/1.1\r\nHost: ${host}\r\n\r\n`).result]).toEqual([host, expected])
    }
    expectFault("GET http://a/ HTTP/1.1\r\nHost: a b\r\n\r\n", Fault.badHost)
    expectFault("GET http://a/ HTTP/1.1\r\n\r\n", Fault.missingHost)
  })
})

describe("framing", () => {
  test("9112 section 6.3: Content-Length is the length", () => {
    expect(parseFields("Content-Length: 0").head.bodyLength).toBe(0)
    expect(parseFields("content-length:  42 ").head.bodyLength).toBe(42)
    expect(parseFields("Content-Length: 999999999999999").head.bodyLength).toBe(999_999_999_999_999)
  })

  test("9110 section 8.6: Content-Length is digits and nothing else", () => {
    for (const value of ["", "+5", "-1", "5.0", "0x5", "5 5", "5, 5", "5,", "1e3", "\xb2", "5;", "1234567890123456"]) {
      expect([value, parseFields(`Content-Length: ${value}`).result]).toEqual([value, Fault.badContentLength])
    }
  })

  test("9112 section 6.3: equal repeats of Content-Length are one, differing ones are refused", () => {
    const { result, head } = parseFields("Content-Length: 5", "A: b", "Content-Length: 5")
    expect([result, head.bodyLength]).toEqual([0, 5])
    expect(head.fields.lines()).toBe("Host: a.example\r\nContent-Length: 5\r\nA: b\r\n")
    expect(parseFields("Content-Length: 5", "Content-Length: 6").result).toBe(Fault.badContentLength)
    expect(parseFields("Content-Length: 6", "Content-Length: 5").result).toBe(Fault.badContentLength)
  })

  test("9112 section 6.1: Transfer-Encoding is exactly chunked, once", () => {
    expect(parseFields("Transfer-Encoding: Chunked").head.bodyLength).toBe(BODY_UNKNOWN_LENGTH)
    for (const value of ["", "identity", "gzip", "gzip, chunked", "chunked, chunked", "chunked;a=b", "xchunked"]) {
      const { result } = parseFields(`Transfer-Encoding: ${value}`)
      expect([value, result]).toEqual([value, Fault.badTransferEncoding])
    }
    expect(parseFields("Transfer-Encoding: chunked", "Transfer-Encoding: chunked").result).toBe(
      Fault.badTransferEncoding,
    )
  })

  test("9112 section 6.3: Transfer-Encoding with Content-Length is refused, in either order", () => {
    const lines = ["Content-Length: 5", "Transfer-Encoding: chunked"]
    expect(parseFields(...lines).result).toBe(Fault.contentLengthAndChunked)
    expect(parseFields(...lines.toReversed()).result).toBe(Fault.contentLengthAndChunked)
    expect(answerOf(Fault.contentLengthAndChunked).details).toBe("http1.content_length_and_chunked_not_allowed")
  })

  test("9110 section 15.5.14: a longer body than the limit gets 413", () => {
    const limits = { ...DEFAULT_HTTP_LIMITS, requestBodyBytesMax: 10 }
    const text = (length: number) => `POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`
    expect(parse(text(10), limits).result).toBe(0)
    expect(parse(text(11), limits).result).toBe(Fault.bodyTooLarge)
    expect(answerOf(Fault.bodyTooLarge).status).toBe(413)
  })
})

describe("connection", () => {
  test("9112 section 9.6: close is read from a list, in any case, of any line", () => {
    expect(parseFields("Connection: keep-alive").head.wantsClose).toBe(false)
    expect(parseFields("Connection: Foo, CLOSE").head.wantsClose).toBe(true)
    expect(parseFields("Connection: keep-alive", "Connection: close").head.wantsClose).toBe(true)
    expect(parseFields("Connection: closed").head.wantsClose).toBe(false)
  })

  test("9110 section 7.6.1: naming a field that others rely on is refused (Istio semantics sheet 4.1)", () => {
    for (const name of [
      "Content-Length",
      "transfer-encoding",
      "host",
      "X-Forwarded-For",
      "x-forwarded-proto",
      "x-forwarded-client-cert",
      "authorization",
      "x-envoy-internal",
      ":path",
    ]) {
      expect([name, parseFields(`Connection: close, ${name}`).result]).toEqual([name, Fault.badConnectionOption])
    }
    expect(answerOf(Fault.badConnectionOption).status).toBe(400)
  })

  test("ten names in Connection are refused, nine are not (Istio semantics sheet 4.1)", () => {
    const names = Array.from({ length: 10 }, (_, index) => `n${index}`)
    expect(parseFields(`Connection: ${names.slice(1).join(",")}`).result).toBe(0)
    expect(parseFields(`Connection: ${names.join(",")}`).result).toBe(Fault.badConnectionOption)
  })

  test("9110 section 7.8: an upgrade needs both Upgrade and its option in Connection", () => {
    expect(parseFields("Connection: Upgrade", "Upgrade: WebSocket").head.upgrade).toBe("websocket")
    expect(parseFields("Upgrade: websocket").head.upgrade).toBe("")
    expect(parseFields("Connection: upgrade").head.upgrade).toBe("")
  })

  test("an h2c upgrade is ignored (Istio semantics sheet 4.4)", () => {
    const { head } = parseFields("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: x")
    expect(head.upgrade).toBe("")
  })

  test("9110 section 10.1.4: TE says whether the client takes trailers", () => {
    expect(parseFields("TE: trailers").head.acceptsTrailers).toBe(true)
    expect(parseFields("TE: gzip;q=0.5, Trailers").head.acceptsTrailers).toBe(true)
    expect(parseFields("TE: trailersx").head.acceptsTrailers).toBe(false)
    expect(parseFields("TE: gzip").head.acceptsTrailers).toBe(false)
  })

  test("9110 section 10.1.1: 100-continue is the only expectation", () => {
    expect(parseFields("Expect: 100-Continue").head.expectsContinue).toBe(true)
    expect(parseFields("Expect: 200-ok").result).toBe(Fault.unknownExpect)
    expect(parseFields("Expect:").result).toBe(Fault.unknownExpect)
    expect(answerOf(Fault.unknownExpect).status).toBe(417)
  })
})

describe("faults", () => {
  test("each has an answer of its own, except the one that only says wait and those only an upstream can cause", () => {
    const names = Object.values(Fault).map((fault) => answerOf(fault).name)
    const named = names.filter((name) => name !== "codec_error")
    expect(new Set(named).size).toBe(named.length)
    expect(named.length).toBe(Object.keys(Fault).length - 1)
  })

  test("a head that was read before leaves nothing behind", () => {
    const head = new RequestHead()
    const full =
      "POST http://b/x?y HTTP/1.1\r\nHost: a\r\nConnection: close, upgrade\r\nUpgrade: websocket\r\nTE: trailers\r\n" +
      "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"
    const plain = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    expect(parseRequestHead(full, head, "http", DEFAULT_HTTP_LIMITS)).toBe(0)
    expect(parseRequestHead(plain, head, "http", DEFAULT_HTTP_LIMITS)).toBe(0)
    const { wantsClose, upgrade, acceptsTrailers, expectsContinue, bodyLength, method, path, authority } = head
    expect([wantsClose, upgrade, acceptsTrailers, expectsContinue]).toEqual([false, "", false, false])
    expect([bodyLength, method, path, authority]).toEqual([BODY_NONE, "GET", "/", "a"])
    expect(head.fields.lines()).toBe("Host: a\r\n")
  })
})

describe("properties", () => {
  const tokenChars = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
  const token = fc.string({ unit: fc.constantFrom(...tokenChars), minLength: 1, maxLength: 12 })
  // Names of our own are about framing and connections: those have tests above.
  const name = token.map((text) => `x-${text}`)
  const value = fc
    .string({ unit: fc.integer({ min: 0x20, max: 0xff }).map((code) => String.fromCharCode(code)), maxLength: 20 })
    .map((text) => text.replaceAll("\x7f", "").replace(/^[ \t]+|[ \t]+$/g, ""))
  const path = fc.string({ unit: fc.constantFrom(..."abc0-_~/!$&'()*+,:;=@"), maxLength: 20 }).map((text) => `/${text}`)

  test("parse(serialise(head)) is the head", () => {
    fc.assert(
      fc.property(token, path, fc.array(fc.tuple(name, value), { maxLength: 40 }), (method, target, pairs) => {
        fc.pre(method !== "CONNECT")
        const sent = new RequestHead()
        sent.method = method
        sent.path = target
        sent.fields.append("host", "a.example")
        for (const [fieldName, fieldValue] of pairs) sent.fields.append(fieldName, fieldValue)
        const { result, head } = parse(requestHeadText(sent))
        expect(result).toBe(0)
        expect([head.method, head.path, head.authority]).toEqual([method, target, "a.example"])
        const read = Array.from({ length: head.fields.count }, (_, index) => [
          head.fields.nameAt(index),
          head.fields.valueAt(index),
        ])
        expect(read).toEqual([["host", "a.example"], ...pairs.map((pair) => [...pair])])
        expect(requestHeadText(head)).toBe(requestHeadText(sent))
      }),
      { numRuns: 1000 },
    )
  })

  test("what is valid goes on byte for byte, whatever white space surrounds the values", () => {
    const blank = fc.string({ unit: fc.constantFrom(" ", "\t"), maxLength: 3 })
    fc.assert(
      fc.property(fc.array(fc.tuple(name, blank, value, blank), { maxLength: 20 }), (fields) => {
        const lines = [
          "Host: a",
          ...fields.map(([fieldName, before, text, after]) => `${fieldName}:${before}${text}${after}`),
        ]
        const block = lines.map((line) => `${line}\r\n`).join("")
        const { result, head } = parse(`GET / HTTP/1.1\r\n${block}\r\n`)
        expect(result).toBe(0)
        expect(head.fields.lines()).toBe(block)
      }),
      { numRuns: 500 },
    )
  })
})
