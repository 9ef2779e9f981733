/* SPDX-License-Identifier: MIT */
/*
 * test_unmap.c - munmap, and the descriptors of what is unmapped: first VMA, floor and ceiling of the page
 * tables, what is zapped, the tree's bound and reset. "none" is 0: no VMA below, no VMA above; "#2" is a
 * plain number.
 */
#include "layout.h"

/* clang-format off */
static const struct layout_case unmap[] = {
	/* what the row shows                              before      operation              after      exceptions */
	{ "hole punched in the middle",                    "aaaaaaa",  "munmap 3+2",          "aaa..bb", .born = "aa",
	  .unmap = "munmap first=3 floor=3 ceiling=5 vma=3-5 tree=#1 reset=#1" },
	{ "head trimmed",                                  "aaaa",     "munmap 0+2",          "..aa",
	  .unmap = "munmap first=0 floor=none ceiling=2 vma=0-2 tree=#1 reset=#1" },
	{ "tail trimmed",                                  "aaaa",     "munmap 2+2",          "aa..",
	  .unmap = "munmap first=2 floor=2 ceiling=none vma=2-4 tree=#1 reset=#1" },
	{ "whole VMA",                                     "aaaa",     "munmap 0+4",          "....",
	  .unmap = "munmap first=0 floor=none ceiling=none vma=0-4 tree=#1 reset=#1" },
	{ "whole VMA between holes",                       "aa..bb..cc", "munmap 4+2",        "aa......cc",
	  .unmap = "munmap first=4 floor=2 ceiling=8 vma=4-6 tree=#1 reset=#1" },
	{ "several VMAs",                                  "aabbccdd", "munmap 2+4",          "aa....dd", "b=r-- d=r--",
	  .unmap = "munmap first=2 floor=2 ceiling=6 vma=2-6 tree=#2 reset=#1" },
	{ "several VMAs with holes and halves",            "aa..bb..cc", "munmap 1+8",        "a........c",
	  .unmap = "munmap first=1 floor=1 ceiling=9 vma=1-9 tree=#3 reset=#1" },
	{ "more than is mapped",                           "..aa..",   "munmap 0+6",          "......",
	  .unmap = "munmap first=2 floor=none ceiling=none vma=0-6 tree=#1 reset=#1" },
	{ "nothing there",                                 "aa..bb",   "munmap 2+2",          "aa..bb", .unmap = "" },
	{ "nothing at all",                                "....",     "munmap 0+4",          "....", .unmap = "" },
	{ "no merge over the hole's edges",                "aaabbccc", "munmap 3+2",          "aaa..ccc", "b=r--" },
	{ "mmap over: the old goes first",                 "aaaaaa",   "mmap 2+2 r--",        "aabbcc", "b=r--", .since = "6.12",
	  .unmap = "munmap first=2 floor=2 ceiling=4 vma=2-4 tree=#1 reset=#1" },
	{ "mremap shrinks",                                "aaaa",     "mremap 0+4 2",        "aa..",
	  .unmap = "munmap first=2 floor=2 ceiling=none vma=2-4 tree=#1 reset=#1" },
	{ "mremap moves: the source goes last",            "aa......", "move 0+2 4",          "....aa..",
	  .unmap = "munmap first=0 floor=none ceiling=4 vma=0-2 tree=#1 reset=#1" },
	{ "mremap moves over something",                   "aa..bb",   "move 0+2 4",          "....aa", "b=r--",
	  .unmap = "munmap first=4 floor=2 ceiling=none vma=4-6 tree=#1 reset=#1; "
		   "munmap first=0 floor=none ceiling=4 vma=0-2 tree=#1 reset=#1" },
	{ "brk shrinks",                                   "......",   "brk 4; brk 2",        "aa....",
	  .unmap = "munmap first=2 floor=2 ceiling=none vma=2-4 tree=#1 reset=#1" },
	{ "a driver's hook fails",                         "aa....bb", "mmap 3+2 rw- driver@0 shared hook-fails", "aa....bb", .model_only = true,
	  .unmap = "failed first=3 floor=2 ceiling=6 vma=3-5 tree=6 reset=5" },
	{ "a driver's hook fails, nothing around",         "......",   "mmap 3+2 rw- driver@0 shared hook-fails", "......", .model_only = true,
	  .unmap = "failed first=3 floor=none ceiling=none vma=3-5 tree=none reset=5" },
	{ "a driver's hook fails over something",          "aaaaaa",   "mmap 2+2 rw- driver@0 shared hook-fails", "aa..bb", .model_only = true,
	  .unmap = "munmap first=2 floor=2 ceiling=4 vma=2-4 tree=#1 reset=#1; failed first=2 floor=2 ceiling=4 vma=2-4 tree=4 reset=4" },
	{ "the end of an address space",                   ".aa..bb",  "exit",                ".......",
	  .unmap = "exit first=1 floor=none ceiling=none vma=none-max tree=max reset=3" },
	{ "the end of an empty address space",             "....",     "exit",                "....", .unmap = "" },

	{ "between two VMAs that stay: the hole's neighbours", "aa..bb..cc..dd", "munmap 3+7",      "aa..........dd",
	  .unmap = "munmap first=4 floor=2 ceiling=12 vma=3-10 tree=#2 reset=#1" },
	{ "cut at both ends: the halves are the neighbours", "aaabbccc", "munmap 1+6",           "a......c", "b=r--",
	  .unmap = "munmap first=1 floor=1 ceiling=7 vma=1-7 tree=#3 reset=#1" },
	{ "mmap over several: unmapped once",              "aabbcc",   "mmap 1+4 --x",        "addddc", "b=r-- d=--x",
	  .unmap = "munmap first=1 floor=1 ceiling=5 vma=1-5 tree=#3 reset=#1" },
	{ "mmap over something, and joined with what stays", "aabbcc", "mmap 2+2 rw-",        "aaaaaa", "b=r--",
	  .unmap = "munmap first=2 floor=2 ceiling=4 vma=2-4 tree=#1 reset=#1" },
	{ "mremap shrinks over a hole: as munmap",         "aaaa..bb", "mremap 0+8 2",        "aa......",
	  .unmap = "munmap first=2 floor=2 ceiling=none vma=2-8 tree=#2 reset=#1" },
	{ "the end: the walk restarts at the first VMA's end", "aaa.bcc", "munmap 5+1; exit",    ".......", "b=r--",
	  .unmap = "munmap first=5 floor=5 ceiling=6 vma=5-6 tree=#1 reset=#1; exit first=0 floor=none ceiling=none vma=none-max tree=max reset=3" },

	{ "no length",                                     "aaaa",     "munmap 1+0 = -EINVAL", "aaaa" },
	{ "between pages",                                 "aaaa",     "munmap 1:1+1 = -EINVAL", "aaaa" },
	{ "length is rounded up",                          "aaaa",     "munmap 1+0:1",        "a.bb" },
	{ "too long",                                      "aaaa",     "munmap 1+max = -EINVAL", "aaaa" },
	{ "sealed",                                        "aaaa",     "munmap 1+2 = -EPERM", "aaaa", "a=SEALED", .since = "6.10" },
	{ "sealed, later in the range: nothing happens",   "aabb",     "munmap 1+2 = -EPERM", "aabb", "b=SEALED", .since = "6.10", .until = "6.11" },
	{ "sealed, later in the range: a split stays",     "aabb",     "munmap 1+2 = -EPERM", "acbb", "b=SEALED", .since = "6.12" },
	{ "faulted halves keep their anon_vma",            "AAAAAA",   "munmap 2+2; mmap 2+2 rw-", "AAAAAA" },
	{ "a file's second half starts later",             "aaaaaa",   "munmap 2+2",          "aa..bb", "a=file@4 b=file@8" },
	{ "a segment loses its middle",                    "aaaa",     "munmap 1+2",          "a..b", "a=shm b=shm" },
	{ "shmdt takes all pieces",                        "aaaa",     "mprotect 1+2 r--; shmdt 0", "....", "a=shm" },
	{ "shmdt of something else",                       "aaaa",     "shmdt 0 = -EINVAL",   "aaaa" },
	{ "accounted pieces stay accounted",               "aaaa",     "munmap 1+2",          "a..b", "a=account b=account" },
	{ "the lower piece of a stack goes",               "aaaa",     "munmap 0+2",          "..aa", "a=GROWSDOWN" },
	{ "at the limit: no hole in the middle",           "aaaa",     "limit 1; munmap 1+2 = -ENOMEM", "aaaa" },
	{ "at the limit: head",                            "aaaa",     "limit 1; munmap 0+2", "..aa" },
	{ "at the limit: tail",                            "aaaa",     "limit 1; munmap 2+2", "aa.." },
	{ "at the limit: halves of two",                   "aabb",     "limit 2; munmap 1+2", "a..b", "b=r--" },
};
/* clang-format on */

LAYOUT_TESTS(unmap)
