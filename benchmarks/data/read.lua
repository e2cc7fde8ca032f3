local count
function init(arguments)
  count = tonumber(arguments[1])
  math.randomseed(count)
end
function request()
  return wrk.format(nil, string.format("%so%07d", wrk.path, math.random(0, count - 1)))
end
