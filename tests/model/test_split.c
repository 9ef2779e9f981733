/* SPDX-License-Identifier: MIT */
/*
 * test_split.c - madvise and mlock: ranges that get a flag, and what gives it back.
 */
#include "layout.h"

/* clang-format off */
static const struct layout_case split[] = {
	/* what the row shows                              before      operation                 after      exceptions */
	{ "DONTFORK in the middle",                        "aaaaaaa",  "madvise 3+2 DONTFORK",   "aaabbcc", "b=DONTFORK" },
	{ "DOFORK heals",                                  "aaabbcc",  "madvise 3+2 DOFORK",     "aaaaaaa", "b=DONTFORK", .born = "a" },
	{ "DOFORK of a part",                              "aabbbb",   "madvise 2+2 DOFORK",     "aaaabb",  "b=DONTFORK" },
	{ "RANDOM replaces SEQUENTIAL",                    "aaaa",     "madvise 0+4 RANDOM",     "bbbb",    "a=SEQUENTIAL b=RANDOM" },
	{ "NORMAL takes both away",                        "aabb",     "madvise 0+4 NORMAL",     "cccc",    "a=SEQUENTIAL b=RANDOM" },
	{ "the same advice again: nothing",                "aabb",     "madvise 2+1 RANDOM",     "aabb",    "b=RANDOM" },
	{ "HUGEPAGE at the head",                          "aaaa",     "madvise 0+2 HUGEPAGE",   "bbaa",    "b=HUGEPAGE" },
	{ "NOHUGEPAGE does not undo HUGEPAGE",             "aabb",     "madvise 2+2 NOHUGEPAGE", "aacc",    "b=HUGEPAGE c=NOHUGEPAGE", .refused = "prev=flags" },
	{ "HUGEPAGE over NOHUGEPAGE joins its kind",       "aabb",     "madvise 2+2 HUGEPAGE",   "aaaa",    "a=HUGEPAGE b=NOHUGEPAGE" },
	{ "DONTDUMP and back",                             "aaaa",     "madvise 1+2 DONTDUMP; madvise 1+2 DODUMP", "aaaa" },
	{ "WIPEONFORK and back",                           "aaaa",     "madvise 1+2 WIPEONFORK; madvise 1+2 KEEPONFORK", "aaaa" },
	{ "WIPEONFORK of a file",                          "aaaa",     "madvise 1+2 WIPEONFORK = -EINVAL", "aaaa", "a=file@0" },
	{ "WIPEONFORK of shared memory",                   "aaaa",     "madvise 1+2 WIPEONFORK = -EINVAL", "aaaa", "a=shared" },
	{ "MERGEABLE and back",                            "aaaa",     "madvise 1+2 MERGEABLE; madvise 1+2 UNMERGEABLE", "aaaa" },
	{ "MERGEABLE splits",                              "aaaa",     "madvise 1+2 MERGEABLE",  "abbc",    "b=MERGEABLE" },
	{ "MERGEABLE of shared memory: silently nothing",  "aaaa",     "madvise 1+2 MERGEABLE",  "aaaa",    "a=shared" },
	{ "DROPPABLE cannot be dumped again",              "aaaa",     "madvise 1+2 DODUMP = -EINVAL", "aaaa", "a=DROPPABLE", .since = "6.11" },
	{ "DROPPABLE cannot be kept on fork",              "aaaa",     "madvise 1+2 KEEPONFORK = -EINVAL", "aaaa", "a=DROPPABLE", .since = "6.11" },
	{ "over three VMAs, one after the other",          "aabbcc",   "madvise 0+6 DONTFORK",   "ddeeff",  "b=r-- d=DONTFORK e=DONTFORK,r-- f=DONTFORK" },
	{ "over a hole: both sides, and an error",         "aa..bb",   "madvise 1+4 DONTFORK = -ENOMEM", "ac..db", "c=DONTFORK d=DONTFORK" },
	{ "hole first: the rest is done",                  "..aa",     "madvise 0+3 DONTFORK = -ENOMEM", "..ba", "b=DONTFORK" },
	{ "unknown advice",                                "aaaa",     "madvise 1+2 NONSENSE = -EINVAL", "aaaa" },
	{ "start between pages",                           "aaaa",     "madvise 1:1+2 DONTFORK = -EINVAL", "aaaa" },
	{ "no length",                                     "aaaa",     "madvise 1+0 DONTFORK",   "aaaa" },
	{ "length is rounded up",                          "aaaa",     "madvise 1+0:1 DONTFORK", "abcc",    "b=DONTFORK" },
	{ "DONTNEED changes nothing",                      "AAAA",     "madvise 1+2 DONTNEED",   "AAAA" },
	{ "DONTNEED leaves the anon_vma",                  "AA..",     "madvise 0+2 DONTNEED; fork; mmap 2+2 rw-", "AAbb" },
	{ "FREE changes nothing",                          "AAAA",     "madvise 1+2 FREE",       "AAAA" },
	{ "COLD changes nothing",                          "AAAA",     "madvise 1+2 COLD",       "AAAA" },
	{ "WILLNEED changes nothing",                      "aaaa",     "madvise 1+2 WILLNEED",   "aaaa",    "a=file@0" },
	{ "POPULATE_WRITE faults",                         "aaaa",     "madvise 1+2 POPULATE_WRITE", "AAAA" },
	{ "POPULATE_READ does not",                        "aaaa",     "madvise 1+2 POPULATE_READ", "aaaa" },
	{ "a read fault does not",                         "aaaa",     "read 1",                 "aaaa" },
	{ "a write fault does",                            "aaaa",     "fault 1",                "AAAA" },
	{ "shared memory has no anon_vma",                 "aaaa",     "fault 1",                "aaaa",    "a=shared" },
	{ "a private file gets one",                       "aaaa",     "fault 1",                "AAAA",    "a=file@0" },
	{ "guard pages: the whole VMA is marked",          "aaaa",     "madvise 1+2 GUARD_INSTALL", "BBBB", "b=GUARD", .since = "6.19" },
	{ "guard pages: no flag yet",                      "aaaa",     "madvise 1+2 GUARD_INSTALL", "AAAA", .since = "6.13", .until = "6.18" },
	{ "guard pages removed: the mark stays",           "AAAA",     "madvise 1+2 GUARD_REMOVE", "AAAA", "a=GUARD", .since = "6.19" },
	{ "guard pages in locked memory",                  "AAAA",     "madvise 1+2 GUARD_INSTALL = -EINVAL", "AAAA", "a=LOCKED", .since = "6.13" },
	{ "guard pages are unknown",                       "aaaa",     "madvise 1+2 GUARD_INSTALL = -EINVAL", "aaaa", .until = "6.12" },
	{ "split guarded VMA: both halves are marked",     "AAAA",     "mprotect 2+2 r--",       "AABB",    "a=GUARD b=GUARD,r--", .since = "6.19" },
	{ "faulted halves by advice: rejoin",              "AAAA",     "madvise 0+2 DONTFORK; madvise 0+2 DOFORK", "AAAA" },
	{ "faulted apart by advice: other anon_vmas",      "aaaa",     "madvise 0+2 DONTFORK; fault 0; fault 2; madvise 0+2 DOFORK", "BBCC", .apart = "anon_vma" },
	{ "sealed memory takes advice and splits",         "aaaa",     "madvise 1+2 RANDOM",     "abbc",    "a=SEALED b=SEALED,RANDOM c=SEALED", .since = "6.10" },
	{ "sealed read-only memory is not discarded",      "aaaa",     "madvise 1+2 DONTNEED = -EPERM", "aaaa", "a=SEALED,r--", .since = "6.10" },
	{ "sealed writable memory is",                     "aaaa",     "madvise 1+2 DONTNEED",   "aaaa",    "a=SEALED", .since = "6.10" },
	{ "at the limit: EAGAIN",                          "aaaa",     "limit 1; madvise 1+2 DONTFORK = -EAGAIN", "aaaa" },

	/* mlock */
	{ "mlock splits and faults",                       "aaaa",     "mlock 1+2",              "aBBc",    "b=LOCKED" },
	{ "munlock heals",                                 "AAAA",     "mlock 1+2; munlock 1+2", "AAAA" },
	{ "mlock2 on fault does not fault",                "aaaa",     "mlock2 1+2",             "abbc",    "b=LOCKONFAULT" },
	{ "munlock after mlock2",                          "aaaa",     "mlock2 1+2; munlock 1+2", "aaaa" },
	{ "mlock of what is locked on fault",              "aa",       "mlock2 0+2; mlock 0+2",  "BB",      "b=LOCKED" },
	{ "mlock rounds its start down",                   "aaaa",     "mlock2 1:1+1",           "abbc",    "b=LOCKONFAULT" },
	{ "mlock over a hole: up to it",                   "aa..bb",   "mlock2 0+6 = -ENOMEM",   "cc..bb",  "c=LOCKONFAULT" },
	{ "munlock over a hole: up to it",                 "aa..bb",   "munlock 0+6 = -ENOMEM",  "cc..bb",  "a=LOCKONFAULT b=LOCKONFAULT" },
	{ "mlock of nothing",                              "....",     "mlock2 0+2 = -ENOMEM",   "...." },
	{ "mlock without length",                          "aaaa",     "mlock2 1+0",             "aaaa" },
	{ "mlock of a read-only range does not fault",     "aaaa",     "mlock 1+2",              "abbc",    "a=r-- b=LOCKED,r-- c=r--" },
	{ "mlock over several VMAs",                       "aabb",     "mlock2 1+2",             "acdb",    "b=r-- c=LOCKONFAULT d=LOCKONFAULT,r--" },
	{ "locked memory joins locked memory",             "aabb",     "mlock2 2+2",             "aaaa",    "a=LOCKONFAULT" },
	{ "mlockall locks what there is",                  "aabb",     "mlockall current; munlockall", "AAbb", "b=r--" },
	{ "mlockall for the future",                       "....",     "mlockall future; mmap 0+2 r--; munlockall; mmap 2+2 r--", "aaaa", "a=r--" },
	{ "a child's memory is not locked",                "aa",       "fork",                   "bb",      "a=LOCKONFAULT" },
};
/* clang-format on */

LAYOUT_TESTS(split)
