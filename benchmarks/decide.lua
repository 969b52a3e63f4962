-- Posts a decision about the next reader, from the number given on; with "empty", an authenticated empty POST.
local number, key, kind = 0, "", "decide"
function init(args)
  key, kind, number, people = args[1], args[2], tonumber(args[3]), tonumber(args[4])
  wrk.method = "POST"
  wrk.headers["Authorization"] = "Bearer " .. key
  wrk.headers["Content-Type"] = "application/json"
  wrk.body = "{}"
end
function request()
  if kind == "empty" then return wrk.format("POST", "/empty-with-key") end
  -- A step that is prime to the number of people visits all of them.
  number = (number + 7919) % people
  local body = '{"purpose":"newsletter","recipients":[{"email":"reader' .. number .. '@example.com"}]}'
  return wrk.format("POST", "/v1/decisions", nil, body)
end
