/** nginx with one worker: the proxy to be measured against, and the upstream that answers everyone. */
import { join } from "node:path"
import type { Command } from "../measured-process.ts"
import { findProgram, type Peer, type ProxyPlan, readVersionLine } from "./proxy.ts"

/** Shared by proxy and upstream: nothing logged, nothing on disk, connections that never wear out. */
function httpSettings(folder: string): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
  return `
  access_log off;
  sendfile on;
  tcp_nopush on;
  tcp_nodelay on;
  keepalive_timeout 75s;
  keepalive_requests 1000000000;
  server_names_hash_max_size 65536;
  server_names_hash_bucket_size 128;
  ${temporary.map((name) => `${name}_temp_path ${join(folder, name)};`).join("\n  ")}`
}

/** The command for nginx in the foreground with the given `http` block. */
export async function prepareNginx(folder: string, http: string): Promise<Command> {
  const file = join(folder, "nginx.conf")
  await Bun.write(
    file,
    `daemon off;
worker_processes 1;
pid ${join(folder, "nginx.pid")};
error_log stderr crit;
events { worker_connections 4096; multi_accept on; }
http {${httpSettings(folder)}
${http}
}
`,
  )
  return { argv: [findProgram("nginx") ?? "nginx", "-e", "stderr", "-p", folder, "-c", file], environment: {} }
}

/** nginx as most people run it: its own buffer sizes (8 of 4 KB). */
export const nginx: Peer = {
  name: "nginx",
  tls: null,
  readVersion: () => readVersionLine("nginx", "-v"),
  prepare: (plan) => prepareNginx(plan.folder, proxyBlocks(plan)),
}

/** nginx tuned for large bodies: fewer, larger reads, for half a megabyte of memory per request in flight. */
export const nginxLargeBuffers: Peer = {
  name: "nginx-64k-buffers",
  tls: null,
  readVersion: nginx.readVersion,
  prepare: (plan) =>
    prepareNginx(
      plan.folder,
      `  proxy_buffer_size 16k;
  proxy_buffers 8 64k;
  proxy_busy_buffers_size 128k;
${proxyBlocks(plan)}`,
    ),
}

/** @param listenParameters behind the address: "" or ` ssl` */
export function proxyBlocks({ port, upstreamPort, hosts }: ProxyPlan, listenParameters = ""): string {
  const servers = hosts.map(
    (host) => `  server {
    listen 127.0.0.1:${port}${listenParameters};
    server_name ${host};
    location /api/ {
      proxy_pass http://upstream;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Request-Id $request_id;
    }
    location / { return 404; }
  }`,
  )
  return `  proxy_max_temp_file_size 0;
  upstream upstream {
    server 127.0.0.1:${upstreamPort};
    keepalive 128;
    keepalive_requests 1000000000;
  }
${servers.join("\n")}`
}
