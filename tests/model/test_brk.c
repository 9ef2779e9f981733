/* SPDX-License-Identifier: MIT */
/*
 * test_brk.c - the program break, which starts at page 0 of the drawing.
 */
#include "layout.h"

/* clang-format off */
static const struct layout_case brk[] = {
	/* what the row shows                              before      operation              after      exceptions */
	{ "grows from nothing",                            "......",   "brk 2",               "aa....",  "a=account", .born = "1" },
	{ "grows again: the same VMA",                     "......",   "brk 2; brk 4",        "aaaa..",  "a=account", .born = "1" },
	{ "shrinks",                                       "......",   "brk 4; brk 1",        "a.....",  "a=account" },
	{ "shrinks to nothing",                            "......",   "brk 4; brk 0",        "......" },
	{ "grows over something: refused",                 "...bb.",   "brk 5 = 0",           "...bb." },
	{ "grows up to something: no guard, refused",      "...bb.",   "brk 3 = 0",           "...bb." },
	{ "grows up to one page below: one VMA",           "...bb.",   "brk 2",               "aa.bb.",  "a=account" },
	{ "never joins the next one",                      "....bb",   "brk 2; mmap 2+1 rw- account", "aaa.bb", "a=account b=account" },
	{ "joins what mmap put at its end",                "......",   "brk 2; mmap 2+2 rw- account", "aaaa..", "a=account" },
	{ "blocked by what mmap put at its end",           "......",   "brk 2; mmap 2+2 rw- account; brk 5 = 2", "aaaa..", "a=account" },
	{ "split by mprotect: grows at the end",           "......",   "brk 4; mprotect 1+1 r--; brk 5", "abccc.", "a=account b=r--,unaccounted c=account", .since = "6.7" },
	{ "end protected: a new VMA",                      "......",   "brk 2; mprotect 1+1 r--; brk 4", "abcc..", "a=account b=r--,unaccounted c=account", .since = "6.7" },
	{ "end named: a new VMA",                          "......",   "brk 2; name 0+2 1; brk 4", "aabb..", "a=account,name b=account" },
	{ "end with a policy: a new VMA",                  "......",   "brk 2; mbind 0+2 1; brk 4", "aabb..", "a=account,policy b=account" },
	{ "faulted: grows",                                "......",   "brk 2; fault 0; brk 4", "AAAA..", "a=account" },
	{ "faulted, in a child: a new VMA",                "......",   "brk 2; fault 0; fork; brk 4", "AAbb..", "a=account b=account" },
	{ "in a child: the new VMA grows on",              "......",   "brk 2; fault 0; fork; brk 4; brk 5", "AAbbb.", "a=account b=account" },
	{ "below its start: refused",                      ".....",    "brk 2; munmap 0+2; brk 1 = 2", "....." },
	{ "hole at the end: grows beyond",                 "......",   "brk 2; munmap 1+1; brk 4", "a.bb..", "a=account b=account" },
	{ "sealed heap grows",                             "......",   "brk 2; mseal 0+2; brk 4", "aabb..", "a=account,SEALED b=account", .since = "6.10" },
	{ "locked for the future",                         "......",   "mlockall future; brk 2", "AA....", "a=account,LOCKED" },
	{ "above the limit: refused",                      "......",   "brk 2; limit 0; brk 4 = 2", "aa....", "a=account" },
};
/* clang-format on */

LAYOUT_TESTS(brk)
