-- Asks for the paths of a file, each once. The last line printed is JSON.
local requests, at = {}, 0

function init(args)
  for line in io.lines(args[1]) do
    requests[#requests + 1] = wrk.format("GET", line)
  end
end

function request()
  at = at + 1
  if at > #requests then
    wrk.thread:stop()
    return requests[#requests]
  end
  return requests[at]
end

function done(summary, latency, _)
  local errors = summary.errors
  print(string.format(
    '{"per_second": %.1f, "p50": %.3f, "p99": %.3f, "slowest": %.3f, "answered": %d, "errors": %d}',
    summary.requests / (summary.duration / 1e6), latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    latency.max / 1000, summary.requests,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
