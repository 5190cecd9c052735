import { afterEach, beforeEach, describe, expect, test } from "bun:test"
import { FakeGateway } from "./admin.fixture.ts"
import { startAdminServer } from "./admin-server.ts"
import type { OwnServer } from "./own-server.ts"
import { startStatusServer } from "./status-server.ts"

let gateway = new FakeGateway()
let server: OwnServer

beforeEach(() => {
  gateway = new FakeGateway()
  const started = startAdminServer({ host: "127.0.0.1", port: 0 }, gateway)
  if ("error" in started) throw new Error(started.error)
  server = started
})

afterEach(() => server.stop())

interface Answer {
  readonly status: number
  readonly type: string
  readonly body: string
}

async function ask(method: string, path: string, headers: Record<string, string> = {}): Promise<Answer> {
  const response = await fetch(`http://127.0.0.1:${server.port}${path}`, { method, headers })
  return { status: response.status, type: response.headers.get("content-type") ?? "", body: await response.text() }
}

const get = (path: string, headers?: Record<string, string>) => ask("GET", path, headers)
const post = (path: string, headers?: Record<string, string>) => ask("POST", path, headers)

describe("who may speak to the admin interface", () => {
  const accepted: readonly Record<string, string>[] = [
    {},
    { host: "127.0.0.1:15000" },
    { host: "10.1.2.3" },
    { host: "localhost" },
    { host: "LOCALHOST:15000" },
    { host: "[::1]:15000" },
    { host: "localhost:15000", origin: "http://localhost:15000" },
  ]
  for (const headers of accepted) {
    test(`accepted: ${JSON.stringify(headers)}`, async () => {
      expect((await get("/ready", headers)).status).toBe(200)
      expect((await post("/healthcheck/ok", headers)).status).toBe(200)
    })
  }

  const refused: readonly Record<string, string>[] = [
    { host: "evil.example" },
    { host: "evil.example:15000" },
    { host: "localhost.evil.example" },
    { host: "127.0.0.1.evil.example" },
    { host: "evil-localhost" },
    { host: "[evil.example]" },
    { host: "user@localhost" },
    { host: "localhost:15000:15000" },
    { host: "localhost:15000", origin: "http://evil.example" },
    { host: "localhost:15000", origin: "http://localhost:3000" },
    { host: "localhost:15000", origin: "http://127.0.0.1:15000" },
    { host: "localhost:15000", origin: "https://localhost:15000" },
    { host: "localhost:15000", origin: "null" },
  ]
  for (const headers of refused) {
    test(`refused with 403, whatever the method: ${JSON.stringify(headers)}`, async () => {
      for (const [method, path] of [
        ["GET", "/server_info"],
        ["POST", "/quitquitquit"],
        ["POST", "/reload"],
        ["OPTIONS", "/reload"],
      ] as const) {
        const answer = await ask(method, path, headers)
        expect(answer.status).toBe(403)
        expect(answer.body).toStartWith("forbidden: ")
      }
      expect(gateway.calls).toEqual([])
    })
  }

  for (const path of ["/quitquitquit", "/healthcheck/fail", "/healthcheck/ok", "/logging?level=debug", "/reload"]) {
    test(`GET ${path} changes nothing: 405`, async () => {
      expect((await get(path)).status).toBe(405)
      expect(gateway.calls).toEqual([])
      expect(gateway.log.level).toBe("info")
    })
  }

  test("no answer allows another origin to read it", async () => {
    const response = await fetch(`http://127.0.0.1:${server.port}/server_info`)
    expect(response.headers.get("access-control-allow-origin")).toBeNull()
    expect(response.headers.get("x-content-type-options")).toBe("nosniff")
    expect(response.headers.get("cache-control")).toBe("no-cache, max-age=0")
  })
})

describe("pages", () => {
  test("/ready is 200 only when LIVE", async () => {
    expect(await get("/ready")).toMatchObject({ status: 200, body: "LIVE\n" })
    gateway.state = "DRAINING"
    expect(await get("/ready")).toMatchObject({ status: 503, body: "DRAINING\n" })
  })

  test("/server_info tells the version, the state and how the last reload went", async () => {
    gateway.lastReload = {
      atUnixMs: 1_767_323_045_678,
      ok: false,
      isInForce: false,
      problems: "routes.yaml:1:1: error[P1001]: no\n",
    }
    const answer = await get("/server_info")
    expect(answer.type).toBe("application/json")
    expect(JSON.parse(answer.body)).toMatchObject({
      version: `portcullis/1.2.3/bun ${Bun.version}`,
      state: "LIVE",
      ready: true,
      command_line_options: { file: "routes.yaml" },
      configuration: {
        listeners: 1,
        virtual_hosts: 2,
        routes: 4,
        last_reload: { at: "2026-01-02T03:04:05.678Z", ok: false, problems: "routes.yaml:1:1: error[P1001]: no\n" },
      },
    })
  })

  test("/listeners as Envoy prints them, and as JSON", async () => {
    expect((await get("/listeners")).body).toBe("0.0.0.0_8080::0.0.0.0:8080\n::_8080::[::]:8080\n")
    const expected = { name: "::_8080", local_address: { socket_address: { address: "::", port_value: 8080 } } }
    for (const answer of [
      await get("/listeners?format=json"),
      await get("/listeners", { accept: "application/json" }),
    ]) {
      expect(answer.type).toBe("application/json")
      expect(JSON.parse(answer.body).listener_statuses[1]).toEqual(expected)
    }
    expect((await get("/listeners?format=text", { accept: "application/json" })).type).toStartWith("text/plain")
  })

  test("/clusters as Envoy prints them, and as JSON", async () => {
    const { body } = await get("/clusters")
    const prefix = "outbound|80||shop.default.svc.cluster.local::10.0.0.7:8080::"
    for (const row of ["cx_active::3", "cx_connect_fail::1", "rq_active::2", "rq_total::30", "health_flags::healthy"]) {
      expect(body).toContain(`${prefix}${row}\n`)
    }
    const json = JSON.parse((await get("/clusters?format=json")).body)
    expect(json.cluster_statuses[0].host_statuses[0]).toMatchObject({
      address: { socket_address: { address: "10.0.0.7", port_value: 8080 } },
      weight: 1,
      health_status: { eds_health_status: "HEALTHY" },
    })
  })

  test("/stats: process and clusters under Envoy's names", async () => {
    gateway.counters.requestsTotal = 7
    const { body } = await get("/stats")
    expect(body).toContain("http.downstream_rq_total: 7\n")
    expect(body).toContain("cluster.outbound|80||shop.default.svc.cluster.local.upstream_rq_total: 30\n")
    const { stats } = JSON.parse((await get("/stats?format=json")).body)
    expect(stats).toContainEqual({ name: "http.downstream_rq_total", value: 7 })
  })

  test("/stats/prometheus: valid exposition with its content type, also as /stats?format=prometheus", async () => {
    for (const path of ["/stats/prometheus", "/stats?format=prometheus"]) {
      const answer = await get(path)
      expect(answer.type).toBe("text/plain; version=0.0.4; charset=utf-8")
      const cluster = '{envoy_cluster_name="outbound|80||shop.default.svc.cluster.local"}'
      expect(answer.body).toContain("# TYPE portcullis_requests_total counter\nportcullis_requests_total 0\n")
      expect(answer.body).toContain(`envoy_cluster_upstream_rq_total${cluster} 30\n`)
      expect(answer.body).toContain(`envoy_cluster_upstream_cx_connect_fail${cluster} 1\n`)
      expect(answer.body).toContain(`envoy_cluster_membership_healthy${cluster} 1\n`)
    }
  })

  test("/routes is istioctl's table (Istio semantics sheet 10)", async () => {
    const rows = [
      ["NAME", "VHOST NAME", "DOMAINS", "MATCH", "VIRTUAL SERVICE"],
      ["http.8080", "localhost:80", "localhost", "/api*", "shop.default"],
      ["http.8080", "localhost:80", "localhost", "/*", "shop.default"],
      ["http.8080", "shop.example:80", "shop.example, www.shop.example + 1 more...", "/api*", "shop.default"],
      ["http.8080", "shop.example:80", "shop.example, www.shop.example + 1 more...", "/*", "shop.default"],
    ]
    const widths = [14, 20, 47, 10, 0]
    const table = rows.map((row) => `${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("")}\n`)
    expect((await get("/routes")).body).toBe(table.join(""))
  })

  test("/routes?name= chooses one, and 404 says which is not there", async () => {
    expect(JSON.parse((await get("/routes?name=http.8080&format=json")).body)[0].virtual_hosts[0].routes[0]).toEqual({
      name: "",
      match: "/api*",
      predicates: [],
      action: { clusters: [{ name: "outbound|80||shop.default.svc.cluster.local", weight: 1 }] },
      virtual_service: "shop.default",
      location: "routes.yaml:7:5",
    })
    expect(await get("/routes?name=http.81")).toMatchObject({
      status: 404,
      body: "no route configuration is named http.81\n",
    })
  })

  test("POST /logging changes the level of the log that is running", async () => {
    expect((await post("/logging?level=debug")).body).toBe("active loggers:\n  portcullis: debug\n")
    expect(gateway.log.level).toBe("debug")
    expect(await post("/logging?level=loud")).toMatchObject({ status: 400 })
    expect((await post("/logging")).body).toContain("portcullis: debug")
  })

  test("POST /healthcheck/fail, /healthcheck/ok and /quitquitquit", async () => {
    for (const path of ["/healthcheck/fail", "/healthcheck/ok", "/quitquitquit"]) {
      expect(await post(path)).toMatchObject({ status: 200, body: "OK\n" })
    }
    await gateway.quitCalled.promise
    expect(gateway.calls).toEqual(["failHealthcheck", "passHealthcheck", "quit"])
  })

  test("POST /reload says what was wrong, with 422", async () => {
    expect(await post("/reload")).toMatchObject({ status: 200, body: "OK\n" })
    const problems = "a.yaml:1:1: error[P1001]: no\n"
    gateway.reloadOutcome = { atUnixMs: 0, ok: false, isInForce: false, problems }
    const answer = await post("/reload")
    expect(answer.status).toBe(422)
    expect(answer.body).toBe(`the running configuration is unchanged\n${problems}`)
    expect(JSON.parse((await post("/reload?format=json")).body)).toMatchObject({ ok: false })
  })

  test("POST /reload does not say that nothing changed where a port could not be bound", async () => {
    const problems = "cannot listen on 0.0.0.0:81: in use\n"
    gateway.reloadOutcome = { atUnixMs: 0, ok: false, isInForce: true, problems }
    const { status, body } = await post("/reload")
    expect([status, body]).toEqual([
      422,
      `the new configuration is in force, but not all of it is listened on\n${problems}`,
    ])
  })

  test("an unknown path lists what there is", async () => {
    const answer = await get("/nope")
    expect(answer.status).toBe(404)
    expect(answer.body).toContain("  /quitquitquit (POST): drain and exit the server\n")
  })
})

describe("ports that are taken", () => {
  test("admin: the error names the address and the flag", () => {
    const second = startAdminServer({ host: "127.0.0.1", port: server.port }, gateway)
    expect("error" in second ? second.error : "").toBe(
      `cannot listen on 127.0.0.1:${server.port}: it is already in use (choose another with --admin, or --admin off)`,
    )
  })

  test("status: the error names the port and the flag", async () => {
    const first = startStatusServer(0, () => true)
    if ("error" in first) throw new Error(first.error)
    const second = startStatusServer(first.port, () => true)
    expect("error" in second ? second.error : "").toContain(`cannot listen on port ${first.port}: it is already in use`)
    await first.stop()
  })
})

describe("the status server", () => {
  test("/healthz/ready follows readiness, /healthz/live does not; everything else is 404; only reading is allowed", async () => {
    let isReady = true
    const status = startStatusServer(0, () => isReady)
    if ("error" in status) throw new Error(status.error)
    const base = `http://127.0.0.1:${status.port}`
    expect((await fetch(`${base}/healthz/ready`)).status).toBe(200)
    // A kubelet asks by whatever name it likes.
    expect((await fetch(`${base}/healthz/ready`, { headers: { host: "pod.example" } })).status).toBe(200)
    expect((await fetch(`${base}/healthz/ready`, { method: "HEAD" })).status).toBe(200)
    isReady = false
    expect((await fetch(`${base}/healthz/ready`)).status).toBe(503)
    // Not ready is no reason to be killed.
    expect((await fetch(`${base}/healthz/live`)).status).toBe(200)
    expect((await fetch(`${base}/healthz/ready`, { method: "POST" })).status).toBe(405)
    expect((await fetch(`${base}/`)).status).toBe(404)
    await status.stop()
  })
})
