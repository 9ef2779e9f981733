/* SPDX-License-Identifier: MIT */
/*
 * test_mremap.c - mremap: shrinking, growing, moving, duplicating, and over several VMAs.
 */
#include "layout.h"

/* clang-format off */
static const struct layout_case mremap[] = {
	/* what the row shows                              before       operation               after      exceptions */

	/* shrink and same size */
	{ "shrinks at the end",                            "aaaa",      "mremap 0+4 2",         "aa..", .born = "a" },
	{ "shrinks in the middle of a VMA",                "aaaaaa",    "mremap 1+3 1",         "aa..bb", .born = "aa" },
	{ "shrinks over several VMAs and a hole",          "aabb.c",    "mremap 0+6 1",         "a.....", "b=r--" },
	{ "same size: nothing",                            "aaaa",      "mremap 0+4 4",         "aaaa" },
	{ "same size over several VMAs: nothing",          "aabb..",    "mremap 0+6 6",         "aabb..", "b=r--" },
	{ "same size, rounded",                            "aaaa",      "mremap 0+3:1 3:9",     "aaaa" },
	{ "shrinks to nothing",                            "aaaa",      "mremap 0+4 0 = -EINVAL", "aaaa" },
	{ "shrinks what is sealed",                        "aaaa",      "mremap 0+4 2 = -EPERM", "aaaa", "a=SEALED", .since = "6.10" },

	/* grow in place */
	{ "grows into the hole",                           "aaa..bb",   "mremap 0+3 4",         "aaaa.bb", .born = "ab" },
	{ "grows up to the next: joins it",                "aaa..bb",   "mremap 0+3 5",         "aaaaaaa", .born = "a" },
	{ "grows up to another kind",                      "aaa..bb",   "mremap 0+3 5",         "aaaaabb", "b=r--", .born = "ab", .refused = "next=flags" },
	{ "grows up to another anon_vma",                  "AAA..BB",   "mremap 0+3 5",         "AAAAABB", .born = "AB", .refused = "next=anon_vma" },
	{ "faulted grows up to unfaulted: joins",          "AAA..bb",   "mremap 0+3 5",         "AAAAAAA", .since = "6.16" },
	{ "unfaulted grows up to faulted: joins",          "aaa..BB",   "mremap 0+3 5",         "AAAAAAA" },
	{ "grows from its tail",                           "aaaa..",    "mremap 2+2 4",         "aaaaaa" },
	{ "grows with nothing above",                      "aa",        "mremap 0+2 5",         "aaaaa" },
	{ "grows a file",                                  "aa....",    "mremap 0+2 4",         "aaaa..", "a=file@4" },
	{ "grows a file up to its continuation",           "aa..bb",    "mremap 0+2 4",         "aaaaaa", "a=file@4 b=file@8" },
	{ "grows a file up to what does not follow",       "aa..bb",    "mremap 0+2 4",         "aaaabb", "a=file@4 b=file@9", .refused = "next=pgoff" },
	{ "grows shared anonymous memory",                 "aa..",      "mremap 0+2 4",         "aaaa", "a=shared" },
	{ "blocked by the next VMA",                       "aaabb",     "mremap 0+3 4 = -ENOMEM", "aaabb", "b=r--" },
	{ "blocked behind a hole",                         "aaa.bb",    "mremap 0+3 5 = -ENOMEM", "aaa.bb" },
	{ "not at the end of its VMA",                     "aaaa..",    "mremap 0+2 3 = -ENOMEM", "aaaa.." },
	{ "blocked, may move: goes elsewhere",             "aaabb",     "mremap 0+3 4 maymove = elsewhere", "...bb", "b=r--" },
	{ "middle, may move: goes elsewhere",              "aaaa",      "mremap 1+2 3 maymove = elsewhere", "a..b" },
	{ "free, may move: grows in place",                "aaa..bb",   "mremap 0+3 5 maymove", "aaaaaaa" },
	{ "grows what is sealed",                          "aa..",      "mremap 0+2 4 = -EPERM", "aa..", "a=SEALED", .since = "6.10" },
	{ "grows beyond its VMA's end",                    "aabb..",    "mremap 0+4 5 = -EFAULT", "aabb..", "b=r--" },
	{ "grows out of a hole",                           "aa..",      "mremap 2+1 2 = -EFAULT", "aa.." },
	{ "in a child, inherited memory grows",            "AA....",    "fork; mremap 0+2 4",   "AAAA.." },
	{ "in a child, up to what is not faulted: not",    "AA..bb",    "fork; mremap 0+2 4",   "AAAAbb", .until = "6.16" },
	{ "in a child, up to what is not faulted: joins",  "AA..bb",    "fork; mremap 0+2 4",   "AAAAAA", .since = "6.16" },
	{ "locked on fault grows locked",                  "aa..",      "mremap 0+2 4",         "aaaa", "a=LOCKONFAULT" },

	/* move */
	{ "moves",                                         "aa......",  "move 0+2 4",           "....bb..", .born = "1" },
	{ "moves the middle of a VMA out",                 "aaaaaa....", "move 2+2 8",          "aa..bb..cc" },
	{ "moves the head of a VMA out",                   "aaaa....",  "move 0+2 6",           "..aa..bb" },
	{ "moves and shrinks",                             "aaaa......", "move 0+4 6 2",        "......aa.." },
	{ "moves and grows",                               "aa........", "move 0+2 5 4",        ".....aaaa." },
	{ "moves and grows, faulted",                      "AA........", "move 0+2 5 4",        ".....BBBB.", "b=@0" },
	{ "moves right behind itself and grows",           "aa......",  "move 0+2 2 4",         "..aaaa.." },
	{ "moves right before itself and grows",           "....aa..",  "move 4+2 1 3",         ".aaa...." },
	{ "the same, locked once touched",                     "aa......",  "move 0+2 2 4",         "..bbbb..", "a=LOCKONFAULT b=LOCKONFAULT" },
	{ "moves over something",                          "aa..bbbb",  "move 0+2 5",           "....baab", "b=r--" },
	{ "moves over the edges of two",                   "aa..bbcc",  "move 0+2 5",           "....baac", "b=r-- c=---" },
	{ "moves over its like: joins both",               "aa..bbbb",  "move 0+2 5",           "....bbbb" },
	{ "moves into the hole before its own rest",       "..aaaa",    "move 4+2 0",           "aaaa.." },
	{ "moves its rest to directly before itself",      "..aaaa",    "move 4+2 0; munmap 2+1", "bb.a.." },
	{ "moves read-only memory",                        "aa....",    "move 0+2 3",           "...bb.", "a=r-- b=r--" },
	{ "moves a file: the offset goes along",           "aaaa....",  "move 2+2 5",           "aa...bb.", "a=file@4 b=file@6" },
	{ "moves shared memory",                           "aa....",    "move 0+2 3",           "...aa.", "a=shared" },
	{ "moves accounted memory: pieces keep it",        "aaaaaa....", "move 2+2 7",          "aa..aa.bb.", "a=account b=account" },
	{ "moves locked memory",                           "aa....",    "move 0+2 3",           "...aa.", "a=LOCKONFAULT" },
	{ "moves memory with a name",                      "aa....",    "move 0+2 3",           "...aa.", "a=name" },
	{ "moves memory with a policy",                    "aa....",    "move 0+2 3",           "...aa.", "a=policy" },
	{ "moves memory of a userfaultfd: it goes",        "aa....",    "move 0+2 3",           "...bb.", "a=uffd" },
	{ "moves a stack: it stays one",                   "aa....",    "move 0+2 3",           "...aa.", "a=GROWSDOWN" },
	{ "moves guarded memory: the mark goes along",     "AA....",    "move 0+2 3",           "...AA.", "a=GUARD", .since = "6.19" },
	{ "moves what is sealed",                          "aa....",    "move 0+2 3 = -EPERM",  "aa....", "a=SEALED", .since = "6.10" },
	{ "moves over what is sealed",                     "aa..bb",    "move 0+2 4 = -EPERM",  "aa..bb", "b=SEALED", .since = "6.10" },
	{ "moves onto itself",                             "aaaa..",    "move 0+3 2 = -EINVAL", "aaaa.." },
	{ "moves between pages",                           "aaaa..",    "move 0+2 4:1 = -EINVAL", "aaaa.." },
	{ "moves from between pages",                      "aaaa..",    "mremap 0:1+2 2 maymove fixed 4 = -EINVAL", "aaaa.." },
	{ "moves without MAYMOVE",                         "aaaa..",    "mremap 0+2 2 fixed 4 = -EINVAL", "aaaa.." },
	{ "unknown flag",                                  "aaaa..",    "mremap 0+2 2 badbit = -EINVAL", "aaaa.." },
	{ "moves from a hole",                             "..aa",      "move 0+2 4 = -EFAULT", "..aa" },
	{ "longer than its source: a trailing hole",       "aa......bb", "move 0+3 7",          ".......aaa", .since = "6.17" },
	{ "longer than its source: the target is gone",    "aa......bb", "move 0+3 7 = -EFAULT", "aa........", .until = "6.16" },
	{ "longer and shrinking: the source's tail is gone", "aabb......", "move 1+3 6 2 = -EFAULT", "aab.......", "b=r--", .until = "6.16" },
	{ "from a hole onto itself: the hole is asked first", "......",  "move 0+4 2 = -EFAULT", "......", .until = "6.16" },
	{ "from a hole onto itself: the overlap is asked first", "......", "move 0+4 2 = -EINVAL", "......", .since = "6.17" },
	{ "moves in a child: stays inherited",             "AA........", "fork; move 0+2 4; mmap 6+2 rw-", "....AAbb.." },

	/* DONTUNMAP */
	{ "leaves the source",                             "aa......",  "dontunmap 0+2 4",      "aa..bb.." },
	{ "leaves the source unfaulted",                   "AA......",  "dontunmap 0+2 4",      "aa..BB..", "b=@0" },
	{ "leaves the source, part of a VMA",              "AAAA......", "dontunmap 0+2 6",     "AAAA..BB..", "b=@0" },
	{ "leaves the source accounted",                   "aa......",  "dontunmap 0+2 4",      "aa..aa..", "a=account", .until = "6.14" },
	{ "leaves the source accounted again",             "aa......",  "dontunmap 0+2 4",      "aa..aa..", "a=account", .since = "6.18" },
	{ "leaves the source unaccounted: a mistake",      "aa......",  "dontunmap 0+2 4",      "bb..aa..", "a=account b=unaccounted", .since = "6.15", .until = "6.17" },
	{ "leaves the source unlocked",                    "aa......",  "dontunmap 0+2 4",      "bb..aa..", "a=LOCKONFAULT" },
	{ "leaves a shared source",                        "aa......",  "dontunmap 0+2 4",      "aa..bb..", "a=shared b=shared" },
	{ "unfaulted copy joins the source",               "aa....",    "dontunmap 0+2 2",      "aaaa..", .since = "6.18" },
	{ "unfaulted copy stays beside the source",        "aa....",    "dontunmap 0+2 2",      "aabb..", .until = "6.12" },
	{ "leaves part of a locked source: all unlocked",  "aaaa......", "dontunmap 1+2 6",     "bbbb..aa..", "a=LOCKONFAULT", .since = "6.18" },
	{ "leaves part of a locked source: only that",     "aaaa......", "dontunmap 1+2 6",     "abbc..dd..", "a=LOCKONFAULT c=LOCKONFAULT d=LOCKONFAULT", .until = "6.12" },
	{ "source merges again with new memory",           "AA........", "dontunmap 0+2 6; mmap 2+2 rw-", "aaaa..BB..", "b=@0" },
	{ "lengths differ",                                "aa......",  "mremap 0+2 3 maymove dontunmap fixed 4 = -EINVAL", "aa......" },
	{ "without MAYMOVE",                               "aa......",  "mremap 0+2 2 dontunmap = -EINVAL", "aa......" },
	{ "to a hint",                                     "aa......",  "mremap 0+2 2 maymove dontunmap hint 4 = 4", "aa..bb.." },
	{ "leaves a special mapping",                      "aa......",  "dontunmap 0+2 4 = -EINVAL", "aa......", "a=driver@0,shared" },

	/* old length 0 */
	{ "duplicates shared memory",                      "aa......",  "copy 0+2 4",           "aa..bb..", "a=shared b=shared" },
	{ "duplicates a shared file",                      "aa......",  "copy 0+2 4",           "aa..bb..", "a=file@4,shared b=file@4,shared" },
	{ "duplicates from the middle",                    "aaaa....",  "copy 1+2 5",           "aaaa.bb.", "a=file@4,shared b=file@5,shared" },
	{ "duplicates more than there is",                 "aa......",  "copy 0+3 4",           "aa..bbb.", "a=file@4,shared b=file@4,shared" },
	{ "duplicates private memory",                     "aa......",  "copy 0+2 4 = -EINVAL", "aa......" },
	{ "duplicates a private file",                     "aa......",  "copy 0+2 4 = -EINVAL", "aa......", "a=file@4" },
	{ "duplicates without MAYMOVE",                    "aa......",  "mremap 0+0 2 = -ENOMEM", "aa......", "a=shared" },

	/* several VMAs */
	{ "two VMAs move together",                        "aabb....",  "move 0+4 4",           "....aabb", "b=r--", .since = "6.17" },
	{ "two VMAs move together: not yet",               "aabb....",  "move 0+4 4 = -EFAULT", "aabb....", "b=r--", .until = "6.16" },
	{ "the hole between them moves along",             "aa.bb.....", "move 0+5 5",          ".....aa.bb", "b=r--", .since = "6.17" },
	{ "what was in the target's hole stays",           "aa.bbccccc", "move 0+5 5",          ".....aacbb", "b=r-- c=---", .since = "6.17" },
	{ "a trailing hole",                               "aa........", "move 0+4 5",          ".....aa...", .since = "6.17" },
	{ "a leading hole",                                ".aa.......", "move 0+3 5 = -EFAULT", ".aa.......", .since = "6.17" },
	{ "part of each",                                  "aabb....",  "move 1+2 5",           "a..b.cd.", "b=r-- d=r--", .since = "6.17" },
	{ "several VMAs, DONTUNMAP",                       "aabb....",  "dontunmap 0+4 4",      "aabbccdd", "b=r-- d=r-- c=rw-", .since = "6.17" },
	{ "several VMAs and another size",                 "aabb.....", "move 0+4 4 5 = -EFAULT", "aabb.....", "b=r--", .since = "6.17" },
	{ "several VMAs, one of a userfaultfd",            "aabb....",  "move 0+4 4 = -EFAULT", "..bbaa..", "b=uffd", .since = "6.17" },
	{ "several faulted VMAs",                          "AABB....",  "move 0+4 4",           "....AABB", "b=r--", .since = "6.17" },

	/* the limit */
	{ "near the limit: no move",                       "aa......",  "limit 6; move 0+2 4 = -ENOMEM", "aa......" },
	{ "farther from the limit: moves",                 "aa......",  "limit 7; move 0+2 4",  "....aa.." },
	{ "near the limit: grows in place",                "aa......",  "limit 1; mremap 0+2 4", "aaaa...." },
};
/* clang-format on */

LAYOUT_TESTS(mremap)
