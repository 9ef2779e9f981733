/* SPDX-License-Identifier: MIT */
/*
 * test_attributes.c - policies, names, userfaultfd, sealing, fork.
 */
#include "layout.h"

/* clang-format off */
static const struct layout_case attributes[] = {
	/* what the row shows                              before      operation              after      exceptions */
	{ "mbind splits",                                  "aaaa",     "mbind 1+2 1",         "abbc",   "b=policy", .apart = "policy policy" },
	{ "mbind heals",                                   "aabbcc",   "mbind 2+2 0",         "aaaaaa", "b=policy", .born = "a" },
	{ "mbind to the neighbour's policy joins",         "aabb",     "mbind 2+2 1",         "aaaa",   "a=policy" },
	{ "mbind to the same policy: nothing",             "aabb",     "mbind 2+1 1",         "aabb",   "b=policy" },
	{ "two policies side by side",                     "aaaa",     "mbind 0+2 1; mbind 2+2 2", "ccdd", "c=policy d=policy2" },
	{ "a policy survives mprotect",                    "aaaa",     "mprotect 1+2 r--; mprotect 1+2 rw-", "aaaa", "a=policy" },

	{ "a name splits",                                 "aaaa",     "name 1+2 1",          "abbc",   "b=name", .apart = "name name" },
	{ "a name taken away heals",                       "aabbcc",   "name 2+2 0",          "aaaaaa", "b=name", .born = "a" },
	{ "the neighbour's name joins",                    "aabb",     "name 2+2 1",          "aaaa",   "a=name" },
	{ "another name does not",                         "aabb",     "name 2+2 2",          "aacc",   "a=name c=name2", .refused = "prev=name" },
	{ "a name of a file",                              "aaaa",     "name 1+2 1 = -EBADF", "aaaa",   "a=file@0" },

	{ "userfaultfd splits",                            "aaaa",     "uffd 1+2",            "abbc",   "b=uffd", .apart = "flags flags" },
	{ "userfaultfd taken away heals",                  "aaaa",     "uffd 1+2; unuffd 1+2", "aaaa" },
	{ "the neighbour's userfaultfd joins",             "aabb",     "uffd 2+2",            "aaaa",   "a=uffd" },
	{ "another userfaultfd does not",                  "aabb",     "uffd2 2+2",           "aacc",   "a=uffd c=uffd2", .refused = "prev=userfaultfd", .apart = "userfaultfd" },
	{ "userfaultfd over two VMAs",                     "aabb",     "uffd 1+2",            "acdb",   "b=r-- c=uffd d=uffd,r--" },
	{ "userfaultfd of the whole VMA",                  "aaaa",     "uffd 0+4",            "bbbb",   "b=uffd" },
	{ "a child's memory has none",                     "aa",       "fork",                "bb",     "a=uffd" },

	{ "mseal splits",                                  "aaaa",     "mseal 1+2",           "abbc",   "b=SEALED", .since = "6.10" },
	{ "mseal over a hole: nothing",                    "aa..bb",   "mseal 0+6 = -ENOMEM", "aa..bb", "c=SEALED", .since = "6.10" },
	{ "mseal joins sealed memory",                     "aabb",     "mseal 2+2",           "aaaa",   "a=SEALED", .since = "6.10" },
	{ "mseal twice: nothing",                          "aaaa",     "mseal 1+2; mseal 1+2", "abbc",  "b=SEALED", .since = "6.10" },
	{ "mseal between pages",                           "aaaa",     "mseal 1:1+2 = -EINVAL", "aaaa", .since = "6.10" },
	{ "sealed memory is locked",                       "aaaa",     "mlock2 1+2",          "abbc",   "a=SEALED b=SEALED,LOCKONFAULT c=SEALED", .since = "6.10" },
	{ "sealed memory is faulted",                      "aaaa",     "fault 1",             "AAAA",   "a=SEALED", .since = "6.10" },

	{ "fork leaves out DONTFORK",                      "aabbcc",   "fork",                "aa..cc", "b=DONTFORK" },
	{ "fork empties WIPEONFORK: merges like new",      "AA..",     "fork; mmap 2+2 rw-; madvise 2+2 WIPEONFORK", "aaaa", "a=WIPEONFORK" },
	{ "look-alikes after fork are healed by a change", "aabb",     "fork; mprotect 2+2 r--; mprotect 2+2 rw-", "aaaa", "b=LOCKONFAULT" },
	{ "fork keeps seals",                              "aaaa",     "fork; munmap 0+1 = -EPERM", "aaaa", "a=SEALED", .since = "6.10" },
	{ "fork keeps policies and names",                 "aabb",     "fork",                "aabb",   "a=policy b=name" },
	{ "fork keeps advice",                             "aabb",     "fork",                "aabb",   "a=RANDOM b=HUGEPAGE" },
};
/* clang-format on */

LAYOUT_TESTS(attributes)
