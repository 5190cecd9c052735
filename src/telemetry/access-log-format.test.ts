import { describe, expect, test } from "bun:test"
import { join } from "node:path"
import fc from "fast-check"
import { compileAccessLogFormat } from "./access-log-format.ts"
import { createRecord, type RecordFields } from "./access-log-record.fixture.ts"

function render(format: string, fields: Partial<RecordFields> = {}): string {
  const compiled = compileAccessLogFormat(format)
  if ("error" in compiled) throw new Error(compiled.error)
  // A line has one character for each byte.
  return Buffer.from(compiled.format(createRecord(fields)), "latin1").toString()
}

function errorOf(format: string): string {
  const compiled = compileAccessLogFormat(format)
  return "error" in compiled ? compiled.error : ""
}

/** Reads Istio's default line back, as a log collector does: quoted fields may hold spaces, the others not. */
function parseTextLine(line: string): string[] {
  const fields: string[] = []
  for (const match of line.trimEnd().matchAll(/\[([^\]]*)\]|"([^"]*)"|(\S+)/g)) {
    fields.push(match[1] ?? match[2] ?? match[3] ?? "")
  }
  return fields
}

describe("Istio's default text format (Istio semantics sheet 9.2)", () => {
  test("a forwarded request, the whole line", () => {
    expect(render("text")).toBe(
      '[2026-01-02T03:04:05.678Z] "GET /shop?q=1 HTTP/1.1" 200 - via_upstream - "-" 12 345 67 65 "203.0.113.9" ' +
        '"curl/8.1" "8a5d7f9c-0000-4000-8000-000000000001" "shop.example" "10.0.0.7:8080" ' +
        "outbound|80||shop.default.svc.cluster.local 10.0.0.2:40000 10.0.0.2:8080 203.0.113.9:0 shop.example shop-route\n",
    )
  })

  test("each field read back", () => {
    expect(parseTextLine(render("text"))).toEqual([
      "2026-01-02T03:04:05.678Z",
      "GET /shop?q=1 HTTP/1.1",
      "200",
      "-",
      "via_upstream",
      "-",
      "-",
      "12",
      "345",
      "67",
      "65",
      "203.0.113.9",
      "curl/8.1",
      "8a5d7f9c-0000-4000-8000-000000000001",
      "shop.example",
      "10.0.0.7:8080",
      "outbound|80||shop.default.svc.cluster.local",
      "10.0.0.2:40000",
      "10.0.0.2:8080",
      "203.0.113.9:0",
      "shop.example",
      "shop-route",
    ])
  })

  test("what there is not is a dash", () => {
    const fields = parseTextLine(
      render("text", {
        method: "",
        originalPath: "",
        protocol: "",
        responseCode: 0,
        responseFlags: "",
        responseCodeDetails: "",
        routeName: "",
        upstreamHost: "",
        upstreamCluster: "",
        upstreamLocalAddress: "",
        requestedServerName: "",
        requestHeaders: {},
        responseHeaders: {},
        authority: "",
      }),
    )
    expect(fields[1]).toBe("- - -")
    expect(fields[2]).toBe("0")
    expect(fields.slice(3, 7)).toEqual(["-", "-", "-", "-"])
    expect(fields.slice(10, 18)).toEqual(["-", "-", "-", "-", "-", "-", "-", "-"])
    expect(fields.slice(20)).toEqual(["-", "-"])
  })

  test("several response flags are joined as they are, and reasons lose their spaces", () => {
    const line = render("%RESPONSE_FLAGS% %UPSTREAM_TRANSPORT_FAILURE_REASON% %RESPONSE_CODE_DETAILS%", {
      responseFlags: "UF,URX",
      upstreamTransportFailureReason: "delayed connect error: Connection refused",
      responseCodeDetails: "upstream reset{x y}",
    })
    expect(line).toBe("UF,URX delayed_connect_error:_Connection_refused upstream_reset{x_y}\n")
  })
})

describe("Istio's JSON format (Istio semantics sheet 9.2)", () => {
  test("keys are sorted, numbers are numbers, what is missing is null", () => {
    const line = render("json", { responseFlags: "", upstreamTransportFailureReason: "" })
    const parsed: unknown = JSON.parse(line)
    expect(Object.keys(Object(parsed))).toEqual(Object.keys(Object(parsed)).sort())
    expect(parsed).toEqual({
      authority: "shop.example",
      bytes_received: 12,
      bytes_sent: 345,
      connection_termination_details: null,
      downstream_local_address: "10.0.0.2:8080",
      downstream_remote_address: "203.0.113.9:0",
      duration: 67,
      method: "GET",
      path: "/shop?q=1",
      protocol: "HTTP/1.1",
      request_id: "8a5d7f9c-0000-4000-8000-000000000001",
      requested_server_name: "shop.example",
      response_code: 200,
      response_code_details: "via_upstream",
      response_flags: null,
      route_name: "shop-route",
      start_time: "2026-01-02T03:04:05.678Z",
      upstream_cluster: "outbound|80||shop.default.svc.cluster.local",
      upstream_host: "10.0.0.7:8080",
      upstream_local_address: "10.0.0.2:40000",
      upstream_service_time: "65",
      upstream_transport_failure_reason: null,
      user_agent: "curl/8.1",
      x_forwarded_for: "203.0.113.9",
    })
  })

  test("bytes that are UTF-8 are read as UTF-8, others as latin1", () => {
    const utf8 = Buffer.from("grüße ✓").toString("latin1")
    expect(JSON.parse(render("json", { requestHeaders: { "user-agent": utf8 } }))).toMatchObject({
      user_agent: "grüße ✓",
    })
    expect(JSON.parse(render("json", { requestHeaders: { "user-agent": "gr\u00fc" } }))).toMatchObject({
      user_agent: "gr\u00fc",
    })
    // Somebody's own replacement character is as good as any other.
    const replacement = Buffer.from("a\ufffdb").toString("latin1")
    expect(JSON.parse(render("json", { requestHeaders: { "user-agent": replacement } }))).toMatchObject({
      user_agent: "a\ufffdb",
    })
  })
})

const withCertificate: RecordFields["downstreamTls"] = {
  version: "TLSv1.3",
  cipherSuite: "TLS_AES_128_GCM_SHA256",
  peerCertificate: {
    subject: "CN=app,O=Partner",
    issuer: "CN=Root",
    serialNumber: "0a1b",
    fingerprint256: "00ff",
    uris: ["spiffe://a/b", "spiffe://c"],
    dnsNames: [],
    notBeforeUnixMs: Date.UTC(2026, 0, 2, 3, 4, 5),
    notAfterUnixMs: Date.UTC(2027, 0, 2, 3, 4, 5),
  },
}

describe("format strings", () => {
  const cases: readonly (readonly [string, Partial<RecordFields>, string])[] = [
    ["%REQ(X-A?X-B)%", { requestHeaders: { "x-b": "b" } }, "b"],
    ["%REQ(X-A?X-B)%", { requestHeaders: { "x-a": "a", "x-b": "b" } }, "a"],
    ["%REQ(X-A):3%", { requestHeaders: { "x-a": "abcdef" } }, "abc"],
    ["%REQ(X-A):9%", { requestHeaders: { "x-a": "abcdef" } }, "abcdef"],
    ["%RESP(Server)%", { responseHeaders: { server: "portcullis" } }, "portcullis"],
    ["%RESP(:STATUS)%", { responseCode: 404 }, "404"],
    ["%REQ(X-ENVOY-ORIGINAL-PATH)%", { originalPath: "/a", path: "/a" }, "-"],
    ["%REQ(X-ENVOY-ORIGINAL-PATH)%", { originalPath: "/a", path: "/b" }, "/a"],
    ["%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%", { originalPath: "/a", path: "/b" }, "/a"],
    ["%REQ(:PATH)%", { originalPath: "/a", path: "/b" }, "/b"],
    ["%DURATION% ms, 100%%", { durationMs: 67.9 }, "67 ms, 100%"],
    ["%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", { downstreamRemoteAddress: "[2001:db8::1]:443" }, "2001:db8::1"],
    ["%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", { downstreamRemoteAddress: "203.0.113.9:0" }, "203.0.113.9"],
    ["%DOWNSTREAM_LOCAL_PORT%", { downstreamLocalAddress: "10.0.0.2:8080" }, "8080"],
    ["%UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", { upstreamHost: "unix:/run/a.sock" }, "unix:/run/a.sock"],
    ["%UPSTREAM_CLUSTER%", {}, "outbound|80||shop.default.svc.cluster.local"],
    ["%START_TIME(%Y/%m/%d %H:%M:%S.%3f %z)%", {}, "2026/01/02 03:04:05.678 +0000"],
    ["%START_TIME(%s)%", {}, "1767323045"],
    ["%REQUEST_DURATION% %RESPONSE_DURATION% %RESPONSE_TX_DURATION%", {}, "1 65 1"],
    [
      "%REQUEST_DURATION% %RESPONSE_DURATION% %RESPONSE_TX_DURATION%",
      { requestDurationMs: -1, responseDurationMs: -1 },
      "- - -",
    ],
    ["%UPSTREAM_REQUEST_ATTEMPT_COUNT%", { upstreamAttempts: 0 }, "0"],
    ["%TRACE_ID%", { traceId: "0af7651916cd43dd8448eb211c80319c" }, "0af7651916cd43dd8448eb211c80319c"],
    ["%TRACE_ID%", {}, "-"],
    ["%UPSTREAM_REMOTE_PORT% %UPSTREAM_LOCAL_PORT%", {}, "8080 40000"],
    ["%UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT%", {}, "10.0.0.2"],
    ["%DOWNSTREAM_DIRECT_REMOTE_PORT%", {}, "50000"],
    ["%REQ_WITHOUT_QUERY(X-ENVOY-ORIGINAL-PATH?:PATH)%", { originalPath: "/a?b=1", path: "/c?b=1" }, "/a"],
    ["%REQ_WITHOUT_QUERY(:PATH)%", { path: "?b=1" }, "-"],
    ["%REQ_WITHOUT_QUERY(REFERER):4%", { requestHeaders: { referer: "/from?x" } }, "/fro"],
    ["%PATH()%", { originalPath: "/a?b", path: "/c?d" }, "/a?b"],
    ["%PATH(NQ)%", { originalPath: "/a?b", path: "/c?d" }, "/a"],
    ["%PATH(NQ:PATH)%", { originalPath: "/a?b", path: "/c?d" }, "/c"],
    ["%PATH(WQ:ORIG)%", { originalPath: "/a?b", path: "/c?d" }, "/a?b"],
    ["%PATH(WQ:ORIG)%", { originalPath: "/a", path: "/a" }, "-"],
    ["%QUERY_PARAM(b)%", { originalPath: "/a?bb=0&b=1=2&b=3" }, "1=2"],
    ["%QUERY_PARAM(b)%", { originalPath: "/a?c&b" }, "-"],
    ["%QUERY_PARAM(b)%", { originalPath: "/a" }, "-"],
    ["%DOWNSTREAM_TLS_VERSION% %DOWNSTREAM_PEER_SUBJECT% %DOWNSTREAM_PEER_CERT_V_END%", {}, "- - -"],
    [
      "%DOWNSTREAM_TLS_VERSION% %DOWNSTREAM_TLS_CIPHER% %DOWNSTREAM_PEER_SUBJECT%",
      { downstreamTls: { version: "TLSv1.2", cipherSuite: "AES128-SHA", peerCertificate: null } },
      "TLSv1.2 AES128-SHA -",
    ],
    [
      "%DOWNSTREAM_PEER_SUBJECT% by %DOWNSTREAM_PEER_ISSUER%, %DOWNSTREAM_PEER_SERIAL%, %DOWNSTREAM_PEER_FINGERPRINT_256%",
      { downstreamTls: withCertificate },
      "CN=app,O=Partner by CN=Root, 0a1b, 00ff",
    ],
    [
      "%DOWNSTREAM_PEER_URI_SAN% %DOWNSTREAM_PEER_DNS_SAN%",
      { downstreamTls: withCertificate },
      "spiffe://a/b,spiffe://c -",
    ],
    [
      "%DOWNSTREAM_PEER_CERT_V_START% %DOWNSTREAM_PEER_CERT_V_END(%F)%",
      { downstreamTls: withCertificate },
      "2026-01-02T03:04:05.000Z 2027-01-02",
    ],
  ]
  for (const [format, fields, expected] of cases) {
    test(`${format} with ${JSON.stringify(fields)} is ${expected}`, () => {
      expect(render(format, fields)).toBe(`${expected}\n`)
    })
  }

  test("a line feed at the end is not doubled", () => {
    expect(render("%PROTOCOL%\n")).toBe("HTTP/1.1\n")
  })

  test("text of the format itself is written as UTF-8", () => {
    expect(render("größer %PROTOCOL% ✓")).toBe("größer HTTP/1.1 ✓\n")
  })

  test("an unknown operator is refused with the list of known ones", () => {
    expect(errorOf("%REQUEST_PATH%")).toMatch(/^unknown operator %REQUEST_PATH%; known are BYTES_RECEIVED .* RESP .*/)
  })

  test("an operator without the argument it needs, or with one it does not take, is refused", () => {
    expect(errorOf("%REQ()%")).toContain("needs a header name")
    expect(errorOf("%REQ(A?B?C)%")).toContain("needs a header name")
    expect(errorOf("%DURATION(x)%")).toContain("takes nothing in parentheses")
    expect(errorOf("%START_TIME(%Q)%")).toContain("which is not one of")
    expect(errorOf("%DOWNSTREAM_PEER_CERT_V_END(%Q)%")).toContain("which is not one of")
    expect(errorOf("%DOWNSTREAM_PEER_SUBJECT(x)%")).toContain("takes nothing in parentheses")
    expect(errorOf("%PATH(XX)%")).toContain("needs (WQ or NQ")
    expect(errorOf("%PATH(NQ:BOTH)%")).toContain("needs (WQ or NQ")
    expect(errorOf("%QUERY_PARAM()%")).toContain("needs the name of a parameter")
    expect(errorOf("%REQ_WITHOUT_QUERY()%")).toContain("needs a header name")
  })

  test("the process's environment is not to be had", () => {
    expect(errorOf("%ENVIRONMENT(PATH)%")).toContain("unknown operator")
  })

  test("docs/access-log.md names every operator, and no other", async () => {
    const known = errorOf("%NO_SUCH%").split("known are ")[1]?.split(" ") ?? []
    const text = await Bun.file(join(import.meta.dir, "../../docs/access-log.md")).text()
    const rows = text.split("\n").filter((line) => line.startsWith("| `%"))
    const named = rows.flatMap((row) =>
      [...(row.split(" | ")[0] ?? "").matchAll(/`%([A-Z0-9_]+)/g)].map(([, name]) => name),
    )
    expect(named.toSorted()).toEqual([...known, "START_TIME"].toSorted())
  })

  test("an unbalanced percent sign is refused", () => {
    expect(errorOf("100% %DURATION%")).not.toBe("")
  })
})

describe("no value can forge a line", () => {
  const hostile = 'a"b\\c\r\n[2026] "GET / HTTP/1.1" 200\x1b[2J\x00\x7f\u0085\u00ff'

  test("text: quotes, backslashes and everything that is not printable ASCII as \\xNN", () => {
    expect(render("%REQ(USER-AGENT)%", { requestHeaders: { "user-agent": hostile } })).toBe(
      "a\\x22b\\x5Cc\\x0D\\x0A[2026] \\x22GET / HTTP/1.1\\x22 200\\x1B[2J\\x00\\x7F\\x85\\xFF\n",
    )
  })

  const wireText = fc.string({ unit: fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)) })

  test("property: any bytes leave the text line one line with the same fields", () => {
    fc.assert(
      fc.property(wireText, wireText, (agent, name) => {
        const line = render("text", { requestHeaders: { "user-agent": agent }, requestedServerName: name })
        expect(line).toMatch(/^[\x20-\x7e]*\n$/)
        const fields = parseTextLine(line)
        expect(fields).toHaveLength(22)
        expect(fields[21]).toBe("shop-route")
        const restored = (fields[12] ?? "").replace(/\\x([0-9A-F]{2})/g, (_, hex: string) =>
          String.fromCharCode(Number.parseInt(hex, 16)),
        )
        expect(restored).toBe(agent === "" ? "-" : agent)
      }),
    )
  })

  test("property: any bytes leave the JSON line one valid object without control characters", () => {
    fc.assert(
      fc.property(wireText, (agent) => {
        const line = render("json", { requestHeaders: { "user-agent": agent } })
        expect(line).toMatch(/^[^\x00-\x1f\x7f-\x9f\u2028\u2029\ufffd]*\n$/)
        expect(JSON.parse(line)).toMatchObject({ response_code: 200 })
      }),
    )
  })
})
