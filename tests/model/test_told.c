/* SPDX-License-Identifier: MIT */
/* clang-format off */
/*
 * test_told.c - what the model tells beside the layout: every merge attempt with its reasons, every unmapping
 * with its descriptor, what was undetermined, what is to be asked before a call, and why two neighbours are two.
 *
 * A row: VMAs before, one operation under one release, and all that is told, in order. Pages count from 1 GiB.
 *
 *   VMAs    "0-4 rw a1, 6-8 r f2": [0, 4) readable and writable with anon_vma 1; [6, 8) of file 2. Words: r w x,
 *           aN fN uN nN pN (anon_vma, file, userfaultfd, name, policy), oN pgoff, unsure, forked, shm, special, flags by
 *           name. Without o the pgoff is the address, a file's the page's number.
 *   files   2 and 3 are one inode, either of which may be the other (3 is unsure); 4 is on another major device, 8
 *           on another minor; 5 is another inode; 6 has a close hook; 7 is a driver's
 *   op      "munmap 1+2", "mmap 4+2 rw", "mmap 4+2 r f2@4 = -5", "mprotect 1+2 r", "exit"; "raw NR REGISTER...":
 *           any call; "why 0 4": why are the VMAs at 0 and at 4 two; "asks OP": what is to be asked before it
 *   told    "CALLER 4-6 LEFT RIGHT[ merged]", the bits after flags/; "CALLER call NR/SYSCALL: counts | descriptor
 *           left I J", the iterator's index after each walk; "? N": undetermined; "=>" the VMAs after it
 */
/* clang-format on */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "../trace/check.h"
#include "vmascope/model.h"

#define BASE	     (UINT64_C(1) << 30)
#define PAGE(n)	     (BASE + (n)*VMSC_PAGE_SIZE)
#define NUMBER(addr) ((addr) < BASE ? (addr) : ((addr)-BASE) / VMSC_PAGE_SIZE)

struct row {
	const char *name;
	unsigned int major, minor;
	const char *before, *op, *told;
};

static const struct row rows[] = {
	/* clang-format off */
	{ "both join", 7, 0,
	  "0-4 rw account, 6-8 rw account", "mmap 4+2 rw",
	  "mmap_region 4-6 joins joins merged => 0-8:100003" },
	{ "only prev", 7, 0,
	  "0-4 rw account, 6-8 r", "mmap 4+2 rw",
	  "mmap_region 4-6 joins flags/100002 merged => 0-6:100003 6-8:1" },
	{ "only next", 7, 0,
	  "0-4 r, 6-8 rw account", "mmap 4+2 rw",
	  "mmap_region 4-6 flags/100002 joins merged => 0-4:1 4-8:100003" },
	{ "neither: the bits of both sides", 7, 0,
	  "0-4 r, 6-8 rw account x", "mmap 4+2 rw",
	  "mmap_region 4-6 flags/100002 flags/4 => 0-4:1 4-6:100003 6-8:100007" },
	{ "special memory never", 7, 0,
	  "0-4 rw, 4-8 r io", "why 0 4",
	  "why special" },
	{ "policy before flags", 7, 0,
	  "0-4 rw account p1, 6-8 rw account", "mmap 4+2 rw",
	  "mmap_region 4-6 policy joins merged => 0-4:100003 4-8:100003" },
	{ "userfaultfd keeps a new mapping apart", 7, 0,
	  "0-4 rw account u1, 6-8 rw account u1", "mmap 4+2 rw",
	  "mmap_region 4-6 userfaultfd userfaultfd => 0-4:100003 4-6:100003 6-8:100003" },
	{ "a name keeps it apart", 7, 0,
	  "0-4 rw account n1, 6-8 rw account n2", "mmap 4+2 rw",
	  "mmap_region 4-6 name name => 0-4:100003 4-6:100003 6-8:100003" },
	{ "pgoff keeps it apart", 7, 0,
	  "0-4 rw account o7, 6-8 rw account", "mmap 4+2 rw",
	  "mmap_region 4-6 pgoff joins merged => 0-4:100003 4-8:100003" },
	{ "userfaultfd goes with a VMA that is modified", 7, 0,
	  "0-2 r u1, 2-4 rw u1, 4-6 r u1", "mprotect 2+2 r",
	  "modify 2-4 joins joins merged => 0-6:1" },
	{ "userfaultfd of another: not", 7, 0,
	  "0-2 r u2, 2-4 rw u1, 4-6 r u1", "mprotect 2+2 r",
	  "modify 2-4 userfaultfd joins merged => 0-2:1 2-6:1" },
	{ "two anon_vmas around a hole", 7, 0,
	  "0-4 rw account a1, 6-8 rw account a2", "mmap 4+2 rw",
	  "mmap_region 4-6 joins anon_vma merged => 0-6:100003a1 6-8:100003a2" },
	{ "two anon_vmas, one a guess: undetermined", 7, 0,
	  "0-4 rw account a1 unsure, 6-8 rw account a2", "mmap 4+2 rw",
	  "mmap_region 4-6 joins anon_vma merged; ? 1 => 0-6:100003a1 6-8:100003a2" },
	{ "two anon_vmas, the other a guess", 7, 0,
	  "0-4 rw account a1, 6-8 rw account a2 unsure", "mmap 4+2 rw",
	  "mmap_region 4-6 joins anon_vma merged; ? 1 => 0-6:100003a1 6-8:100003a2" },
	{ "two anon_vmas around a hole, next first", 6, 1,
	  "0-4 rw account a1, 6-8 rw account a2", "mmap 4+2 rw",
	  "mmap_region 4-6 anon_vma joins merged => 0-4:100003a1 4-8:100003a2" },
	{ "the same, prev a guess", 6, 1,
	  "0-4 rw account a1 unsure, 6-8 rw account a2", "mmap 4+2 rw",
	  "mmap_region 4-6 anon_vma joins merged; ? 1 => 0-4:100003a1 4-8:100003a2" },
	{ "the same, next a guess", 6, 1,
	  "0-4 rw account a1, 6-8 rw account a2 unsure", "mmap 4+2 rw",
	  "mmap_region 4-6 anon_vma joins merged; ? 1 => 0-4:100003a1 4-8:100003a2" },
	{ "next first: prev has none, a guess decides nothing", 6, 1,
	  "0-4 rw account unsure, 6-8 rw account a2 unsure", "mmap 4+2 rw",
	  "mmap_region 4-6 anon_vma joins merged => 0-4:100003 4-8:100003a2" },
	{ "next first: prev of another kind, a guess decides nothing", 6, 1,
	  "0-4 r a1 unsure, 6-8 rw account a2 unsure", "mmap 4+2 rw",
	  "mmap_region 4-6 flags/100002 joins merged => 0-4:1a1 4-8:100003a2" },
	{ "next first: next refuses, so prev is not asked about it", 6, 1,
	  "0-4 rw account a1 unsure, 6-8 r a2 unsure", "mmap 4+2 rw",
	  "mmap_region 4-6 joins flags/100002 merged => 0-6:100003a1 6-8:1a2" },
	{ "next first: forked prev refuses what has none", 6, 1,
	  "0-4 rw account a1 forked, 6-8 r", "mmap 4+2 rw",
	  "mmap_region 4-6 anon_vma flags/100002 => 0-4:100003a1 4-6:100003 6-8:1" },
	{ "two anon_vmas meet by mprotect", 7, 0,
	  "0-2 r a1, 2-4 rw a2, 4-6 rw a3", "mprotect 2+2 r",
	  "modify 2-4 anon_vma flags/2 => 0-2:1a1 2-4:1a2 4-6:3a3" },
	{ "two anon_vmas meet by mprotect, one a guess", 7, 0,
	  "0-2 r a1 unsure, 2-4 rw a2, 4-6 rw a3", "mprotect 2+2 r",
	  "modify 2-4 anon_vma flags/2; ? 1 => 0-2:1a1 2-4:1a2 4-6:3a3" },
	{ "the middle's is the guess", 7, 0,
	  "0-2 r a1, 2-4 rw a2 unsure, 4-6 rw a3", "mprotect 2+2 r",
	  "modify 2-4 anon_vma flags/2; ? 1 => 0-2:1a1 2-4:1a2 4-6:3a3" },
	{ "a guess beside none decides nothing", 7, 0,
	  "0-2 r unsure, 2-4 rw a2 unsure forked, 4-6 rw a3", "mprotect 2+2 r",
	  "modify 2-4 anon_vma flags/2 => 0-2:1 2-4:1a2 4-6:3a3" },
	{ "middle without, both neighbours with two: next stays", 7, 0,
	  "0-2 r a1, 2-4 rw, 4-6 r a2", "mprotect 2+2 r",
	  "modify 2-4 joins anon_vma merged => 0-4:1a1 4-6:1a2" },
	{ "the same, a guess", 7, 0,
	  "0-2 r a1 unsure, 2-4 rw, 4-6 r a2", "mprotect 2+2 r",
	  "modify 2-4 joins anon_vma merged; ? 1 => 0-4:1a1 4-6:1a2" },
	{ "the same, the other a guess", 7, 0,
	  "0-2 r a1, 2-4 rw, 4-6 r a2 unsure", "mprotect 2+2 r",
	  "modify 2-4 joins anon_vma merged; ? 1 => 0-4:1a1 4-6:1a2" },
	{ "one anon_vma on both sides: all three", 7, 0,
	  "0-2 r a1, 2-4 rw a1, 4-6 r a1", "mprotect 2+2 r",
	  "modify 2-4 joins joins merged => 0-6:1a1" },
	{ "one inode, perhaps one open file: undetermined", 7, 0,
	  "0-4 r f2, 6-8 r f3", "mmap 4+2 r f2@4",
	  "mmap_region 4-6 joins file merged; ? 2 => 0-6:1 6-8:1" },
	{ "another inode is another file", 7, 0,
	  "0-4 r f5, 6-8 r f2", "mmap 4+2 r f2@4",
	  "mmap_region 4-6 file joins merged => 0-4:1 4-8:1" },
	{ "another major device", 7, 0,
	  "0-4 r f4, 6-8 r f2", "mmap 4+2 r f2@4",
	  "mmap_region 4-6 file joins merged => 0-4:1 4-8:1" },
	{ "another minor device", 7, 0,
	  "0-4 r f8, 6-8 r f2", "mmap 4+2 r f2@4",
	  "mmap_region 4-6 file joins merged => 0-4:1 4-8:1" },
	{ "perhaps one file, but the flags differ: determined", 7, 0,
	  "0-4 rw f3, 6-8 r f2", "mmap 4+2 r f2@4",
	  "mmap_region 4-6 flags/2 joins merged => 0-4:3 4-8:1" },
	{ "perhaps one file, but the offset differs: determined", 7, 0,
	  "0-4 r f3 o9, 6-8 r f2", "mmap 4+2 r f2@4",
	  "mmap_region 4-6 pgoff joins merged => 0-4:1 4-8:1" },
	{ "a close hook: next can't be removed", 7, 0,
	  "0-4 r f6, 6-8 r f6", "mmap 4+2 r f6@4",
	  "mmap_region 4-6 joins close-hook merged => 0-6:1 6-8:1" },
	{ "a close hook beside: prev takes the new range", 7, 0,
	  "0-4 r f6, 6-8 r", "mmap 4+2 r f6@4",
	  "mmap_region 4-6 joins file merged => 0-6:1 6-8:1" },
	{ "a close hook by 6.6: prev may, next may not", 6, 6,
	  "0-4 r f6, 6-8 r f6", "mmap 4+2 r f6@4",
	  "mmap_region 4-6 joins close-hook merged => 0-6:1 6-8:1" },
	{ "a close hook by 6.1: neither", 6, 1,
	  "0-4 r f6, 6-8 r f6", "mmap 4+2 r f6@4",
	  "mmap_region 4-6 close-hook close-hook => 0-4:1 4-6:1 6-8:1" },
	{ "a whole VMA with a close hook is not removed", 7, 0,
	  "0-2 r f6, 2-4 rw f6, 4-6 r f6", "mprotect 2+2 r",
	  "modify 2-4 close-hook close-hook => 0-2:1 2-4:1 4-6:1" },
	{ "a part of one moves its border", 7, 0,
	  "0-2 r f6, 2-4 rw f6, 4-6 r f6", "mprotect 2+1 r",
	  "modify 2-3 joins not-adjacent merged => 0-3:1 3-4:3 4-6:1" },
	{ "its other border", 7, 0,
	  "0-2 r f6, 2-4 rw f6, 4-6 r f6", "mprotect 3+1 r",
	  "modify 3-4 not-adjacent joins merged => 0-2:1 2-3:3 3-6:1" },
	{ "only one neighbour would take it", 7, 0,
	  "0-2 r f6, 2-4 rw f6, 4-6 x f6", "mprotect 2+2 r",
	  "modify 2-4 close-hook flags/5 => 0-2:1 2-4:1 4-6:4" },
	{ "only the other would", 7, 0,
	  "0-2 x f6, 2-4 rw f6, 4-6 r f6", "mprotect 2+2 r",
	  "modify 2-4 flags/5 close-hook => 0-2:4 2-4:1 4-6:1" },
	{ "modified: left only", 7, 0,
	  "0-2 r, 2-4 rw, 4-6 x", "mprotect 2+2 r",
	  "modify 2-4 joins flags/5 merged => 0-4:1 4-6:4" },
	{ "modified: right only", 7, 0,
	  "0-2 x, 2-4 rw, 4-6 r", "mprotect 2+2 r",
	  "modify 2-4 flags/5 joins merged => 0-2:4 2-6:1" },
	{ "modified: both", 7, 0,
	  "0-2 r, 2-4 rw, 4-6 r", "mprotect 2+2 r",
	  "modify 2-4 joins joins merged => 0-6:1" },
	{ "modified: none", 7, 0,
	  "0-2 x, 2-4 rw, 4-6 x", "mprotect 2+2 r",
	  "modify 2-4 flags/5 flags/5 => 0-2:4 2-4:1 4-6:4" },
	{ "why: flags and which", 7, 0,
	  "0-4 rw, 4-8 rw dontdump", "why 0 4",
	  "why flags/4000000" },
	{ "why: not adjacent", 7, 0,
	  "0-4 rw, 5-8 rw", "why 0 5",
	  "why not-adjacent" },
	{ "why: nothing keeps them apart", 7, 0,
	  "0-4 rw, 4-8 rw", "why 0 4",
	  "why joins" },
	{ "why: a close hook", 7, 0,
	  "0-4 rw f6, 4-8 rw f6", "why 0 4",
	  "why close-hook" },
	{ "why: flags come before the close hook", 7, 0,
	  "0-4 r f6, 4-8 rw f6", "why 0 4",
	  "why flags/2" },
	{ "why: the hook of prev alone is none of its business", 7, 0,
	  "0-4 rw f6, 4-8 rw", "why 0 4",
	  "why file" },
	{ "why: two anon_vmas", 7, 0,
	  "0-4 rw a1, 4-8 rw a2", "why 0 4",
	  "why anon_vma" },
	{ "why: one anon_vma", 7, 0,
	  "0-4 rw a1, 4-8 rw a1", "why 0 4",
	  "why joins" },
	{ "why: faulted and not", 7, 0,
	  "0-4 rw a1, 4-8 rw", "why 0 4",
	  "why joins" },
	{ "why: not and faulted", 7, 0,
	  "0-4 rw, 4-8 rw a1", "why 0 4",
	  "why joins" },
	{ "why: not and faulted, forked", 7, 0,
	  "0-4 rw, 4-8 rw a1 forked", "why 0 4",
	  "why anon_vma" },
	{ "why: faulted, forked, and not", 7, 0,
	  "0-4 rw a1 forked, 4-8 rw", "why 0 4",
	  "why anon_vma" },
	{ "why: not and faulted, the older rule", 6, 1,
	  "0-4 rw, 4-8 rw a1", "why 0 4",
	  "why joins" },
	{ "why: faulted and not, the older rule", 6, 1,
	  "0-4 rw a1, 4-8 rw", "why 0 4",
	  "why joins" },
	{ "why: pgoff", 7, 0,
	  "0-4 rw o9, 4-8 rw", "why 0 4",
	  "why pgoff" },
	{ "why: a sticky flag is none", 7, 0,
	  "0-4 rw guard, 4-8 rw", "why 0 4",
	  "why joins" },
	{ "why: before it was sticky it was one", 6, 18,
	  "0-4 rw guard, 4-8 rw", "why 0 4",
	  "why flags/800" },
	{ "unmap: all of one", 7, 0,
	  "0-2 rw account, 2-4 r, 4-6 rw account", "munmap 2+2",
	  "vms_clear_ptes call 5/11: vmas 1 pages 2 accounted 0 splits 0 runs 1"
	  " | side first 2 pg 2-4 vma 2-4 tree 1/1 read left 1 1 => 0-2:100003 4-6:100003" },
	{ "unmap: three VMAs in one run", 7, 0,
	  "0-2 rw account, 2-4 r, 4-6 rw account", "munmap 0+6",
	  "vms_clear_ptes call 5/11: vmas 3 pages 6 accounted 4 splits 0 runs 1"
	  " | side first 0 pg 0-0 vma 0-6 tree 3/1 read left 2 2 =>" },
	{ "unmap: both ends are split", 7, 0,
	  "0-2 rw account, 2-4 r, 4-6 rw account", "munmap 1+4",
	  "vms_clear_ptes call 5/11: vmas 3 pages 4 accounted 2 splits 2 runs 1"
	  " | side first 1 pg 1-5 vma 1-5 tree 3/1 read left 2 2 => 0-1:100003 5-6:100003" },
	{ "unmap: the inside of one", 7, 0,
	  "0-8 rw account", "munmap 2+3",
	  "vms_clear_ptes call 5/11: vmas 1 pages 3 accounted 3 splits 2 runs 1"
	  " | side first 2 pg 2-5 vma 2-5 tree 1/1 read left 1 1 => 0-2:100003 5-8:100003" },
	{ "unmap: nothing there", 7, 0,
	  "0-2 rw, 6-8 rw", "munmap 3+2",
	  " => 0-2:3 6-8:3" },
	{ "unmap: up to where a VMA begins", 7, 0,
	  "0-2 rw, 4-6 rw", "munmap 1+3",
	  "vms_clear_ptes call 5/11: vmas 1 pages 1 accounted 0 splits 1 runs 1"
	  " | side first 1 pg 1-4 vma 1-4 tree 1/1 read left 1 1 => 0-1:3 4-6:3" },
	{ "unmap: a PTE table's reach apart is one run", 7, 0,
	  "0-1 rw, 513-514 rw, 2000-2001 rw", "munmap 0+514",
	  "vms_clear_ptes call 5/11: vmas 2 pages 2 accounted 0 splits 0 runs 1"
	  " | side first 0 pg 0-2000 vma 0-514 tree 2/1 read left 1 1 => 2000-2001:3" },
	{ "unmap: a page more is two", 7, 0,
	  "0-1 rw, 514-515 rw, 2000-2001 rw", "munmap 0+515",
	  "vms_clear_ptes call 5/11: vmas 2 pages 2 accounted 0 splits 0 runs 2"
	  " | side first 0 pg 0-2000 vma 0-515 tree 2/1 read left 1 1 => 2000-2001:3" },
	{ "unmap: a run of three in two", 7, 0,
	  "0-1 rw, 2-3 rw, 600-601 rw", "munmap 0+601",
	  "vms_clear_ptes call 5/11: vmas 3 pages 3 accounted 0 splits 0 runs 2"
	  " | side first 0 pg 0-0 vma 0-601 tree 3/1 read left 2 2 =>" },
	{ "unmap: of nothing is an error", 7, 0,
	  "0-1 rw", "munmap 0+0",
	  "= -22 => 0-1:3" },
	{ "unmap: an mmap over it", 7, 0,
	  "0-2 rw account, 2-4 r, 4-6 rw account", "mmap 1+4 r",
	  "vms_clear_ptes call 5/9: vmas 3 pages 4 accounted 2 splits 2 runs 1"
	  " | side first 1 pg 1-5 vma 1-5 tree 3/1 write left 2 2; mmap_region 1-5 flags/100002 flags/100002"
	  " => 0-1:100003 1-5:1 5-6:100003" },
	{ "unmap: a driver refused", 7, 0,
	  "0-2 rw, 4-6 rw", "mmap 2+2 r f7@0 = -5",
	  "unmap_region call 5/9: vmas 1 pages 2 accounted 0 splits 0 runs 1"
	  " | mm first 2 pg 2-4 vma 2-4 tree 4/4 write left 4 4; ? 4 => 0-2:3 4-6:3" },
	{ "unmap: a driver refused, nothing around", 7, 0,
	  "", "mmap 2+3 r f7@0 = -5",
	  "unmap_region call 5/9: vmas 1 pages 3 accounted 0 splits 0 runs 1"
	  " | mm first 2 pg 0-0 vma 2-5 tree 0/5 write left 5 5; ? 4 =>" },
	{ "exit: accounted pages only of those", 7, 0,
	  "0-2 rw account, 2-4 r, 4-6 rw account, 600-601 rw account", "exit",
	  "exit_mmap call 0/0: vmas 4 pages 7 accounted 5 splits 0 runs 2 | mm first 0 pg 0-0 vma 0-0 tree 0/2 read left 601 601" },
	{ "exit: one", 7, 0,
	  "3-5 r", "exit",
	  "exit_mmap call 0/0: vmas 1 pages 2 accounted 0 splits 0 runs 1 | mm first 3 pg 0-0 vma 0-0 tree 0/5 read left 5 5" },
	{ "a new mapping in a sticky VMA", 7, 0,
	  "0-4 rw account guard, 6-8 rw account softdirty", "mmap 4+2 rw",
	  "mmap_region 4-6 joins joins merged => 0-8:8100803" },
	{ "sticky flags of all three", 7, 0,
	  "0-4 rw account, 6-8 rw account guard", "mmap 4+2 rw",
	  "mmap_region 4-6 joins joins merged => 0-8:100803" },
	{ "sticky flags by modifying", 7, 0,
	  "0-2 r, 2-4 rw guard, 4-6 r softdirty", "mprotect 2+2 r",
	  "modify 2-4 joins joins merged => 0-6:8000801" },
	{ "mprotect sets the flags of what it was asked for", 6, 18,
	  "0-2 r, 2-4 rw softdirty, 4-6 r", "mprotect 2+2 r",
	  "modify 2-4 joins joins merged => 0-6:8000001" },
	{ "a new mapping takes prev's anon_vma by itself", 7, 0,
	  "0-4 rw account a3, 6-8 r", "mmap 4+2 rw",
	  "mmap_region 4-6 joins flags/100002 merged => 0-6:100003a3 6-8:1" },
	{ "and next's", 7, 0,
	  "0-4 r, 6-8 rw account a3", "mmap 4+2 rw",
	  "mmap_region 4-6 flags/100002 joins merged => 0-4:1 4-8:100003a3" },
	{ "the anon_vma of next goes to prev", 7, 0,
	  "0-4 rw account, 6-8 rw account a3", "mmap 4+2 rw",
	  "mmap_region 4-6 joins joins merged => 0-8:100003a3" },
	{ "the whole top", 7, 0,
	  "0-2 rw", "munmap 0+1",
	  "vms_clear_ptes call 5/11: vmas 1 pages 1 accounted 0 splits 1 runs 1"
	  " | side first 0 pg 0-1 vma 0-1 tree 1/1 read left 1 1 => 1-2:3" },
	{ "the end of the address space: 34359476223+1", 7, 0,
	  "0-2 rw", "munmap 34359476223+1",
	  "= -22"
	  " => 0-2:3" },
	{ "the end of the address space: 34359476223+2", 7, 0,
	  "0-2 rw", "munmap 34359476223+2",
	  "= -22"
	  " => 0-2:3" },
	{ "the end of the address space: 34359476224+1", 7, 0,
	  "0-2 rw", "munmap 34359476224+1",
	  "= -22"
	  " => 0-2:3" },
	{ "the end of the address space: 0+34359476223", 7, 0,
	  "0-2 rw", "munmap 0+34359476223",
	  "vms_clear_ptes call 5/11: vmas 1 pages 2 accounted 0 splits 0 runs 1"
	  " | side first 0 pg 0-0 vma 0-34359476223 tree 1/1 read left 1 1 =>" },
	{ "the end of the address space: 0+34359476224", 7, 0,
	  "0-2 rw", "munmap 0+34359476224",
	  "= -22"
	  " => 0-2:3" },
	{ "asks: an unmapping cuts at both ends", 7, 0,
	  "0-4 rw, 4-8 r, 8-12 rw", "asks raw 11 @2 #8",
	  "0-4 8-12 stays 2-10" },
	{ "asks: an unmapping cuts one twice", 7, 0,
	  "0-12 rw", "asks raw 11 @2 #8",
	  "0-12 stays 2-10" },
	{ "asks: whole VMAs go without a question", 7, 0,
	  "0-4 rw, 4-8 r, 8-12 rw", "asks raw 11 @0 #12",
	  "goes 0-12" },
	{ "asks: what has an anon_vma is known", 7, 0,
	  "0-4 rw a1, 4-8 rw", "asks raw 11 @2 #4",
	  "4-8 stays 2-6" },
	{ "asks: a mapping over cuts", 7, 0,
	  "0-4 rw, 4-8 r, 8-12 rw", "asks raw 9 @2 #8 3 0x32 -1 0",
	  "0-4 8-12 stays 2-10" },
	{ "asks: a mapping between two that are alike", 7, 0,
	  "0-4 rw account, 6-8 rw account", "asks raw 9 @4 #2 3 0x32 -1 0",
	  "0-4 6-8" },
	{ "asks: between two that are not", 7, 0,
	  "0-4 rw, 6-8 r", "asks raw 9 @4 #2 3 0x32 -1 0",
	  "" },
	{ "asks: with a hole beside", 7, 0,
	  "0-4 rw, 7-8 rw", "asks raw 9 @4 #2 3 0x32 -1 0",
	  "" },
	{ "asks: of no length", 7, 0,
	  "0-4 rw, 4-8 r, 8-12 rw", "asks raw 9 @4 0 3 0x32 -1 0",
	  "" },
	{ "asks: modified parts and the neighbours", 7, 0,
	  "0-4 rw, 4-8 r, 8-12 rw", "asks raw 10 @4 #4 3",
	  "0-4 8-12" },
	{ "asks: modified, the neighbours are elsewhere", 7, 0,
	  "0-3 rw, 4-8 rw, 9-12 rw", "asks raw 10 @4 #4 1",
	  "4-8" },
	{ "asks: modified, nothing there", 7, 0,
	  "0-4 rw, 4-8 r, 8-12 rw", "asks raw 10 @13 #4 1",
	  "" },
	{ "asks: mlock rounds both ways", 7, 0,
	  "0-4 rw, 4-8 r, 8-12 rw", "asks raw 149 0x40003800 0x1000",
	  "0-4" },
	{ "asks: munlockall, fork, clone: all", 7, 0,
	  "0-4 rw, 4-8 r, 8-12 rw", "asks raw 152",
	  "0-4 8-12" },
	{ "asks: fork", 7, 0,
	  "0-4 rw, 4-8 r, 8-12 rw", "asks raw 57",
	  "0-4 8-12" },
	{ "asks: clone without CLONE_VM", 7, 0,
	  "0-4 rw, 4-8 r, 8-12 rw", "asks raw 56 0x11",
	  "0-4 8-12" },
	{ "asks: a thread", 7, 0,
	  "0-4 rw, 4-8 r, 8-12 rw", "asks raw 56 0x3d0f00",
	  "" },
	{ "asks: a name", 7, 0,
	  "0-4 rw, 4-8 r, 8-12 rw", "asks raw 157 0x53564d41 0 @4 #4",
	  "0-4 8-12" },
	{ "asks: another prctl", 7, 0,
	  "0-4 rw, 4-8 r, 8-12 rw", "asks raw 157 15 0 @4 #4",
	  "" },
	{ "asks: userfaultfd", 7, 0,
	  "0-4 rw, 4-8 r, 8-12 rw", "asks raw 16 3 0xc020aa00 range 4-8",
	  "0-4 8-12" },
	{ "asks: another ioctl", 7, 0,
	  "0-4 rw, 4-8 r, 8-12 rw", "asks raw 16 3 0x5401",
	  "" },
	{ "asks: MADV_DONTNEED, all of it", 7, 0,
	  "0-4 rw, 4-8 r, 8-12 rw", "asks raw 28 @2 #8 4",
	  "0-4 8-12" },
	{ "asks: MADV_FREE", 7, 0,
	  "0-4 rw, 4-8 r, 8-12 rw", "asks raw 28 @2 #8 8",
	  "0-4 8-12" },
	{ "asks: MADV_REMOVE", 7, 0,
	  "0-4 rw, 4-8 r, 8-12 rw", "asks raw 28 @2 #8 9",
	  "0-4 8-12" },
	{ "asks: MADV_DONTNEED_LOCKED", 7, 0,
	  "0-4 rw, 4-8 r, 8-12 rw", "asks raw 28 @2 #8 24",
	  "0-4 8-12" },
	{ "asks: MADV_DONTDUMP, as what is modified", 7, 0,
	  "0-4 rw, 4-8 r, 8-12 rw", "asks raw 28 @4 #4 16",
	  "0-4 8-12" },
	{ "asks: MADV_SEQUENTIAL", 7, 0,
	  "0-4 rw, 4-8 r, 8-12 rw", "asks raw 28 @4 #4 2",
	  "0-4 8-12" },
	{ "asks: MADV_WILLNEED: nothing", 7, 0,
	  "0-4 rw, 4-8 r, 8-12 rw", "asks raw 28 @4 #4 3",
	  "" },
	{ "asks: MADV_COLLAPSE: nothing", 7, 0,
	  "0-4 rw, 4-8 r, 8-12 rw", "asks raw 28 @4 #4 25",
	  "" },
	{ "asks: madvise of nothing", 7, 0,
	  "0-4 rw, 4-8 r, 8-12 rw", "asks raw 28 @4 0 4",
	  "" },
	{ "asks: mremap moves", 7, 0,
	  "0-4 rw, 4-8 r, 8-12 rw", "asks raw 25 @0 #4 #4 3 @6",
	  "0-4 8-12" },
	{ "asks: mremap leaves its pages behind", 7, 0,
	  "0-4 rw, 4-8 r, 8-12 rw", "asks raw 25 @0 #4 #4 5 0",
	  "0-4" },
	{ "asks: mremap shrinks", 7, 0,
	  "0-4 rw, 4-8 r, 8-12 rw", "asks raw 25 @0 #4 #2 1",
	  "0-4" },
	{ "asks: mremap grows up to the next", 7, 0,
	  "0-4 rw, 6-8 rw", "asks raw 25 @0 #4 #6 1",
	  "0-4 6-8" },
	{ "asks: mremap grows", 7, 0,
	  "0-4 rw, 7-8 rw", "asks raw 25 @0 #4 #6 1",
	  "0-4" },
	{ "asks: mremap of the top", 7, 0,
	  "0-4 rw, 4-8 r, 8-12 rw", "asks raw 25 -4096 #4 #6 1",
	  "" },
	{ "asks: brk shrinks", 7, 0,
	  "0-8 rw", "asks raw 12 @2",
	  "" },
	{ "asks: nobody of write", 7, 0,
	  "0-4 rw, 4-8 r, 8-12 rw", "asks raw 1 @0 #4",
	  "" },
	{ "tables: an unmapping of two", 7, 0,
	  "0-600 r, 900-1100 r, 4000-4001 r", "asks raw 11 @0 #1100",
	  "goes 0-1100" },
	{ "tables: of the first, all", 7, 0,
	  "0-600 r, 900-1100 r, 4000-4001 r", "asks raw 11 @0 #600",
	  "goes 0-512 stays 512-600" },
	{ "tables: of a part", 7, 0,
	  "0-600 r, 900-1100 r, 4000-4001 r", "asks raw 11 @100 #700",
	  "stays 100-512 stays 512-600" },
	{ "tables: three tables' worth", 7, 0,
	  "0-3000 r", "asks raw 11 @100 #2000",
	  "goes 512-2048 stays 100-512 stays 2048-2100" },
	{ "tables: mmap over", 7, 0,
	  "0-600 r, 900-1100 r, 4000-4001 r", "asks raw 9 @100 #1000 1 0x32 -1 0",
	  "goes 512-1100 stays 100-512" },
	{ "tables: mmap over that makes them too", 7, 0,
	  "0-600 r, 900-1100 r, 4000-4001 r", "asks raw 9 @100 #1000 1 0x8032 -1 0",
	  "" },
	{ "tables: mmap anywhere", 7, 0,
	  "0-600 r, 900-1100 r, 4000-4001 r", "asks raw 9 0 #1000 1 0x22 -1 0",
	  "" },
	{ "tables: an odd address", 7, 0,
	  "0-600 r, 900-1100 r, 4000-4001 r", "asks raw 11 0x40000800 #10",
	  "" },
	{ "tables: between VMAs", 7, 0,
	  "0-600 r, 900-1100 r, 4000-4001 r", "asks raw 11 @700 #100",
	  "" },
	{ "tables: a hole at the end", 7, 0,
	  "0-600 r, 900-1100 r, 4000-4001 r", "asks raw 11 @0 #800",
	  "goes 0-512 stays 512-600" },
	{ "populating up to a guard page", 7, 0,
	  "0-4 rw guard", "raw 28 @0 #4 23 = -14",
	  " => 0-4:803" },
	{ "6.11: a seal later in the range, and no advice is taken", 6, 11,
	  "0-4 r, 4-8 r sealed", "raw 28 @0 #8 10",
	  "= -1 => 0-4:1 4-8:40000000001" },
	{ "6.11: a seal later in the range is no matter to other advice", 6, 11,
	  "0-4 r, 4-8 r sealed", "raw 28 @0 #8 1",
	  "modify 0-4 not-adjacent flags/40000010000; modify 4-8 flags/40000000000 not-adjacent => 0-4:10001 4-8:40000010001" },
	{ "6.12: a seal later in the range, and advice is taken up to it", 6, 12,
	  "0-4 r, 4-8 r sealed", "raw 28 @0 #8 10",
	  "modify 0-4 not-adjacent flags/40000020000; = -1 => 0-4:20001 4-8:40000000001" },
	{ "6.11: nothing that is sealed in part is of the same size", 6, 11,
	  "0-4 rw, 4-8 r sealed", "raw 25 @0 #8 #8 0 0",
	  "= -1 => 0-4:3 4-8:40000000001" },
	{ "6.12: it is", 6, 12,
	  "0-4 rw, 4-8 r sealed", "raw 25 @0 #8 #8 0 0",
	  " => 0-4:3 4-8:40000000001" },
	{ "process_madvise of another process", 7, 0,
	  "0-4 rw", "raw 440 3 0 1 10 0 = 8192",
	  " => 0-4:3" },
	{ "process_madvise without the right to", 6, 12,
	  "0-4 rw", "raw 440 3 0 1 20 0 range 0-2 = -1",
	  "? 4 => 0-4:3" },
	{ "process_madvise of several ranges, pages", 7, 0,
	  "0-4 rw", "raw 440 3 0 2 4 0 range 0-4 size 2 = 8192",
	  " => 0-4:3" },
	{ "process_madvise of several ranges, flags", 7, 0,
	  "0-4 rw", "raw 440 3 0 2 10 0 range 0-4 size 2 = 8192",
	  "? 4 => 0-4:3" },
	{ "process_madvise of several ranges, unknown advice", 7, 0,
	  "0-4 rw", "raw 440 3 0 2 99 0 range 0-4 size 2 = -22",
	  " => 0-4:3" },
	{ "process_madvise is asked for as madvise", 7, 0,
	  "0-4 rw, 4-8 r, 8-12 rw", "asks raw 440 3 0 1 4 0 range 2-10 = 0",
	  "0-4 8-12" },
	{ "io_setup failed", 7, 0,
	  "", "raw 206 1 0 = -11",
	  "? 4 =>" },
	{ "io_setup: a ring", 7, 0,
	  "", "raw 206 1 0 range 4-6 = 0",
	  "mmap_region 4-6 not-adjacent not-adjacent => 4-6:4008b" },
	{ "io_destroy: as the record says", 7, 0,
	  "4-6 rw f7 shared", "raw 207 @4 range 4-6 = 0",
	  "vms_clear_ptes call 5/207: vmas 1 pages 2 accounted 0 splits 0 runs 1"
	  " | side first 4 pg 0-0 vma 4-6 tree 1/1 write left 1 1 =>" },
	{ "io_destroy: by its address", 7, 0,
	  "4-6 rw f7 shared", "raw 207 @4 = 0",
	  "vms_clear_ptes call 5/207: vmas 1 pages 2 accounted 0 splits 0 runs 1"
	  " | side first 4 pg 0-0 vma 4-6 tree 1/1 write left 1 1 =>" },
	{ "io_destroy: not there", 7, 0,
	  "4-6 rw f7 shared", "raw 207 @2 = 0",
	  " => 4-6:8b" },
	{ "io_destroy failed", 7, 0,
	  "4-6 rw f7 shared", "raw 207 @4 = -22",
	  " => 4-6:8b" },
	{ "remap_file_pages: a part", 7, 0,
	  "0-8 rw f2 shared", "raw 216 @2 #2 0 6 0 = 0",
	  "vms_clear_ptes call 5/216: vmas 1 pages 2 accounted 0 splits 2 runs 1"
	  " | side first 2 pg 2-4 vma 2-4 tree 1/1 write left 1 1; mmap_region 2-4 pgoff pgoff"
	  " => 0-2:8b 2-4:8b 4-8:8b" },
	{ "remap_file_pages: private", 7, 0,
	  "0-8 rw f2", "raw 216 @2 #2 0 6 0",
	  "= -22 => 0-8:3" },
	{ "remap_file_pages: beyond the VMA", 7, 0,
	  "0-8 rw f2 shared, 9-10 rw f2 shared", "raw 216 @2 #8 0 6 0",
	  "= -22 => 0-8:8b 9-10:8b" },
	{ "remap_file_pages: two of one mapping", 7, 0,
	  "0-4 rw f2 shared, 4-8 rw f2 shared o9", "raw 216 @0 #8 0 6 0 = 0",
	  "vms_clear_ptes call 5/216: vmas 2 pages 8 accounted 0 splits 0 runs 1"
	  " | side first 0 pg 0-0 vma 0-8 tree 2/1 write left 1 1; "
	  "mmap_region 0-8 not-adjacent not-adjacent => 0-8:8b" },
	{ "remap_file_pages: protection given", 7, 0,
	  "0-8 rw f2 shared", "raw 216 @2 #2 1 6 0",
	  "= -22 => 0-8:8b" },
	{ "remap_file_pages: offset overflows", 7, 0,
	  "0-8 rw f2 shared", "raw 216 @2 #2 0 -1 0",
	  "= -22 => 0-8:8b" },
	{ "remap_file_pages: locked", 7, 0,
	  "0-8 rw f2 shared locked", "raw 216 @2 #2 0 6 0 = 0",
	  "vms_clear_ptes call 5/216: vmas 1 pages 2 accounted 0 splits 2 runs 1"
	  " | side first 2 pg 2-4 vma 2-4 tree 1/1 write left 1 1; mmap_region 2-4 pgoff pgoff"
	  " => 0-2:208b 2-4:208b 4-8:208b" },
	{ "remap_file_pages: an attached segment goes", 7, 0,
	  "0-4 rw f2 shared shm", "raw 216 @0 #4 0 2 0 = -22",
	  "vms_clear_ptes call 5/216: vmas 1 pages 4 accounted 0 splits 0 runs 1"
	  " | side first 0 pg 0-0 vma 0-4 tree 1/1 write left 1 1; ? 4 =>" },
	{ "remap_file_pages: of one that has another piece", 7, 0,
	  "0-4 rw f2 shared shm, 6-7 rw f2 shared shm", "raw 216 @0 #4 0 2 0 = -22",
	  "wrong => 0-4:8b 6-7:8b" },
	{ "remap_file_pages: not a segment", 7, 0,
	  "0-4 rw f2 shared", "raw 216 @0 #4 0 2 0 = -22",
	  "wrong => 0-4:8b" },
	{ "map_shadow_stack: the processor has none", 7, 0,
	  "", "raw 453 0 #4 0 = -95",
	  "? 4 =>" },
	{ "map_shadow_stack", 7, 0,
	  "", "raw 453 @4 #4 0 = 0x40004000",
	  "mmap_region 4-8 not-adjacent not-adjacent => 4-8:2000100003" },
	{ "map_shadow_stack: 6.1 has none", 6, 1,
	  "", "raw 453 @4 #4 0 = -95",
	  "? 4 =>" },
	{ "userfaultfd: pages put into it", 7, 0,
	  "0-4 rw u1, 4-8 rw", "raw 16 3 0xc028aa03 range 2-6 = 0",
	  " => 0-4:3a1 4-8:3a1" },
	{ "userfaultfd: another request", 7, 0,
	  "0-4 rw u1", "raw 16 3 0xc028aa09 range 2-6 = 0",
	  " => 0-4:3" },
	{ "userfaultfd: failed", 7, 0,
	  "0-4 rw u1", "raw 16 3 0xc028aa03 range 2-6 = -17",
	  " => 0-4:3" },
	{ "userfaultfd: closed", 7, 0,
	  "0-4 rw u1, 4-8 rw u2", "raw 3 3 uffd 1 = 0",
	  "modify 0-4 not-adjacent userfaultfd => 0-4:3 4-8:3" },
	{ "userfaultfd: another closed", 7, 0,
	  "0-4 rw u1", "raw 3 3 uffd 2 = 0",
	  " => 0-4:3" },
	{ "mremap: old and new overlap", 7, 0,
	  "0-8 rw", "raw 25 @0 #4 #4 3 @2",
	  "= -22 => 0-8:3" },
	{ "mremap: flags that do not go together", 7, 0,
	  "0-8 rw", "raw 25 @0 #4 #4 2 @20",
	  "= -22 => 0-8:3" },
	{ "mremap: nothing there", 7, 0,
	  "0-8 rw", "raw 25 @9 #4 #8 1",
	  "= -14 => 0-8:3" },
	{ "mremap: more than the VMA", 7, 0,
	  "0-8 rw", "raw 25 @4 #8 #9 1",
	  "= -14 => 0-8:3" },
	{ "mremap: of no old length, private", 7, 0,
	  "0-8 rw", "raw 25 @4 0 #9 1",
	  "= -22 => 0-8:3" },
	{ "mremap: of no old length, shared: a second", 7, 0,
	  "0-8 rw f2 shared", "raw 25 @0 0 #8 3 @20",
	  "copy_vma 20-28 not-adjacent not-adjacent => 0-8:8b 20-28:8b" },
	{ "mremap: of no new length", 7, 0,
	  "0-8 rw", "raw 25 @4 #4 0 1",
	  "= -22 => 0-8:3" },
	{ "mremap: in place, a hole", 7, 0,
	  "0-4 rw, 7-8 rw", "raw 25 @0 #4 #6 0",
	  "mremap_expand 4-6 joins not-adjacent merged => 0-6:3 7-8:3" },
	{ "mremap: in place, no hole", 7, 0,
	  "0-4 rw, 5-8 rw", "raw 25 @0 #4 #6 0",
	  "= -12 => 0-4:3 5-8:3" },
	{ "mremap: locked, DONTUNMAP", 7, 0,
	  "0-4 rw locked", "raw 25 @0 #4 #4 7 @20",
	  "copy_vma 20-24 not-adjacent not-adjacent => 0-4:3 20-24:2003" },
	{ "mremap: shared, DONTUNMAP, moved", 7, 0,
	  "0-4 rw f2 shared", "raw 25 @0 #4 #4 7 @20",
	  "copy_vma 20-24 not-adjacent not-adjacent => 0-4:8b 20-24:8b" },
	{ "mremap: several VMAs", 7, 0,
	  "0-4 rw, 4-8 r", "raw 25 @0 #8 #8 3 @20",
	  "copy_vma 20-24 not-adjacent not-adjacent; "
	  "vms_clear_ptes call 5/25: vmas 1 pages 4 accounted 0 splits 0 runs 1"
	  " | side first 0 pg 0-4 vma 0-4 tree 1/1 write left 1 1; copy_vma 24-28 flags/2 not-adjacent; "
	  "vms_clear_ptes call 5/25: vmas 1 pages 4 accounted 0 splits 0 runs 1"
	  " | side first 4 pg 0-20 vma 4-8 tree 1/1 write left 1 1 => 20-24:3 24-28:1" },
	{ "mremap: several VMAs, older", 6, 12,
	  "0-4 rw, 4-8 r", "raw 25 @0 #8 #8 3 @20",
	  "= -14 => 0-4:3 4-8:1" },
	{ "mremap: several VMAs grow", 7, 0,
	  "0-4 rw, 4-8 r", "raw 25 @0 #8 #9 3 @20",
	  "= -14 => 0-4:3 4-8:1" },
	{ "mremap: more than it had", 7, 0,
	  "0-4 rw", "raw 25 @0 #4 #9 3 @20",
	  "copy_vma 20-29 not-adjacent not-adjacent; "
	  "vms_clear_ptes call 5/25: vmas 1 pages 4 accounted 0 splits 0 runs 1"
	  " | side first 0 pg 0-20 vma 0-4 tree 1/1 write left 1 1 => 20-29:3" },
	{ "a guess is not forgotten at the next attempt", 7, 0,
	  "0-2 r a1 unsure, 2-4 rw a2, 4-6 rw a2 n1, 6-8 x", "raw 10 @2 #4 1",
	  "modify 2-4 anon_vma flags/2; modify 4-6 name flags/5; ? 1 => 0-2:1a1 2-4:1a2 4-6:1a2 6-8:4" },
	{ "copy_vma: a sticky flag comes with the source", 7, 0,
	  "0-4 rw softdirty, 16-20 rw", "raw 25 @0 #4 #4 3 @20",
	  "copy_vma 20-24 joins not-adjacent merged; "
	  "vms_clear_ptes call 5/25: vmas 1 pages 4 accounted 0 splits 0 runs 1"
	  " | side first 0 pg 0-16 vma 0-4 tree 1/1 write left 1 1 => 16-24:8000003" },
	{ "copy_vma: a sticky flag is lost before 6.19", 6, 18,
	  "0-4 rw softdirty, 16-20 rw", "raw 25 @0 #4 #4 3 @20",
	  "copy_vma 20-24 joins not-adjacent merged; "
	  "vms_clear_ptes call 5/25: vmas 1 pages 4 accounted 0 splits 0 runs 1"
	  " | side first 0 pg 0-16 vma 0-4 tree 1/1 write left 1 1 => 16-24:3" },
	{ "copy_vma: next takes the source's flag too", 7, 0,
	  "0-4 rw softdirty, 24-28 rw", "raw 25 @0 #4 #4 3 @20",
	  "copy_vma 20-24 not-adjacent joins merged; "
	  "vms_clear_ptes call 5/25: vmas 1 pages 4 accounted 0 splits 0 runs 1"
	  " | side first 0 pg 0-20 vma 0-4 tree 1/1 write left 1 1 => 20-28:8000003" },
	{ "what was next's is lost before 6.19", 6, 18,
	  "0-4 rw account, 6-8 rw account softdirty", "mmap 4+2 rw",
	  "mmap_region 4-6 joins joins merged => 0-8:100003" },
	{ "mremap grows what has a userfaultfd", 7, 0,
	  "0-4 rw u1", "raw 25 @0 #4 #6 0",
	  "mremap_expand 4-6 joins not-adjacent merged => 0-6:3" },
	{ "sealed, and all of it goes", 7, 0,
	  "0-2 rw, 2-4 rw sealed", "munmap 0+4",
	  "= -1 => 0-2:3 2-4:40000000003" },
	{ "sealed behind what goes", 7, 0,
	  "0-2 rw, 2-4 rw sealed", "munmap 0+2",
	  "vms_clear_ptes call 5/11: vmas 1 pages 2 accounted 0 splits 0 runs 1"
	  " | side first 0 pg 0-2 vma 0-2 tree 1/1 read left 1 1 => 2-4:40000000003" },
	{ "sealed behind what goes, looked at before", 6, 10,
	  "0-2 rw, 2-4 rw sealed", "munmap 0+2",
	  "vms_clear_ptes call 5/11: vmas 1 pages 2 accounted 0 splits 0 runs 1"
	  " | side first 0 pg 0-2 vma 0-2 tree 1/1 read left 1 1 => 2-4:40000000003" },
	{ "sealed, from its middle", 7, 0,
	  "0-4 rw sealed", "munmap 1+1",
	  "= -1 => 0-4:40000000003" },
	{ "sealed, but the kernel did it", 7, 0,
	  "0-4 rw sealed", "munmap 1+1 = 0",
	  "vms_clear_ptes call 5/11: vmas 1 pages 1 accounted 0 splits 2 runs 1"
	  " | side first 1 pg 1-2 vma 1-2 tree 1/1 read left 1 1; wrong => 0-1:40000000003 2-4:40000000003" },
	{ "a special mapping is not split at its end", 7, 0,
	  "0-4 rw special", "munmap 0+2",
	  "= -22 => 0-4:3" },
	{ "nor at its start", 7, 0,
	  "0-4 rw special", "munmap 2+2",
	  "= -22 => 0-4:3" },
	{ "refused: a merge that was only tried is not told", 7, 0,
	  "0-4 rw account, 6-8 rw account", "mmap 4+2 rw = -12",
	  "? 5 => 0-4:100003 6-8:100003" },
	{ "refused: one side of it", 7, 0,
	  "0-4 r, 6-8 rw account", "mmap 4+2 rw = -12",
	  "? 5 => 0-4:1 6-8:100003" },
	{ "refused: nothing is modified", 7, 0,
	  "0-2 r, 2-4 rw, 4-6 r", "mprotect 2+2 r = -12",
	  "? 5 => 0-2:1 2-4:3 4-6:1" },
	{ "refused: nothing is modified, by another error", 7, 0,
	  "0-2 r, 2-4 rw, 4-6 x", "mprotect 2+2 r = -13",
	  "wrong => 0-2:1 2-4:3 4-6:4" },
	{ "refused: nothing is unmapped", 7, 0,
	  "0-4 rw", "munmap 1+2 = -12",
	  "? 5 => 0-4:3" },
	/* clang-format on */
};

static char told[4096];

static void __attribute__((format(printf, 1, 2))) say(const char *format, ...)
{
	size_t length = strlen(told);
	va_list args;

	va_start(args, format);
	vsnprintf(told + length, sizeof(told) - length, format, args);
	va_end(args);
}

static void say_side(enum vmsc_refusal refused, uint64_t bits)
{
	say(" %s", refused ? vmsc_refusal_name(refused) : "joins");
	if (bits)
		say("/%" PRIx64, bits);
}

static void on_merge(void *ctx, const struct vmsc_merge_note *note)
{
	(void)ctx;
	say("%s%s %" PRIu64 "-%" PRIu64, *told ? "; " : "", vmsc_merge_caller_name(note->caller),
	    NUMBER(note->start), NUMBER(note->end));
	say_side(note->refused[0], note->flag_bits[0]);
	say_side(note->refused[1], note->flag_bits[1]);
	if (note->merged)
		say(" merged");
}

static void on_unmap(void *ctx, const struct vmsc_unmap_note *note)
{
	const struct vmsc_unmap_desc *desc = &note->desc;

	(void)ctx;
	say("%s%s call %" PRIu64 "/%u: vmas %" PRIu64 " pages %" PRIu64 " accounted %" PRIu64
	    " splits %" PRIu64 " runs %" PRIu64,
	    *told ? "; " : "", vmsc_unmap_caller_name(note->caller), note->call, note->nr, note->vmas,
	    note->pages, note->accounted_pages, note->splits, note->runs);
	say(" | %s first %" PRIu64 " pg %" PRIu64 "-%" PRIu64 " vma %" PRIu64 "-%" PRIu64 " tree %" PRIu64
	    "/%" PRIu64 " %s",
	    desc->side_tree ? "side" : "mm", NUMBER(desc->first), NUMBER(desc->first_pgaddr),
	    NUMBER(desc->last_pgaddr), NUMBER(desc->vma_min),
	    desc->vma_max == UINT64_MAX ? 0 : NUMBER(desc->vma_max),
	    desc->tree_max == UINT64_MAX ? 0 : NUMBER(desc->tree_max), NUMBER(desc->tree_reset),
	    desc->mm_wr_locked ? "write" : "read");
	say(" left %" PRIu64 " %" PRIu64, NUMBER(note->left[0]), NUMBER(note->left[1]));
}

static void *take(void *ctx, size_t size)
{
	(void)ctx;
	return malloc(size);
}

static void give(void *ctx, void *ptr, size_t size)
{
	(void)ctx;
	(void)size;
	free(ptr);
}

static void stop(const struct row *row, const char *what)
{
	printf("FAIL %s: %s is wrong in the row\n", row->name, what);
	exit(1);
}

static struct vmsc_mm *new_mm(const struct row *row)
{
	static const struct vmsc_allocator allocator = {take, give, NULL};
	struct vmsc_mm_config config = {.rules = vmsc_rules_of_release(row->major, row->minor)};

	config.limits = (struct vmsc_limits){
		.max_map_count = 65530,
		.as = UINT64_MAX,
		.data = UINT64_MAX,
		.stack = 8 << 20,
		.memlock = UINT64_MAX,
		.ipc_lock = true,
	};
	config.layout = (struct vmsc_layout){.task_size = 0x7ffffffff000, .mmap_base = 0x7ffff7fff000};
	config.listener = (struct vmsc_listener){.merge = on_merge, .unmap = on_unmap};
	return vmsc_mm_new(&allocator, &config);
}

static void set_files(const struct row *row, struct vmsc_mm *mm)
{
	static const struct vmsc_file files[] = {
		{.id = 2, .inode = 7, .dev_major = 8, .dev_minor = 1, .mode = 3},
		{.id = 3, .inode = 7, .dev_major = 8, .dev_minor = 1, .mode = 3 | VMSC_FILE_UNSURE},
		{.id = 4, .inode = 7, .dev_major = 9, .dev_minor = 1, .mode = 3 | VMSC_FILE_UNSURE},
		{.id = 5, .inode = 8, .dev_major = 8, .dev_minor = 1, .mode = 3 | VMSC_FILE_UNSURE},
		{.id = 6, .inode = 9, .dev_major = 8, .dev_minor = 1, .mode = 3 | VMSC_FILE_CLOSE_HOOK},
		{.id = 7, .inode = 10, .dev_major = 1, .dev_minor = 1, .mode = 3, .kind = VMSC_FILE_OTHER},
		{.id = 8, .inode = 7, .dev_major = 8, .dev_minor = 2, .mode = 3 | VMSC_FILE_UNSURE},
	};
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		if (vmsc_mm_set_file(mm, &files[i]))
			stop(row, "a file");
}

static const struct {
	const char *name;
	uint64_t flag;
} flag_names[] = {
	{"r", VMSC_VM(READ)},
	{"w", VMSC_VM(WRITE)},
	{"x", VMSC_VM(EXEC)},
	{"account", VMSC_VM(ACCOUNT)},
	{"dontdump", VMSC_VM(DONTDUMP)},
	{"softdirty", VMSC_VM(SOFTDIRTY)},
	{"guard", VMSC_VM(MAYBE_GUARD)},
	{"io", VMSC_VM(IO)},
	{"locked", VMSC_VM(LOCKED)},
	{"sealed", VMSC_VM(SEALED)},
	{"shared", VMSC_VM(SHARED) | VMSC_VM(MAYSHARE)},
};

static bool set_flag(struct vmsc_vma *vma, const char *word)
{
	size_t i;

	for (i = 0; i < sizeof(flag_names) / sizeof(flag_names[0]); i++) {
		if (strcmp(word, flag_names[i].name) != 0)
			continue;
		vma->vm_flags |= flag_names[i].flag;
		return true;
	}
	return false;
}

static bool set_number(struct vmsc_vma *vma, const char *word)
{
	uint32_t number = (uint32_t)strtoul(word + 1, NULL, 10);

	switch (word[0]) {
	case 'a':
		vma->anon_vma = number;
		return true;
	case 'f':
		vma->file = number;
		vma->pgoff = NUMBER(vma->start);
		return true;
	case 'o':
		vma->pgoff = number;
		return true;
	case 'u':
		vma->uffd = number;
		return true;
	case 'n':
		vma->name = number;
		return true;
	case 'p':
		vma->policy = number;
		return true;
	default:
		return false;
	}
}

static void set_word(const struct row *row, struct vmsc_vma *vma, const char *word)
{
	if (!strcmp(word, "special"))
		vma->traits |= VMSC_VMA_SPECIAL_MAPPING;
	else if (!strcmp(word, "unsure"))
		vma->traits |= VMSC_VMA_ANON_VMA_UNSURE;
	else if (!strcmp(word, "forked"))
		vma->traits |= VMSC_VMA_FORKED;
	else if (!strcmp(word, "shm"))
		vma->traits |= VMSC_VMA_SHM;
	else if (!strcmp(word, "rw"))
		vma->vm_flags |= VMSC_VM(READ) | VMSC_VM(WRITE);
	else if (!set_flag(vma, word) &&
		 !(word[0] && word[1] >= '0' && word[1] <= '9' && set_number(vma, word)))
		stop(row, word);
}

static void insert(const struct row *row, struct vmsc_mm *mm, char *text)
{
	struct vmsc_vma vma = {.vm_flags = VMSC_VM(MAYREAD) | VMSC_VM(MAYWRITE) | VMSC_VM(MAYEXEC)};
	unsigned int start, end;
	char *word, *state;

	if (sscanf(text, " %u-%u", &start, &end) != 2)
		stop(row, text);
	vma.start = PAGE(start);
	vma.end = PAGE(end);
	vma.pgoff = vma.start >> VMSC_PAGE_SHIFT;
	strtok_r(text, " ", &state);
	while ((word = strtok_r(NULL, " ", &state)))
		set_word(row, &vma, word);
	if (vmsc_mm_insert(mm, &vma))
		stop(row, "a VMA");
}

static void set_before(const struct row *row, struct vmsc_mm *mm)
{
	char *text = strdup(row->before), *state, *one;

	for (one = strtok_r(text, ",", &state); one; one = strtok_r(NULL, ",", &state))
		insert(row, mm, one);
	free(text);
}

static unsigned int prot_of(const char *text)
{
	return (strchr(text, 'r') ? PROT_READ : 0) | (strchr(text, 'w') ? PROT_WRITE : 0) |
	       (strchr(text, 'x') ? PROT_EXEC : 0);
}

/* "25 @0 #4 0x2 range 2-6 size 4 uffd 1": the system call's number and registers: @page, #pages, or a number. */
static void read_raw(const struct row *row, struct vmsc_call *call, const char *from)
{
	char *text = strdup(from), *state, *word = strtok_r(text, " ", &state);
	unsigned int nr = 0, start, end;

	call->nr = (uint16_t)strtoul(word, NULL, 10);
	while ((word = strtok_r(NULL, " ", &state)) && *word != '=') {
		if (!strcmp(word, "range") &&
		    sscanf(strtok_r(NULL, " ", &state), "%u-%u", &start, &end) == 2) {
			call->range_start = PAGE(start);
			call->range_end = PAGE(end);
		} else if (!strcmp(word, "size")) {
			call->size = strtoul(strtok_r(NULL, " ", &state), NULL, 10) * VMSC_PAGE_SIZE;
		} else if (!strcmp(word, "uffd")) {
			call->uffd = (uint32_t)strtoul(strtok_r(NULL, " ", &state), NULL, 10);
		} else if (nr == 6) {
			stop(row, word);
		} else if (*word == '@') {
			call->args[nr++] = PAGE(strtoul(word + 1, NULL, 0));
		} else if (*word == '#') {
			call->args[nr++] = strtoul(word + 1, NULL, 0) * VMSC_PAGE_SIZE;
		} else {
			call->args[nr++] = strtoul(word, NULL, 0);
		}
	}
	free(text);
}

/* The call that an operation's text stands for. */
static void read_call(const struct row *row, struct vmsc_call *call)
{
	unsigned int file = 0, at = 0, advice;
	const char *result = strstr(row->op, "= ");
	uint64_t start, nr;
	char prot[8] = "";

	call->seq = 5;
	if (result) {
		call->has_result = true;
		call->result = strtol(result + 2, NULL, 0);
	}
	if (strstr(row->op, "raw ")) {
		read_raw(row, call, strstr(row->op, "raw ") + 4);
		return;
	}
	if (sscanf(row->op, "munmap %" SCNu64 "+%" SCNu64, &start, &nr) == 2) {
		call->nr = SYS_munmap;
	} else if (sscanf(row->op, "mprotect %" SCNu64 "+%" SCNu64 " %7[rwx]", &start, &nr, prot) == 3) {
		call->nr = SYS_mprotect;
		call->args[2] = prot_of(prot);
	} else if (sscanf(row->op, "madvise %" SCNu64 "+%" SCNu64 " %u", &start, &nr, &advice) == 3) {
		call->nr = SYS_madvise;
		call->args[2] = advice;
	} else if (sscanf(row->op, "mmap %" SCNu64 "+%" SCNu64 " %7[rwx] f%u@%u", &start, &nr, prot, &file,
			  &at) >= 3) {
		call->nr = SYS_mmap;
		call->args[2] = prot_of(prot);
		call->args[3] = MAP_PRIVATE | MAP_FIXED | (file ? 0 : MAP_ANONYMOUS);
		call->args[4] = file ? 3 : (uint64_t)-1;
		call->args[5] = (uint64_t)at * VMSC_PAGE_SIZE;
		call->file = file;
	} else {
		stop(row, row->op);
	}
	call->args[0] = PAGE(start);
	call->args[1] = nr * VMSC_PAGE_SIZE;
}

static void step(const struct row *row, struct vmsc_mm *mm)
{
	struct vmsc_call call = {.nr = 0};
	struct vmsc_outcome out;

	read_call(row, &call);
	if (vmsc_mm_step(mm, &call, &out))
		stop(row, "the memory");
	if (!call.has_result && out.predicted < 0)
		say("%s= %" PRId64, *told ? "; " : "", out.predicted);
	if (out.wrong)
		say("%swrong", *told ? "; " : "");
	if (out.undetermined)
		say("%s? %d", *told ? "; " : "", out.undetermined);
}

/* The VMAs, each with its vm_flags but for VM_MAY*, and its anon_vma. */
static void say_after(const struct vmsc_mm *mm)
{
	const uint64_t may = VMSC_VM(MAYREAD) | VMSC_VM(MAYWRITE) | VMSC_VM(MAYEXEC);
	struct vmsc_vma vma;
	uint64_t addr = 0;

	say(" =>");
	for (; vmsc_mm_find(mm, addr, &vma); addr = vma.end) {
		say(" %" PRIu64 "-%" PRIu64 ":%" PRIx64, NUMBER(vma.start), NUMBER(vma.end),
		    vma.vm_flags & ~may);
		if (vma.anon_vma)
			say("a%u", vma.anon_vma);
	}
}

static void say_range(const char *what, const struct vmsc_range *range)
{
	if (range->start < range->end)
		say("%s%s%" PRIu64 "-%" PRIu64, *told ? " " : "", what, NUMBER(range->start),
		    NUMBER(range->end));
}

/* What the recorder is to look at before the call: anonymous pages, and page tables that go or stay. */
static void say_asks(const struct row *row, const struct vmsc_mm *mm)
{
	struct vmsc_range asks[8];
	struct vmsc_table_asks tables;
	struct vmsc_call call = {.nr = 0};
	size_t nr, i;

	read_call(row, &call);
	nr = vmsc_mm_asks(mm, &call, asks, 8);
	for (i = 0; i < nr && i < 8; i++)
		say_range("", &asks[i]);
	vmsc_mm_table_asks(mm, &call, &tables);
	say_range("goes ", &tables.freed);
	say_range("stays ", &tables.kept[0]);
	say_range("stays ", &tables.kept[1]);
}

static void ask_why(const struct row *row, struct vmsc_mm *mm, unsigned int a, unsigned int b)
{
	struct vmsc_vma prev, next;
	uint64_t bits = 0;
	enum vmsc_refusal refused;

	if (!vmsc_mm_find(mm, PAGE(a), &prev) || !vmsc_mm_find(mm, PAGE(b), &next))
		stop(row, "an address");
	refused = vmsc_mm_why_apart(mm, &prev, &next, &bits);
	say("why");
	say_side(refused, bits);
	if (vmsc_mm_why_apart(mm, &prev, &next, NULL) != refused)
		say(", without bits another");
}

/* After a call: the end is none's. */
static void say_exit(const struct row *row, struct vmsc_mm *mm)
{
	const struct vmsc_call nothing = {.seq = 5, .nr = SYS_munmap, .args = {PAGE(100000), VMSC_PAGE_SIZE}};
	struct vmsc_outcome out;

	if (vmsc_mm_step(mm, &nothing, &out))
		stop(row, "the memory");
	vmsc_mm_exit(mm);
}

static void try_row(const struct row *row)
{
	struct vmsc_mm *mm = new_mm(row);
	const char *what = NULL;
	unsigned int a, b;

	if (!mm)
		stop(row, "the memory");
	told[0] = '\0';
	set_files(row, mm);
	set_before(row, mm);
	if (!strcmp(row->op, "exit"))
		say_exit(row, mm);
	else if (!strncmp(row->op, "asks ", 5))
		say_asks(row, mm);
	else if (sscanf(row->op, "why %u %u", &a, &b) == 2)
		ask_why(row, mm, a, b);
	else
		step(row, mm), say_after(mm);
	CHECK(!strcmp(told, row->told), "%s (%s on %u.%u)\n  want %s\n  told %s", row->name, row->op,
	      row->major, row->minor, row->told, told);
	CHECK(!vmsc_mm_validate(mm, &what), "%s: %s", row->name, what);
	vmsc_mm_free(mm);
}

int main(void)
{
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		try_row(&rows[i]);
	return check_result("told");
}
