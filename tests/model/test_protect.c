/* SPDX-License-Identifier: MIT */
/*
 * test_protect.c - mprotect: what a changed range does with its neighbours, accounting, errors.
 */
#include "layout.h"

/* clang-format off */
static const struct layout_case protect[] = {
	/* what the row shows                              before      operation              after      exceptions */

	/* the existing-range merges, by the cases of the kernel's old numbering */
	{ "protected back: three become one (6)",          "aaabbcc",  "mprotect 3+2 rw-",    "aaaaaaa", "b=r--", .born = "a" },
	{ "whole VMA joins prev (7)",                      "aabbcc",   "mprotect 2+2 rw-",    "aaaacc",  "b=r-- c=r-x", .born = "ac", .refused = "next=flags" },
	{ "whole VMA joins next (8)",                      "aabbcc",   "mprotect 2+2 rw-",    "aacccc",  "a=r-x b=r--", .born = "ac", .refused = "prev=flags" },
	{ "head joins prev (5)",                           "aabbbb",   "mprotect 2+2 rw-",    "aaaabb",  "b=r--", .born = "ab", .refused = "next=not-adjacent" },
	{ "tail joins next (4)",                           "aaaabb",   "mprotect 2+2 r--",    "aabbbb",  "b=r--", .born = "ab", .refused = "prev=not-adjacent" },
	{ "whole VMA alone: only its flags change",        "aabbcc",   "mprotect 2+2 rwx",    "aaddcc",  "b=r-- c=r-x d=rwx", .born = "abc" },
	{ "whole VMA beside holes",                        ".aa.",     "mprotect 1+2 r--",    ".bb.",    "b=r--", .refused = "prev=not-adjacent next=not-adjacent" },
	{ "last VMA joins prev, nothing above",            "aabb",     "mprotect 2+2 rw-",    "aaaa",    "b=r--", .born = "a" },
	{ "first VMA joins next, nothing below",           "aabb",     "mprotect 0+2 r--",    "bbbb",    "b=r--", .born = "b" },
	{ "reprotected: one VMA becomes three",            "aaaaaaa",  "mprotect 3+2 r--",    "aaabbcc", "b=r--", .refused = "prev=not-adjacent next=not-adjacent" },
	{ "head reprotected, no neighbour",                "aaaa",     "mprotect 0+2 r--",    "bbcc",    "b=r--" },
	{ "tail reprotected, no neighbour",                "aaaa",     "mprotect 2+2 r--",    "aabb",    "b=r--" },
	{ "one page of three",                             "aaa",      "mprotect 1+1 ---",    "abc",     "b=---" },

	/* over several VMAs */
	{ "over three VMAs",                               "aabbcc",   "mprotect 0+6 rw-",    "dddddd",  "a=r-- c=---" },
	{ "across a boundary: both halves change",         "aabb",     "mprotect 1+2 r-x",    "accb",    "b=r-- c=r-x" },
	{ "across a boundary: to the left one's perms",    "aabb",     "mprotect 1+2 rw-",    "aaab",    "b=r--" },
	{ "across a boundary: to the right one's perms",   "aabb",     "mprotect 1+2 r--",    "abbb",    "b=r--" },
	{ "same perms: nothing happens",                   "aaaa",     "mprotect 1+2 rw-",    "aaaa" },
	{ "same perms over look-alikes: not healed",       "AABB",     "mprotect 0+4 rw-",    "AABB", .apart = "anon_vma" },
	{ "hole inside: done up to it",                    "aa..bb",   "mprotect 0+6 r-- = -ENOMEM", "cc..bb", "c=r--" },
	{ "hole at the start: nothing done",               "..aa",     "mprotect 0+4 r-- = -ENOMEM", "..aa" },
	{ "hole at the end: done up to it",                "aa..",     "mprotect 0+4 r-- = -ENOMEM", "cc..", "c=r--" },
	{ "nothing mapped",                                "....",     "mprotect 0+4 r-- = -ENOMEM", "...." },

	/* anon_vma */
	{ "unfaulted middle, faulted neighbours' kin",     "AAAAAA",   "mprotect 2+2 r--; mprotect 2+2 rw-", "AAAAAA" },
	{ "unfaulted middle joins a faulted prev",         "AAbb",     "mprotect 2+2 rw-",    "AAAA",    "b=r--" },
	{ "unfaulted middle joins a faulted next",         "aaBB",     "mprotect 0+2 rw-",    "BBBB",    "a=r--" },
	{ "faulted middle joins an unfaulted prev",        "aaBB",     "mprotect 2+2 rw-",    "AAAA",    "b=r--", .since = "6.16", .born = "a" },
	{ "faulted middle, unfaulted prev: apart",         "aaBB",     "mprotect 2+2 rw-",    "aaCC",    "b=r--", .until = "6.15", .refused = "prev=anon_vma" },
	{ "faulted middle joins an unfaulted next",        "AAbb",     "mprotect 0+2 rw-",    "BBBB",    "a=r--", .since = "6.16", .born = "b" },
	{ "faulted middle, unfaulted next: apart",         "AAbb",     "mprotect 0+2 rw-",    "CCbb",    "a=r--", .until = "6.15", .refused = "next=anon_vma" },
	{ "faulted middle, unfaulted neighbours: one",     "aaBBcc",   "mprotect 2+2 rw-",    "AAAAAA",  "b=r--", .since = "6.16", .born = "a" },
	{ "faulted middle, unfaulted neighbours: three",   "aaBBcc",   "mprotect 2+2 rw-",    "aaDDcc",  "b=r--", .until = "6.15", .refused = "prev=anon_vma next=anon_vma" },
	{ "the same in a child: three",                    "aaBBcc",   "fork; mprotect 2+2 rw-", "aaDDcc", "b=r--", .refused = "prev=anon_vma next=anon_vma" },
	{ "unfaulted middle between two anon_vmas: prev",  "AAbbCC",   "mprotect 2+2 rw-",    "AAAACC",  "b=r--", .born = "AC" },
	{ "unfaulted middle and prev, faulted next: one",  "aabbCC",   "mprotect 2+2 rw-",    "AAAAAA",  "b=r--", .born = "a" },
	{ "faulted prev, unfaulted middle and next: one",  "AAbbcc",   "mprotect 2+2 rw-",    "AAAAAA",  "b=r--", .born = "A" },
	{ "middle of another anon_vma, unfaulted next",    "AABBcc",   "mprotect 2+2 rw-",    "AADDDD",  "b=r--", .since = "6.16", .born = "Ac" },
	{ "middle of another anon_vma: stays",             "AABBcc",   "mprotect 2+2 rw-",    "AADDcc",  "b=r--", .until = "6.15" },
	{ "unfaulted prev, middle of another than next",   "aaBBCC",   "mprotect 2+2 rw-",    "AAAACC",  "b=r--", .since = "6.16", .born = "aC" },
	{ "three anon_vmas: three VMAs",                   "AABBCC",   "mprotect 2+2 rw-",    "AADDCC",  "b=r--", .apart = "anon_vma anon_vma" },
	{ "head faulted joins an unfaulted prev",          "aaBBBB",   "mprotect 2+2 rw-",    "AAAABB",  "b=r--", .since = "6.16" },
	{ "head faulted, unfaulted prev: three",           "aaBBBB",   "mprotect 2+2 rw-",    "aaCCBB",  "b=r--", .until = "6.15" },
	{ "head unfaulted joins a faulted prev",           "AAbbbb",   "mprotect 2+2 rw-",    "AAAAbb",  "b=r--" },
	{ "tail faulted joins an unfaulted next",          "AAAAbb",   "mprotect 2+2 r--",    "AABBBB",  "b=r--", .since = "6.16" },
	{ "tail unfaulted joins a faulted next",           "aaaaBB",   "mprotect 2+2 r--",    "aaBBBB",  "b=r--" },
	{ "in a child: an inherited VMA splits and rejoins", "AAAA",   "fork; mprotect 2+2 r--; mprotect 2+2 rw-", "AAAA" },
	{ "in a child: unfaulted beside inherited: apart", "AAbb",     "fork; mprotect 2+2 rw-", "AAcc", "b=r--", .refused = "prev=anon_vma" },
	{ "fault of the middle takes next's anon_vma",     "AAbbCC",   "fault 2; mprotect 2+2 rw-", "AACCCC", "b=r--" },

	/* accounting */
	{ "accounted: read-only half loses it",            "aaaa",     "mprotect 2+2 r--",    "aabb", "a=account b=r--,unaccounted", .since = "6.7" },
	{ "accounted: read-only half keeps it",            "aaaa",     "mprotect 2+2 r--",    "aabb", "a=account b=r--,account", .until = "6.6" },
	{ "accounted: there and back",                     "aaaa",     "mprotect 2+2 r--; mprotect 2+2 rw-", "aaaa", "a=account" },
	{ "accounted, faulted: read-only keeps it",        "AAAA",     "mprotect 2+2 r--",    "AABB", "a=account b=r--,account" },
	{ "unfaulted rw beside r--: joins it",             "aabb",     "mprotect 2+2 r--",    "aaaa", "a=r--,unaccounted b=account", .since = "6.7" },
	{ "unfaulted rw beside r--: accounting sticks",    "aabb",     "mprotect 2+2 r--",    "aacc", "a=r--,unaccounted b=account c=r--,account", .until = "6.6", .refused = "prev=flags" },
	{ "faulted rw beside r--: accounting sticks",      "aaBB",     "mprotect 2+2 r--",    "aaCC", "a=r--,unaccounted b=account c=r--,account", .refused = "prev=flags", .apart = "flags" },
	{ "no access made writable is accounted",          "aa",       "mprotect 0+2 rw-",    "bb",   "a=---,unaccounted b=account" },
	{ "no access, part made writable and back",        "aaaa",     "mprotect 1+2 rw-; mprotect 1+2 ---", "aaaa", "a=---,unaccounted", .since = "6.7" },
	{ "no access, part made writable and back: stays", "aaaa",     "mprotect 1+2 rw-; mprotect 1+2 ---", "abbc", "a=---,unaccounted b=---,account c=---,unaccounted", .until = "6.6" },
	{ "private file: accounting stays for good",       "aa",       "mprotect 0+1 rw-; mprotect 0+1 r--", "bc", "a=file@0,r--,unaccounted b=file@0,r--,account c=file@1,r--,unaccounted" },
	{ "shared file is never accounted",                "aaaa",     "mprotect 1+2 rw-; mprotect 1+2 r--", "aaaa", "a=file@0,r--,shared,unaccounted" },
	{ "NORESERVE is never accounted",                  "aaaa",     "mprotect 1+2 rw-; mprotect 1+2 r--", "aaaa", "a=r--" },

	/* files, hooks, policies, names */
	{ "file: three become one",                        "aabbcc",   "mprotect 2+2 rw-",    "aaaaaa", "a=file@0 b=file@2,r-- c=file@4", .born = "a" },
	{ "file: offsets apart",                           "aabbcc",   "mprotect 2+2 rw-",    "aaddcc", "a=file@0 b=file@9,r-- c=file@4 d=file@9", .refused = "prev=pgoff next=pgoff" },
	{ "file: split counts offsets on",                 "aaaaaa",   "mprotect 2+2 r--",    "aabbcc", "a=file@4 b=file@6,r-- c=file@8" },
	{ "policy: apart",                                 "aabb",     "mprotect 2+2 rw-",    "aacc",   "a=policy b=r-- c=rw-", .refused = "prev=policy" },
	{ "policy: same value joins",                      "aabb",     "mprotect 2+2 rw-",    "aaaa",   "a=policy b=policy,r--" },
	{ "name: apart",                                   "aabb",     "mprotect 2+2 rw-",    "aacc",   "a=name b=r-- c=rw-", .refused = "prev=name" },
	{ "name: same one joins",                          "aabb",     "mprotect 2+2 rw-",    "aaaa",   "a=name b=name,r--" },
	{ "moved and faulted: pgoff keeps apart",          "aaBB",     "mprotect 2+2 rw-",    "aaCC",   "b=r--,@8 c=@8", .refused = "prev=pgoff" },
	{ "close hook: a whole VMA never goes",            "aaaa",     "mprotect 2+2 r--; mprotect 2+2 rw-", "aabb", "a=shm b=shm", .refused = "close-hook" },
	{ "close hook: head joins prev",                   "aaaa",     "mprotect 2+2 r--; mprotect 2+1 rw-", "aaab", "a=shm b=shm,r--", .since = "6.6" },
	{ "close hook: head stays",                        "aaaa",     "mprotect 2+2 r--; mprotect 2+1 rw-", "aacb", "a=shm b=shm,r-- c=shm", .until = "6.5" },
	{ "close hook: tail joins next",                   "aaaa",     "mprotect 0+2 r--; mprotect 1+1 rw-", "baaa", "a=shm b=shm,r--", .since = "6.12" },
	{ "close hook: tail stays",                        "aaaa",     "mprotect 0+2 r--; mprotect 1+1 rw-", "bcaa", "a=shm b=shm,r-- c=shm", .until = "6.11" },
	{ "guard flag does not keep apart",                "AAbb",     "mprotect 2+2 rw-",    "AAAA",   "a=GUARD b=r--", .since = "6.19" },
	{ "guard flag of the middle is passed on",         "aaBB",     "mprotect 2+2 rw-",    "CCCC",   "b=GUARD,r-- c=GUARD", .since = "6.19" },

	/* errors */
	{ "start between pages",                           "aaaa",     "mprotect 1:1+2 r-- = -EINVAL", "aaaa" },
	{ "no length: nothing, no error",                  "aaaa",     "mprotect 1+0 r--",    "aaaa" },
	{ "no length in a hole: no error",                 "....",     "mprotect 1+0 r--",    "...." },
	{ "length is rounded up",                          "aaaa",     "mprotect 1+0:1 r--",  "abcc",    "b=r--" },
	{ "unknown permission bit",                        "aaaa",     "mprotect 1+2 r-- badbit = -EINVAL", "aaaa" },
	{ "grows down and up",                             "aaaa",     "mprotect 1+2 r-- growsdown growsup = -EINVAL", "aaaa" },
	{ "grows down what does not",                      "aaaa",     "mprotect 1+2 r-- growsdown = -EINVAL", "aaaa" },
	{ "grows down: from the start of the VMA",         "aaaa",     "mprotect 2+1 r-- growsdown", "bbba", "a=GROWSDOWN b=r--,GROWSDOWN" },
	{ "shared, file not writable",                     "aaaa",     "mprotect 1+2 rw- = -EACCES", "aaaa", "a=ro@0,r--,shared" },
	{ "private, file not writable",                    "aaaa",     "mprotect 1+2 rw-",    "abbc", "a=ro@0,r-- b=ro@1 c=ro@3,r--" },
	{ "EACCES in the second VMA: the first is changed", "aabb",    "mprotect 0+4 rw- = -EACCES", "ccbb", "a=r-- b=ro@0,r--,shared c=rw-" },
	{ "sealed",                                        "aaaa",     "mprotect 1+2 r-- = -EPERM", "aaaa", "a=SEALED", .since = "6.10" },
	{ "sealed in the second VMA: the first is changed", "aabb",    "mprotect 0+4 r-- = -EPERM", "ccbb", "b=SEALED c=r--", .since = "6.12" },
	{ "sealed in the second VMA: nothing is changed",  "aabb",     "mprotect 0+4 r-- = -EPERM", "aabb", "b=SEALED", .since = "6.10", .until = "6.11" },
	{ "MDWE: exec is not gained",                      "aaaa",     "mdwe; mprotect 1+2 r-x = -EACCES", "aaaa", .since = "6.3" },
	{ "MDWE: exec is kept",                            "aaaa",     "mdwe; mprotect 1+2 --x", "abbc", "a=r-x b=--x c=r-x", .since = "6.3" },

	/* the limit: at it nothing splits, one below it one split succeeds */
	{ "at the limit: no split",                        "aaaa",     "limit 1; mprotect 1+2 r-- = -ENOMEM", "aaaa" },
	{ "at the limit: a whole VMA changes",             "aaaa",     "limit 1; mprotect 0+4 r--", "bbbb", "b=r--" },
	{ "at the limit: a boundary moves",                "aabb",     "limit 2; mprotect 1+1 r--", "abbb", "b=r--" },
	{ "at the limit: three become one",                "aabbcc",   "limit 3; mprotect 2+2 rw-", "aaaaaa", "b=r--" },
};
/* clang-format on */

LAYOUT_TESTS(protect)
