import { describe, expect, test } from "bun:test"
import { compileAccessLogFormat } from "./access-log-format.ts"
import { createRecord, type RecordFields } from "./access-log-record.fixture.ts"

function render(format: string, fields: Partial<RecordFields>): string {
  const compiled = compileAccessLogFormat(format)
  if ("error" in compiled) throw new Error(compiled.error)
  return compiled.format(createRecord(fields)).trimEnd()
}

const requestHeaders = { "content-type": "application/grpc+proto" }
const everyForm = "%GRPC_STATUS% %GRPC_STATUS(SNAKE_STRING)% %GRPC_STATUS(NUMBER)% %GRPC_STATUS_NUMBER%"

describe("%GRPC_STATUS% (Envoy access log usage)", () => {
  test("of the trailers", () => {
    const line = render(everyForm, { requestHeaders, responseTrailers: { "grpc-status": "5" } })
    expect(line).toBe("NotFound NOT_FOUND 5 5")
  })

  test("of the head of a trailers-only response; trailers come first where both say one", () => {
    const responseHeaders = { "grpc-status": "1" }
    expect(render("%GRPC_STATUS%", { requestHeaders, responseHeaders })).toBe("Canceled")
    const responseTrailers = { "grpc-status": "0" }
    expect(render("%GRPC_STATUS%", { requestHeaders, responseHeaders, responseTrailers })).toBe("OK")
  })

  test("of the HTTP status where the service says none", () => {
    expect(render("%GRPC_STATUS%", { requestHeaders, responseCode: 404 })).toBe("Unimplemented")
  })

  test("a number without a name stays a number", () => {
    const fields = { requestHeaders, responseTrailers: { "grpc-status": "42" } }
    expect(render(everyForm, fields)).toBe("42 42 42 42")
  })

  test("there is none without a response, and none of a request that is not gRPC", () => {
    expect(render("%GRPC_STATUS%", { requestHeaders, responseCode: 0 })).toBe("-")
    expect(render("%GRPC_STATUS%", { responseTrailers: { "grpc-status": "5" } })).toBe("-")
  })

  test("another form is an error", () => {
    const compiled = compileAccessLogFormat("%GRPC_STATUS(WORDS)%")
    expect("error" in compiled && compiled.error).toContain("CAMEL_STRING, SNAKE_STRING or NUMBER")
  })
})

test("%TRAILER(X)% is what the service sent after the body", () => {
  const fields = { responseTrailers: { "grpc-message": "no such thing" }, responseHeaders: { "grpc-message": "no" } }
  expect(render("%TRAILER(grpc-message)% %TRAILER(x)% %TRAILER(x?grpc-message):2%", fields)).toBe("no such thing - no")
})
