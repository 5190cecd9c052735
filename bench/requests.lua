-- What wrk sends: GETs as a browser makes them, 16 header fields with cookies, to N virtual hosts in turn.
-- Prints one line of figures at the end, exact where wrk's own report is rounded.
-- Arguments after `--`: the number of hosts.

local requests = {}
local nextIndex = 0

function init(arguments)
  local hostCount = tonumber(arguments[1])
  for index = 0, hostCount - 1 do
    requests[index] = wrk.format("GET", "/api/v1/products/lantern?currency=EUR&lang=en", {
      ["Host"] = "host-" .. index .. ".bench.example",
      ["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
      ["Accept"] = "application/json, text/plain, */*",
      ["Accept-Encoding"] = "gzip, deflate, br, zstd",
      ["Accept-Language"] = "en-GB,en;q=0.9,de;q=0.8",
      ["Cache-Control"] = "no-cache",
      ["Cookie"] = "session=3f9a6e0c1b7d4e52a8c0f1d2e3b4a596; theme=dark; consent=necessary,statistics; cart=eyJpdGVtcyI6W10sInRvdGFsIjowfQ",
      ["Pragma"] = "no-cache",
      ["Priority"] = "u=1, i",
      ["Referer"] = "https://shop.bench.example/products?category=lighting&page=2",
      ["Sec-Ch-Ua"] = '"Chromium";v="126", "Not/A)Brand";v="8"',
      ["Sec-Ch-Ua-Mobile"] = "?0",
      ["Sec-Ch-Ua-Platform"] = '"Linux"',
      ["Sec-Fetch-Dest"] = "empty",
      ["Sec-Fetch-Mode"] = "cors",
      ["Sec-Fetch-Site"] = "same-origin",
    })
  end
  wrk.hostCount = hostCount
end

function request()
  nextIndex = (nextIndex + 1) % wrk.hostCount
  return requests[nextIndex]
end

function done(summary, latency)
  local errors = summary.errors
  print(string.format(
    "figures requests=%d durationMicros=%d p50Micros=%d p99Micros=%d failed=%d",
    summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
