import { describe, expect, test } from "bun:test"
import {
  compileExample,
  compileRule,
  forwardOf,
  gateway,
  onlyRoute,
  routesOf,
  toWebapp,
  virtualService,
} from "./example-configuration.ts"
import type { HeaderEdits, HeaderOperation } from "./snapshot.ts"
import { RetryOn } from "./snapshot.ts"

const forward = (fields: string) =>
  forwardOf(onlyRoute(compileRule(`{${fields}${fields === "" ? "" : ", "}${toWebapp}}`)))

describe("timeout and retries (Istio semantics sheet 3.5, 3.6)", () => {
  test("without anything: no timeout, two retries where nothing was processed", () => {
    const action = forward("")
    expect(action.timeoutMs).toBe(0)
    expect(action.retry).toEqual({
      attempts: 2,
      retryOn:
        RetryOn.connectFailure |
        RetryOn.refusedStream |
        RetryOn.grpcUnavailable |
        RetryOn.grpcCancelled |
        RetryOn.statusCodes,
      statusCodes: [],
      perTryTimeoutMs: 0,
      backoffBaseMs: 25,
      backoffMaxMs: 250,
      avoidPreviousHosts: true,
      triesOtherPriorities: false,
      repeatsNonIdempotent: true,
    })
  })

  test("an annotation of the VirtualService keeps what is not idempotent from being delivered twice", () => {
    const annotated = (value: string, fields = "") =>
      compileExample(
        gateway() +
          virtualService({
            annotations: { "portcullis.dev/retry-non-idempotent": value },
            rules: [`{${fields}${toWebapp}}`],
          }),
      )
    const retry = (value: string, fields = "") => forwardOf(onlyRoute(routesOf(annotated(value, fields)))).retry
    expect(retry("false")).toMatchObject({ attempts: 2, repeatsNonIdempotent: false })
    expect(retry("false", "retries: {attempts: 1}, ")).toMatchObject({ attempts: 1, repeatsNonIdempotent: false })
    expect(retry("true", "retries: {attempts: 1}, ")).toMatchObject({ repeatsNonIdempotent: true })
    expect(annotated("no").diagnostics.map(({ code, severity }) => `${severity} ${code}`)).toContain("error P3023")
  })

  test("attempts 0 disables retries, and is what an empty block means", () => {
    expect(forward("retries: {attempts: 0}").retry).toBeNull()
    expect(forward("retries: {}").retry).toBeNull()
  })

  test("attempts alone keep the default conditions", () => {
    const { retry } = forward("retries: {attempts: 5}")
    expect(retry?.attempts).toBe(5)
    expect(retry?.retryOn).toBe(forward("").retry?.retryOn ?? -1)
  })

  test("status codes in retryOn imply retriable-status-codes", () => {
    const { retry } = forward('retries: {attempts: 1, retryOn: "5xx, 503,429"}')
    expect(retry?.retryOn).toBe(RetryOn.serverError | RetryOn.statusCodes)
    expect(retry?.statusCodes).toEqual([503, 429])
  })

  test("every word of Istio and Envoy has its bit", () => {
    const words =
      "5xx,gateway-error,reset,reset-before-request,connect-failure,retriable-4xx,refused-stream,retriable-status-codes," +
      "retriable-headers,envoy-ratelimited,http3-post-connect-failure,cancelled,deadline-exceeded,internal," +
      "resource-exhausted,unavailable"
    const every = Object.values(RetryOn).reduce((bits, bit) => bits | bit, 0)
    expect(forward(`retries: {attempts: 1, retryOn: "${words}"}`).retry?.retryOn).toBe(every)
  })

  test("a perTryTimeout that the route timeout would cut anyway is ignored", () => {
    expect(forward("timeout: 2s, retries: {attempts: 1, perTryTimeout: 2s}").retry?.perTryTimeoutMs).toBe(0)
    expect(forward("timeout: 2s, retries: {attempts: 1, perTryTimeout: 1s}").retry?.perTryTimeoutMs).toBe(1000)
    expect(forward("retries: {attempts: 1, perTryTimeout: 9s}").retry?.perTryTimeoutMs).toBe(9000)
  })

  test("backoff sets the base, the cap is ten times that", () => {
    expect(forward("retries: {attempts: 1, backoff: 100ms}").retry).toMatchObject({
      backoffBaseMs: 100,
      backoffMaxMs: 1000,
    })
  })

  test("previous hosts may be allowed again", () => {
    expect(forward("retries: {attempts: 1, retryIgnorePreviousHosts: false}").retry?.avoidPreviousHosts).toBe(false)
  })
})

describe("faults (Istio semantics sheet 3.7)", () => {
  test("percentages become parts per million", () => {
    expect(
      forward(
        "fault: {delay: {fixedDelay: 5s, percentage: {value: 0.1}}, abort: {httpStatus: 418, percentage: {value: 100}}}",
      ).fault,
    ).toEqual({ delayPpm: 1000, delayMs: 5000, abortPpm: 1_000_000, abortStatus: 418, abortGrpcStatus: -1 })
  })

  test("no percentage means never", () => {
    expect(forward("fault: {delay: {fixedDelay: 5s}, abort: {httpStatus: 418}}").fault).toBeNull()
  })

  test("a gRPC status goes by its name", () => {
    expect(forward("fault: {abort: {grpcStatus: NOT_FOUND, percentage: {value: 50}}}").fault).toMatchObject({
      abortPpm: 500_000,
      abortStatus: 0,
      abortGrpcStatus: 5,
    })
  })

  test("the older whole percent of a delay counts where the newer is silent", () => {
    expect(forward("fault: {delay: {fixedDelay: 1s, percent: 7}}").fault?.delayPpm).toBe(70_000)
  })
})

describe("mirrors (Istio semantics sheet 3.8)", () => {
  const shares = (fields: string) => forward(fields).mirrors.map(({ clusterName, ppm }) => `${clusterName} ${ppm}`)

  test("no percentage copies everything, 0 nothing", () => {
    expect(shares("mirror: {host: webapp}")).toEqual(["outbound|80||webapp 1000000"])
    expect(shares("mirror: {host: webapp}, mirrorPercentage: {value: 0}")).toEqual([])
    expect(shares("mirror: {host: webapp}, mirrorPercent: 5")).toEqual(["outbound|80||webapp 50000"])
  })

  test("several mirrors have each their own share", () => {
    expect(
      shares("mirrors: [{destination: {host: webapp}, percentage: {value: 1}}, {destination: {host: webapp}}]"),
    ).toEqual(["outbound|80||webapp 10000", "outbound|80||webapp 1000000"])
  })
})

describe("CORS (Istio semantics sheet 3.9)", () => {
  test("lists are joined without spaces, silence is no header", () => {
    const cors =
      'corsPolicy: {allowOrigins: [{exact: "https://a.com"}, {exact: "*"}], allowMethods: [GET, POST], maxAge: 24h, allowCredentials: true, unmatchedPreflights: IGNORE}'
    expect(forward(cors).cors).toEqual({
      allowOrigins: [{ kind: "exact", value: "https://a.com" }, { kind: "present" }],
      allowMethods: "GET,POST",
      allowHeaders: "",
      exposeHeaders: "",
      maxAgeSeconds: 86_400,
      allowCredentials: true,
      answerUnmatchedPreflights: true,
    })
    expect(forward("corsPolicy: {allowOrigin: [https://a.com]}").cors).toMatchObject({
      allowOrigins: [{ kind: "exact", value: "https://a.com" }],
      maxAgeSeconds: -1,
      answerUnmatchedPreflights: false,
    })
  })
})

describe("header operations (Istio semantics sheet 3.10)", () => {
  const written = (operations: readonly HeaderOperation[]): string[] =>
    operations.map(({ name, value }) => `${name}=${value.literal}`)
  const show = (edits: HeaderEdits | null) =>
    edits === null ? null : { remove: edits.remove, set: written(edits.set), add: written(edits.add) }

  test("set and add are sorted by name, remove is lower-cased, an empty value does nothing", () => {
    const route = onlyRoute(
      compileRule(`{headers: {request: {set: {B: "2", a: "1", c: ""}, add: {Z: "9"}, remove: [X-Gone]}}, ${toWebapp}}`),
    )
    expect(show(route.requestEdits)).toEqual({ remove: ["x-gone"], set: ["B=2", "a=1"], add: ["Z=9"] })
    expect(route.responseEdits).toBeNull()
  })

  test("operators are parsed", () => {
    const route = onlyRoute(compileRule(`{headers: {request: {set: {x: "p=%REQ(:PATH)%"}}}, ${toWebapp}}`))
    expect(route.requestEdits?.set[0]?.value.parts).toEqual([
      { kind: "literal", text: "p=" },
      { kind: "operator", name: "REQ", argument: ":PATH", lengthMax: 0 },
    ])
  })

  test("with one destination its operations come after the rule's and win", () => {
    const route = onlyRoute(
      compileRule(
        "{headers: {request: {set: {x: rule}, add: {y: rule}, remove: [r]}}, route: [{destination: {host: webapp}, headers: {request: {set: {x: dest, y: dest}, remove: [d]}}}]}",
      ),
    )
    // y is set before it is added to, whichever level says so.
    expect(show(route.requestEdits)).toEqual({
      remove: ["r", "d"],
      set: ["x=rule", "x=dest", "y=dest"],
      add: ["y=rule"],
    })
    expect(forwardOf(route).destinations.entries[0]?.requestEdits).toBeNull()
  })

  test("with several destinations each keeps its own, to run before the rule's", () => {
    const target = "destination: {host: webapp}, weight: 1"
    const route = onlyRoute(
      compileRule(
        `{headers: {response: {set: {x: rule}}}, route: [{${target}, headers: {response: {set: {x: dest}}}}, {${target}}]}`,
      ),
    )
    expect(show(route.responseEdits)).toEqual({ remove: [], set: ["x=rule"], add: [] })
    const { entries } = forwardOf(route).destinations
    expect(entries.map(({ responseEdits }) => show(responseEdits))).toEqual([
      { remove: [], set: ["x=dest"], add: [] },
      null,
    ])
  })

  test("a Host in request set or add rewrites the authority, set before add", () => {
    const action = forward('headers: {request: {set: {HOST: set.com}, add: {":authority": add.com}}}')
    expect(action.hostRewrite).toBe("set.com")
    expect(onlyRoute(compileRule(`{headers: {request: {set: {Host: b.com}}}, ${toWebapp}}`)).requestEdits).toBeNull()
  })

  test("a destination's Host counts only where the rule has none", () => {
    const host = (name: string) => `headers: {request: {set: {host: ${name}}}}`
    const single = `route: [{destination: {host: webapp}, ${host("dest.com")}}]`
    expect(forwardOf(onlyRoute(compileRule(`{${single}}`))).hostRewrite).toBe("dest.com")
    expect(forwardOf(onlyRoute(compileRule(`{${host("rule.com")}, ${single}}`))).hostRewrite).toBe("rule.com")
    expect(forwardOf(onlyRoute(compileRule(`{rewrite: {authority: auth.com}, ${single}}`))).hostRewrite).toBe(
      "auth.com",
    )
    const several = `route: [{destination: {host: webapp}, weight: 1, ${host("dest.com")}}, {destination: {host: webapp}, weight: 1}]`
    const free = forwardOf(onlyRoute(compileRule(`{${several}}`)))
    expect(free.hostRewrite).toBeNull()
    expect(free.destinations.entries.map(({ hostRewrite }) => hostRewrite)).toEqual(["dest.com", null])
    const ruled = forwardOf(onlyRoute(compileRule(`{rewrite: {authority: auth.com}, ${several}}`)))
    expect(ruled.hostRewrite).toBe("auth.com")
    expect(ruled.destinations.entries.map(({ hostRewrite }) => hostRewrite)).toEqual([null, null])
  })

  test("redirects and direct responses forward nothing, so faults and CORS do not exist there (sheet 3)", () => {
    const example = compileExample(
      gateway() + virtualService({ rules: ["{redirect: {uri: /x}, corsPolicy: {allowOrigins: [{exact: '*'}]}}"] }),
    )
    expect(example.findings).toEqual([])
  })
})
