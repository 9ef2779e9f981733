/* SPDX-License-Identifier: MIT */
/*
 * test_mmap.c - mmap's own: flags, replacing what is there, errors in their order.
 */
#include "layout.h"

/* clang-format off */
static const struct layout_case mmap[] = {
	/* what the row shows                              before      operation              after      exceptions */

	/* replacing */
	{ "over the middle of one VMA, other perms",       "aaaaaa",   "mmap 2+2 r--",        "aabbcc", "b=r--", .born = "a1a" },
	{ "over the middle of one VMA, same perms",        "aaaaaa",   "mmap 2+2 rw-",        "aaaaaa", .born = "a" },
	{ "over the middle of a faulted VMA",              "AAAAAA",   "mmap 2+2 rw-",        "AAAAAA", .born = "A" },
	{ "over the head of one VMA",                      "aaaa",     "mmap 0+2 r--",        "bbcc",   "b=r--" },
	{ "over the tail of one VMA",                      "aaaa",     "mmap 2+2 r--",        "aabb",   "b=r--" },
	{ "over exactly one VMA: the neighbours join",     "aabbcc",   "mmap 2+2 rw-",        "aaaaaa", "b=r--", .born = "a" },
	{ "over several VMAs and a hole",                  "aabb.ccdd", "mmap 1+7 r-x",       "aeeeeeeed", "b=r-- d=r-- e=r-x" },
	{ "over two halves",                               "aabbcc",   "mmap 1+4 r-x",        "addddc", "b=r-- c=rw- d=r-x" },
	{ "over everything",                               "aabbcc",   "mmap 0+6 rw-",        "dddddd", "b=r--" },
	{ "over a hole's edge",                            "aa..",     "mmap 1+2 r--",        "abb.",   "b=r--" },
	{ "over a faulted VMA: the new one is unfaulted",  "AABB",     "mmap 2+2 r--; fork; mmap 4+2 r--", "AAcccc", "c=r--" },
	{ "over sealed memory",                            "aaaa",     "mmap 1+2 r-- = -EPERM", "aaaa", "a=SEALED", .since = "6.10" },
	{ "NOREPLACE over something",                      "aaaa",     "mmap 1+2 rw- noreplace = -EEXIST", "aaaa" },
	{ "NOREPLACE over an edge",                        "aa..",     "mmap 1+2 rw- noreplace = -EEXIST", "aa.." },
	{ "NOREPLACE in the hole",                         "aa..bb",   "mmap 2+2 rw- noreplace", "aaaaaa" },

	/* hints */
	{ "hint in the hole is taken",                     "aa..bb",   "mmap 2+2 rw- hint = 2", "aaaaaa" },
	{ "hint is rounded down",                          "aa..bb",   "mmap 2:5+2 rw- hint = 2", "aaaaaa" },
	{ "hint where something is",                       "aa..bb",   "mmap 3+2 rw- hint = elsewhere", "aa..bb" },
	{ "hint where it does not fit",                    "aa..bb",   "mmap 2+3 rw- hint = elsewhere", "aa..bb" },
	{ "hint below a stack: keeps off",                 "....aa",   "mmap 2+2 rw- hint = elsewhere", "....aa", "a=GROWSDOWN" },
	{ "fixed below a stack: does not",                 "....aa",   "mmap 2+2 rw-",        "..bbaa", "a=GROWSDOWN" },

	/* lengths and addresses */
	{ "length is rounded up",                          "....",     "mmap 1+1:1 rw-",      ".aa." },
	{ "one byte",                                      "....",     "mmap 1+0:1 rw-",      ".a.." },
	{ "no length",                                     "aaaa",     "mmap 1+0 rw- = -EINVAL", "aaaa" },
	{ "length wraps",                                  "aaaa",     "mmap 1+max rw- = -ENOMEM", "aaaa" },
	{ "fixed between pages",                           "aaaa",     "mmap 1:1+2 rw- = -EINVAL", "aaaa" },

	/* types */
	{ "neither shared nor private",                    "aaaa",     "mmap 1+2 rw- notype = -EINVAL", "aaaa" },
	{ "SHARED_VALIDATE of anonymous memory",           "aaaa",     "mmap 1+2 rw- validate = -EINVAL", "aaaa" },
	{ "SHARED_VALIDATE of a file",                     "....",     "mmap 0+2 rw- file@0 validate", "aa..", "a=file@0,shared" },
	{ "SHARED_VALIDATE and an unknown flag",           "aaaa",     "mmap 1+2 rw- file@0 validate badbit = -EOPNOTSUPP", "aaaa" },
	{ "SHARED and an unknown flag",                    "....",     "mmap 0+2 rw- file@0 shared badbit", "aa..", "a=file@0,shared" },
	{ "shared anonymous",                              "....",     "mmap 0+2 rw- shared", "aa..", "a=shared" },
	{ "shared, growing down",                          "aaaa",     "mmap 1+2 rw- shared growsdown = -EINVAL", "aaaa" },
	{ "file, growing down",                            "aaaa",     "mmap 1+2 rw- file@0 growsdown = -EINVAL", "aaaa" },
	{ "private anonymous, growing down",               "....",     "mmap 1+2 rw- growsdown", ".aa.", "a=GROWSDOWN" },
	{ "droppable",                                     "....",     "mmap 1+2 rw- droppable", ".aa.", "a=DROPPABLE", .since = "6.11" },
	{ "droppable and locked",                          "aaaa",     "mmap 1+2 rw- droppable locked = -EINVAL", "aaaa", .since = "6.11" },
	{ "droppable and growing down",                    "aaaa",     "mmap 1+2 rw- droppable growsdown = -EINVAL", "aaaa", .since = "6.11" },
	{ "MAP_STACK",                                     "....",     "mmap 1+2 rw- stack",  ".aa.", "a=NOHUGEPAGE", .since = "6.7" },

	/* files */
	{ "shared, writable, of a read-only file",         "aaaa",     "mmap 1+2 rw- ro@0 shared = -EACCES", "aaaa" },
	{ "shared, readable, of a read-only file",         "....",     "mmap 0+2 r-- ro@0 shared", "aa..", "a=ro@0,r--,shared" },
	{ "private, writable, of a read-only file",        "....",     "mmap 0+2 rw- ro@0",   "aa..", "a=ro@0" },
	{ "shared, of a write-only file",                  "aaaa",     "mmap 1+2 r-- wo@0 shared = -EACCES", "aaaa" },
	{ "private, of a write-only file",                 "aaaa",     "mmap 1+2 r-- wo@0 = -EACCES", "aaaa" },
	{ "a directory",                                   "aaaa",     "mmap 1+2 r-- dir@0 = -ENODEV", "aaaa" },
	{ "shared, writable, sealed against writing",      "aaaa",     "mmap 1+2 rw- sealed@0 shared = -EPERM", "aaaa", .since = "6.12" },
	{ "shared, writable, sealed: refused too late",    "aaaa",     "mmap 1+2 rw- sealed@0 shared = -EPERM", "a..b", .until = "6.6" },
	{ "shared, readable, sealed: no way to writing",   "....",     "mmap 0+2 r-- sealed@0 shared; mprotect 0+2 rw- = -EACCES", "aa..", "a=sealed@0,r--,shared" },
	{ "private, writable, sealed against writing",     "....",     "mmap 0+2 rw- sealed@0", "aa..", "a=sealed@0" },
	{ "accounted: private and writable",               "....",     "mmap 0+2 rw- file@0 account", "aa..", "a=file@0,account" },
	{ "not accounted: shared",                         "....",     "mmap 0+2 rw- file@0 shared account", "aa..", "a=file@0,shared,unaccounted" },
	{ "not accounted: read-only",                      "....",     "mmap 0+2 r-- account", "aa..", "a=r--,unaccounted" },
	{ "/dev/zero, shared: each is a file of its own",  "....",     "mmap 0+2 rw- zero@0 shared; mmap 2+2 rw- zero@2 shared", "aabb", "a=zero@0,shared b=zero@2,shared" },
	{ "a failed driver leaves a hole",                 "aaaaaa",   "mmap 2+2 rw- driver@0 hook-fails", "aa..bb", .model_only = true, .since = "6.12" },

	/* populating and locking */
	{ "populate faults",                               "....",     "mmap 0+2 rw- populate", "AA.." },
	{ "populate of read-only memory does not",         "....",     "mmap 0+2 r-- populate", "aa..", "a=r--" },
	{ "populate without blocking does not",            "....",     "mmap 0+2 rw- populate nonblock", "aa.." },
	{ "populate of shared memory does not",            "....",     "mmap 0+2 rw- shared populate", "aa..", "a=shared" },
	{ "locked faults",                                 "....",     "mmap 0+2 rw- locked", "AA..", "a=LOCKED" },
	{ "locked and read-only does not",                 "....",     "mmap 0+2 r-- locked", "aa..", "a=LOCKED,r--" },

	/* writable and executable */
	{ "W+X is nothing special",                        "....",     "mmap 0+2 rwx",        "aa..", "a=rwx" },
	{ "MDWE: W+X is refused",                          "aaaa",     "mdwe; mmap 1+2 rwx = -EACCES", "aaaa", .since = "6.3" },
	{ "MDWE: exec alone is not",                       "....",     "mdwe; mmap 0+2 r-x",  "aa..", "a=r-x", .since = "6.3" },

	/* the limit */
	{ "at the limit: one more",                        "aa....",   "limit 1; mmap 3+2 rw-", "aa.bb." },
	{ "above the limit: none",                         "aa..bb",   "limit 1; mmap 7+2 rw- = -ENOMEM", "aa..bb" },
	{ "above the limit: not even one that would merge", "aa..bb",  "limit 1; mmap 2+2 rw- = -ENOMEM", "aa..bb" },
};
/* clang-format on */

LAYOUT_TESTS(mmap)
