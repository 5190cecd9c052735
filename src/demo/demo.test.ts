import { afterAll, beforeAll, describe, expect, test } from "bun:test"
import { type Demo, startDemo } from "./demo.ts"

let demo: Demo

beforeAll(async () => {
  demo = await startDemo()
})
afterAll(() => demo.stop())

function addressOf(host: string): string {
  const service = demo.services.find((candidate) => candidate.host === host)
  if (service === undefined) throw new Error(`the demo has no ${host}`)
  return service.address
}

function url(host: string, path: string): string {
  return `http://${addressOf(host)}${path}`
}

describe("the demo", () => {
  test("offers webapp and catalog on port 80 and tcp-echo on 9000, each bound to its own loopback port", () => {
    expect(demo.services.map(({ host, port, protocol }) => ({ host, port, protocol }))).toEqual([
      { host: "webapp", port: 80, protocol: "http1" },
      { host: "catalog", port: 80, protocol: "http1" },
      { host: "tcp-echo", port: 9000, protocol: "tcp" },
    ])
    for (const { address } of demo.services) expect(address).toMatch(/^127\.0\.0\.1:[1-9]\d{3,4}$/)
    expect(new Set(demo.services.map(({ address }) => address)).size).toBe(3)
  })

  test("refuses connections once it has stopped", async () => {
    const shortLived = await startDemo()
    const addresses = shortLived.services.map(({ address }) => address)
    await shortLived.stop()
    expect(addresses).toHaveLength(3)
    for (const address of addresses) {
      const port = Number(address.slice(address.indexOf(":") + 1))
      const socket = { data() {} }
      await expect(Bun.connect({ hostname: "127.0.0.1", port, socket })).rejects.toThrow()
    }
  })
})

describe("catalog", () => {
  test("names its resources at the root, and has each of them", async () => {
    const resources = ["/products", "/products/lantern", "/healthz"]
    expect(await (await fetch(url("catalog", "/"))).json()).toEqual({ service: "catalog", resources })
    for (const path of resources) expect((await fetch(url("catalog", path))).status).toBe(200)
  })

  test("answers /healthz", async () => {
    const response = await fetch(url("catalog", "/healthz"))
    expect([response.status, await response.json()]).toEqual([200, { status: "ok", service: "catalog" }])
  })

  test("answers each product it lists with 300 to 450 bytes of JSON", async () => {
    const list = await fetch(url("catalog", "/products"))
    expect(list.status).toBe(200)
    expect(await list.json()).toMatchObject({
      count: 3,
      products: [{ id: "lantern" }, { id: "bell" }, { id: "ledger" }],
    })
    for (const id of ["lantern", "bell", "ledger"]) {
      const response = await fetch(url("catalog", `/products/${id}`))
      const body = await response.text()
      expect(response.headers.get("content-type")).toBe("application/json")
      expect(JSON.parse(body).id).toBe(id)
      expect(body.length).toBeGreaterThanOrEqual(300)
      expect(body.length).toBeLessThanOrEqual(450)
    }
  })

  test("narrows the list to a category", async () => {
    const response = await fetch(url("catalog", "/products?category=signals"))
    expect(await response.json()).toEqual({
      service: "catalog",
      count: 1,
      products: [{ id: "bell", name: "Watch bell", priceCents: 12900, currency: "EUR" }],
    })
  })

  test("answers an unknown product and an unknown path with a JSON 404", async () => {
    const product = await fetch(url("catalog", "/products/moat"))
    expect([product.status, await product.json()]).toEqual([
      404,
      { error: "no such product", id: "moat", known: ["lantern", "bell", "ledger"] },
    ])
    const path = await fetch(url("catalog", "/nowhere"))
    expect([path.status, await path.json()]).toEqual([404, { error: "no such resource", path: "/nowhere" }])
  })
})

describe("webapp", () => {
  test("shows catalog's products and the headers it got", async () => {
    const response = await fetch(url("webapp", "/?from=test"), { headers: { "x-release": "canary" } })
    const page = await response.text()
    expect(response.headers.get("content-type")).toBe("text/html; charset=UTF-8")
    expect(page).toContain("<li>Gatehouse lantern, 49.00 EUR</li>")
    expect(page).toContain("<code>GET /?from=test</code>")
    expect(page).toContain("<tr><td>x-release</td><td>canary</td></tr>")
  })

  test("escapes what a client sent", async () => {
    const response = await fetch(url("webapp", "/"), { headers: { "x-note": "<script>alert(1)</script>" } })
    const page = await response.text()
    expect(page).toContain("<td>&lt;script&gt;alert(1)&lt;/script&gt;</td>")
    expect(page).not.toContain("<script>")
  })

  test("echoes method, path, headers and body", async () => {
    const response = await fetch(url("webapp", "/echo/a%20b?c=%2F&c=2"), {
      method: "PUT",
      headers: { "x-one": "1" },
      body: "hello",
    })
    expect(response.status).toBe(200)
    expect(await response.json()).toMatchObject({
      service: "webapp",
      method: "PUT",
      path: "/echo/a%20b?c=%2F&c=2",
      headers: { "x-one": "1", host: addressOf("webapp"), "content-length": "5" },
      body: "hello",
    })
  })

  test("/slow answers with the delay it kept, and falls back to a second for anything but a number", async () => {
    expect(await (await fetch(url("webapp", "/slow?ms=1"))).json()).toEqual({ service: "webapp", delayMs: 1 })
    expect(await (await fetch(url("webapp", "/slow?ms=-5"))).json()).toEqual({ service: "webapp", delayMs: 1000 })
  })

  test("/sse sends numbered events and ends after the count asked for", async () => {
    const response = await fetch(url("webapp", "/sse?count=3&ms=1"))
    expect(response.headers.get("content-type")).toBe("text/event-stream")
    expect(await response.text()).toBe(
      [0, 1, 2].map((index) => `event: tick\ndata: {"index":${index}}\nid: ${index}\n\n`).join(""),
    )
  })

  test("/ws echoes text and bytes", async () => {
    const socket = new WebSocket(`ws://${addressOf("webapp")}/ws`)
    socket.binaryType = "arraybuffer"
    const received: unknown[] = []
    const closed = Promise.withResolvers<void>()
    socket.onopen = () => {
      socket.send("text")
      socket.send(new Uint8Array([1, 2, 3]))
    }
    socket.onmessage = ({ data }) => {
      received.push(data instanceof ArrayBuffer ? [...new Uint8Array(data)] : data)
      if (received.length === 2) socket.close()
    }
    socket.onclose = () => closed.resolve()
    await closed.promise
    expect(received).toEqual(["text", [1, 2, 3]])
  })

  test("/ws asks a plain request to upgrade", async () => {
    const response = await fetch(url("webapp", "/ws"))
    expect([response.status, response.headers.get("upgrade")]).toEqual([426, "websocket"])
  })

  test("a path it does not have is a JSON 404", async () => {
    const response = await fetch(url("webapp", "/nowhere"))
    const expected = { error: "no such page", service: "webapp", path: "/nowhere" }
    expect([response.status, await response.json()]).toEqual([404, expected])
  })
})

describe("tcp-echo", () => {
  test("gives back every byte in order to a client that reads only once it can write no more, and closes after its half-close", async () => {
    const sent = new Uint8Array(8 * 1024 * 1024)
    for (let index = 0; index < sent.length; index++) sent[index] = (index * 31 + (index >> 12)) & 0xff
    const received: Uint8Array[] = []
    const ended = Promise.withResolvers<void>()
    let sentBytes = 0
    function sendMore(socket: Bun.Socket<undefined>): void {
      sentBytes += Math.max(socket.write(sent.subarray(sentBytes)), 0)
      if (sentBytes === sent.length) socket.shutdown()
      socket.resume()
    }
    const [hostname = "", port = ""] = addressOf("tcp-echo").split(":")
    await Bun.connect({
      hostname,
      port: Number(port),
      allowHalfOpen: true,
      socket: {
        open(socket) {
          socket.pause()
          sendMore(socket)
        },
        drain: sendMore,
        data: (_socket, bytes) => {
          received.push(bytes.slice())
        },
        end: (socket) => {
          socket.end()
        },
        close: () => ended.resolve(),
      },
    })
    await ended.promise
    const all = Buffer.concat(received)
    expect(all.length).toBe(sent.length)
    expect(all.equals(sent)).toBe(true)
  })
})
