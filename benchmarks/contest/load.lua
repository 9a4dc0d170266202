-- Sends the requests of a file in turn, and prints one line of figures.
local requests, at = {}, 0

function init(arguments)
  local file = assert(io.open(arguments[1], "rb"))
  for length in file:read("*l"):gmatch("%d+") do
    requests[#requests + 1] = file:read(tonumber(length))
  end
  file:close()
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency, _)
  local errors = summary.errors
  local failed = errors.status + errors.connect + errors.read + errors.write + errors.timeout
  io.write(string.format(
    "FIGURES %d %d %d %.0f %.0f\n",
    summary.requests, summary.duration, failed, latency:percentile(50), latency:percentile(99)))
end
