/* SPDX-License-Identifier: MIT */
/* clang-format off */
/*
 * told.h - a row of test_told.c and test_asks.c: how it is read, and what the model tells of it.
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
#ifndef VMASCOPE_TESTS_TOLD_H
#define VMASCOPE_TESTS_TOLD_H

#include <stddef.h>

#include "vmascope/model.h"

#define TOLD_BASE    (UINT64_C(1) << 30)
#define PAGE(n)	     (TOLD_BASE + (n)*VMSC_PAGE_SIZE)
#define NUMBER(addr) ((addr) < TOLD_BASE ? (addr) : ((addr)-TOLD_BASE) / VMSC_PAGE_SIZE)

struct told_row {
	const char *name;
	unsigned int major, minor;
	const char *before, *op, *told;
};

/* Each of the @nr @rows tells what it says, and leaves a valid model. Returns main()'s status. */
int told_check(const char *name, const struct told_row *rows, size_t nr);

/* told_read.c: @row's files and VMAs, and the call that its operation's text stands for. */
void told_set_files(const struct told_row *row, struct vmsc_mm *mm);
void told_set_before(const struct told_row *row, struct vmsc_mm *mm);
void told_read_call(const struct told_row *row, struct vmsc_call *call);
/* A row that can't be read ends the test. */
_Noreturn void told_stop(const struct told_row *row, const char *what);

#endif
