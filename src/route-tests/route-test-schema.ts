/**
 * The form of a route test file: requests and what must become of them. Strict, like the configuration itself: a
 * misspelt expectation would otherwise be one that always holds.
 */
import { z } from "zod"
import { parseDurationMs } from "../config/duration.ts"
import { type FieldCheck, fieldProblem, refine, text } from "../config/field-problem.ts"
import { parseUrl } from "../explain/request-to-explain.ts"

const someText = text((value) => (value === "" ? fieldProblem("P2011", "this text is empty") : null))

const url = text((value) => {
  const parsed = parseUrl(value)
  return "error" in parsed ? fieldProblem("P2005", parsed.error, "write http://shop.example.com/path") : null
})

const method = text((value) =>
  isToken(value) ? null : fieldProblem("P2005", `\`${value}\` is not a method`, "as in GET"),
)

const fieldName = text((value) =>
  isToken(value) ? null : fieldProblem("P2005", `\`${value}\` is not the name of a header`, "as in x-release"),
)

const qualifiedName = text((value) =>
  /^[^/]+\/[^/]+$/.test(value) ? null : fieldProblem("P2005", `\`${value}\` is not NAMESPACE/NAME`),
)

const headerValue = text((value) =>
  /[\r\n\0]/.test(value) ? fieldProblem("P2005", "a header value has no line break and no NUL") : null,
)

const duration = text((value) =>
  value === "none" || parseDurationMs(value) !== null
    ? null
    : fieldProblem("P2007", `\`${value}\` is not a duration`, "as in 5s, 250ms, or none"),
)

/** null = the header must be absent. */
const expectedHeaders = z.record(z.string(), z.string().nullable())

const destination = z.strictObject({
  /** As in a VirtualService: a short name stands for its service in any namespace. */
  host: someText,
  port: z.number().int().optional(),
  subset: z.string().optional(),
  /** Percent of the requests. */
  weight: z.number().min(0).max(100).optional(),
})

const request = z
  .strictObject({
    method: method.optional(),
    url,
    headers: z.record(fieldName, headerValue).optional(),
    sni: someText.optional(),
    gateway: qualifiedName.optional(),
    /** A PEM file, relative to the test file. */
    clientCertificate: someText.optional(),
  })
  .superRefine(refine(showsCertificateInHandshake()))

/** Without TLS nobody sees it: the test would say something that it does not test. */
function showsCertificateInHandshake<
  T extends { url: string; clientCertificate?: string | undefined },
>(): FieldCheck<T> {
  return ({ url: text, clientCertificate }) => {
    const parsed = parseUrl(text)
    if (clientCertificate === undefined || "error" in parsed || parsed.scheme === "https") return null
    const message = "a client certificate is shown in a TLS handshake, and this URL has none"
    return fieldProblem("P2005", message, "write https://", ["clientCertificate"])
  }
}

const expectation = z
  .strictObject({
    connection: z.enum(["closed"]).optional(),
    virtualHost: someText.optional(),
    virtualService: qualifiedName.optional(),
    rule: z.string().optional(),
    destination: destination.optional(),
    destinations: z.array(destination).optional(),
    timeout: duration.optional(),
    upstream: z
      .strictObject({
        method: method.optional(),
        path: someText.optional(),
        host: someText.optional(),
        headers: expectedHeaders.optional(),
      })
      .optional(),
    response: z
      .strictObject({
        status: z.number().int().min(200).max(599).optional(),
        headers: expectedHeaders.optional(),
        body: z.string().optional(),
      })
      .optional(),
  })
  .superRefine(refine(expectsSomething()))

function expectsSomething<T extends object>(): FieldCheck<T> {
  return (value) =>
    Object.keys(value).length > 0 ? null : fieldProblem("P2006", "nothing is expected", "as in rule: products")
}

const routeTest = z.strictObject({ name: someText, request, expect: expectation })

export const routeTestFile = z.strictObject({ tests: z.array(routeTest) })

export type RouteTest = z.output<typeof routeTest>
export type Expectation = z.output<typeof expectation>
export type ExpectedDestination = z.output<typeof destination>

/** RFC 9110 section 5.6.2. */
function isToken(value: string): boolean {
  return /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(value)
}
