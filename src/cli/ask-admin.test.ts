import { expect, test } from "bun:test"
import { askAdmin } from "./ask-admin.ts"

test("an answer comes with its status, in whatever pieces", async () => {
  const body = new ReadableStream({
    async start(controller) {
      for (const piece of ["caf", "\u00e9 ", "\u{1f6aa}"]) {
        controller.enqueue(piece)
        await Bun.sleep(1)
      }
      controller.close()
    },
  })
  const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response(body, { status: 422 }) })
  expect(await askAdmin({ host: "127.0.0.1", port: server.port ?? 0 }, "/")).toEqual({
    status: 422,
    text: "caf\u00e9 \u{1f6aa}",
  })
  await server.stop(true)
})

test("whoever takes the connection and does not answer is not waited for", async () => {
  const silent = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } })
  const asked = await askAdmin({ host: "127.0.0.1", port: silent.port }, "/", 50)
  expect(asked).toEqual({ error: "it did not answer within 0.05 s" })
  silent.stop(true)
})

test("reasons are in plain words", async () => {
  const rude = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: { data: (socket) => void socket.end("SSH-2.0\r\n") },
  })
  expect(await askAdmin({ host: "127.0.0.1", port: rude.port }, "/")).toEqual({ error: "it does not speak HTTP" })
  rude.stop(true)
  expect(await askAdmin({ host: "127.0.0.1", port: 1 }, "/")).toEqual({ error: "nothing listens there" })
  expect(await askAdmin({ host: "no.such.host.invalid", port: 1 }, "/")).toEqual({ error: "no such host is known" })
})
