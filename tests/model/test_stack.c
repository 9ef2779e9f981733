/* SPDX-License-Identifier: MIT */
/*
 * test_stack.c - VMAs that grow down when they are touched below their start.
 */
#include "layout.h"

/* clang-format off */
static const struct layout_case stack[] = {
	/* what the row shows                              before      operation              after      exceptions */
	{ "touched below: grows",                          "....aa",   "fault 2",             "..AAAA",  "a=GROWSDOWN", .born = "a" },
	{ "touched directly below",                        "....aa",   "fault 3",             "...AAA",  "a=GROWSDOWN" },
	{ "grows twice",                                   "......aa", "fault 4; fault 1",    ".AAAAAAA", "a=GROWSDOWN" },
	{ "only what grows down grows",                    "....aa",   "fault 3 = -EFAULT",   "....aa" },
	{ "too near to accessible memory",                 "b...aa",   "fault 3 = -EFAULT",   "b...aa",  "a=GROWSDOWN" },
	{ "down to inaccessible memory",                   "bb..aa",   "fault 2",             "bbAAAA",  "a=GROWSDOWN b=---" },
	{ "split: the lowest piece grows",                 "..aaaa",   "mprotect 4+2 r--; fault 1", ".AAAbb", "a=GROWSDOWN b=GROWSDOWN,r--" },
	{ "mlock below does not grow it",                  "....aa",   "mlock2 2+4 = -ENOMEM", "....aa", "a=GROWSDOWN" },
	{ "mprotect below does not grow it",               "....aa",   "mprotect 2+4 r-- = -ENOMEM", "....aa", "a=GROWSDOWN" },
	{ "faulted grows: pgoff follows, joins below",     "....AA",   "fault 2; mmap 0+2 rw- growsdown", "AAAAAA", "a=GROWSDOWN" },
	{ "new stack above an old one joins",              "aa....",   "mmap 2+2 rw- growsdown", "aaaa..", "a=GROWSDOWN" },
	{ "grown down to another: an anon_vma of its own", "BB..aa",   "fault 2; mprotect 2+4 r--; mprotect 2+4 rw-", "BBAAAA", "a=GROWSDOWN b=GROWSDOWN", .apart = "anon_vma" },
	{ "in a child it grows",                           "....AA",   "fork; fault 2",       "..AAAA",  "a=GROWSDOWN" },
};
/* clang-format on */

LAYOUT_TESTS(stack)
