-- SPDX-License-Identifier: MIT
-- Code that is compiled while it runs, callbacks from C among it.
local ffi = require("ffi")
ffi.cdef("void qsort(void *base, size_t nr, size_t size, int (*compare)(const int *, const int *)); int getpagesize(void);")

local total, n = 0, 2000
for i = 1, 3e6 do total = total + i % 7 end
local list = ffi.new("int[?]", n)
for i = 0, n - 1 do list[i] = (i * 7919) % 10007 end
ffi.C.qsort(list, n, 4, function(a, b) return a[0] - b[0] end)
local sorted = true
for i = 1, n - 1 do sorted = sorted and list[i - 1] <= list[i] end
local text = {}
for i = 1, 100000 do text[i % 1000 + 1] = ("x"):rep(i % 300) end
print(total, sorted, ffi.C.getpagesize(), #text)
