-- What the bench asks of wrk: `wrk … -s wrk.lua URL -- DEPTH` sends DEPTH requests at a time, and says at its end what
-- it saw in one line of JSON, times in microseconds.

function init(arguments)
  local depth = tonumber(arguments[1])
  if depth > 1 then
    local requests = string.rep(wrk.format(), depth)
    request = function() return requests end
  end
end

function done(summary, latency, requests)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  print(string.format(
    '{"requests":%d,"micros":%d,"failed":%d,"p50_us":%d,"p90_us":%d,"p99_us":%d,"p999_us":%d}',
    summary.requests, summary.duration, failed,
    latency:percentile(50), latency:percentile(90), latency:percentile(99), latency:percentile(99.9)
  ))
end
