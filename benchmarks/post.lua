-- Posts a one-click to the next path of a file, from the line given; or to one path, over and over.
local paths, at = {}, 0
function init(args)
  if args[1] then
    local skip, number = tonumber(args[2]), 0
    for line in io.lines(args[1]) do
      number = number + 1
      if number > skip then paths[#paths + 1] = line end
    end
  end
  wrk.method = "POST"
  wrk.body = "List-Unsubscribe=One-Click"
  wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"
end
function request()
  if #paths == 0 then return wrk.format() end
  at = at + 1
  if at > #paths then error("not enough links in the file") end
  return wrk.format(nil, paths[at])
end
