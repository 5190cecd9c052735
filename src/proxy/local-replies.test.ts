import { describe, expect, test } from "bun:test"
import { BODY_NONE } from "../http/message.ts"
import type { UpstreamFailure, UpstreamFailureKind } from "../http/stream.ts"
import {
  CLUSTER_NOT_FOUND,
  failureFlag,
  failureText,
  grpcReplyHead,
  localReplyHead,
  NO_HEALTHY_UPSTREAM,
  ROUTE_NOT_FOUND,
  UPGRADE_FAILED,
  UPSTREAM_TIMEOUT,
  upstreamFailureReply,
} from "./local-replies.ts"

function failure(kind: UpstreamFailureKind, transportReason = ""): UpstreamFailure {
  return { kind, transportReason, isStaleConnection: false }
}

const prefix = "upstream connect error or disconnect/reset before headers. "

describe("what the client is told (Istio semantics sheet 5.2)", () => {
  test("answers without an upstream", () => {
    expect(ROUTE_NOT_FOUND).toEqual({ status: 404, body: "", flags: "NR", details: "route_not_found" })
    expect(CLUSTER_NOT_FOUND).toEqual({ status: 503, body: "", flags: "NC", details: "cluster_not_found" })
    expect(NO_HEALTHY_UPSTREAM).toMatchObject({ status: 503, body: "no healthy upstream", flags: "UH" })
    expect(UPSTREAM_TIMEOUT).toMatchObject({ status: 504, body: "upstream request timeout", flags: "UT" })
    expect(UPGRADE_FAILED).toMatchObject({ status: 403, body: "", details: "upgrade_failed" })
  })

  test("connect refused, with the transport's reason", () => {
    const reply = upstreamFailureReply(failure("connect-failure", "delayed connect error: Connection refused"), false)
    expect(reply).toEqual({
      status: 503,
      body: `${prefix}reset reason: remote connection failure, transport failure reason: delayed connect error: Connection refused`,
      flags: "UF",
      details:
        "upstream_reset_before_response_started{remote_connection_failure|delayed_connect_error:_Connection_refused}",
    })
  })

  test("each kind has its status, text and flag", () => {
    const expected: readonly (readonly [UpstreamFailureKind, number, string, string])[] = [
      ["connect-timeout", 503, "connection timeout", "UF"],
      ["connection-termination", 503, "connection termination", "UC"],
      ["protocol-error", 502, "protocol error", "UPE"],
      ["overflow", 503, "overflow", "UO"],
    ]
    for (const [kind, status, text, flag] of expected) {
      const underscored = text.replaceAll(" ", "_")
      expect(upstreamFailureReply(failure(kind), false)).toEqual({
        status,
        body: `${prefix}reset reason: ${text}`,
        flags: flag,
        details: `upstream_reset_before_response_started{${underscored}}`,
        ...(kind === "overflow" ? { isOverloaded: true } : {}),
      })
      expect([failureFlag(failure(kind)), failureText(failure(kind))]).toEqual([flag, underscored])
    }
  })

  test("after a retry the text says so", () => {
    expect(upstreamFailureReply(failure("connection-termination"), true)).toMatchObject({
      body: `${prefix}retried and the latest reset reason: connection termination`,
      flags: "UC",
    })
  })
})

describe("form (Istio semantics sheet 5.1)", () => {
  test("content-length is the body's, also for none", () => {
    const head = localReplyHead(404, Buffer.from("abc"))
    expect([head.status, head.reason, head.bodyLength]).toEqual([404, "Not Found", 3])
    expect(head.fields.joinedValue("content-length")).toBe("3")
    expect(localReplyHead(404, new Uint8Array()).fields.joinedValue("content-length")).toBe("0")
  })

  test("9110 section 8.6: 204 and 304 have no length of a body", () => {
    for (const status of [204, 304]) {
      const head = localReplyHead(status, Buffer.from("abc"))
      expect([head.bodyLength, head.fields.joinedValue("content-length")]).toEqual([BODY_NONE, null])
    }
  })
})

describe("gRPC (Istio semantics sheet 5.3)", () => {
  function grpc(status: number, body: string) {
    return grpcReplyHead({ status, body, flags: "", details: "" }, Buffer.from(body, "latin1"))
  }

  test("the answer is 200 with the status in the head", () => {
    const head = grpc(503, "no healthy upstream")
    expect([head.status, head.bodyLength]).toEqual([200, 0])
    expect(head.fields.joinedValue("content-type")).toBe("application/grpc")
    expect(head.fields.joinedValue("grpc-status")).toBe("14")
    expect(head.fields.joinedValue("grpc-message")).toBe("no healthy upstream")
  })

  test("each HTTP status has its gRPC status", () => {
    const expected = [
      [400, 13],
      [401, 16],
      [403, 7],
      [404, 12],
      [429, 14],
      [502, 14],
      [503, 14],
      [504, 14],
      [408, 2],
      [413, 2],
      [500, 2],
      [426, 2],
    ]
    for (const [http = 0, status = 0] of expected) {
      expect([http, grpc(http, "").fields.joinedValue("grpc-status")]).toEqual([http, String(status)])
    }
  })

  test("the message is percent-encoded outside 0x20 to 0x7d, and left out when it is empty", () => {
    expect(grpc(404, "a%b\r\n~\xe9}").fields.joinedValue("grpc-message")).toBe("a%25b%0D%0A%7E%E9}")
    expect(grpc(404, "").fields.joinedValue("grpc-message")).toBeNull()
  })
})
