/* SPDX-License-Identifier: MIT */
/*
 * told.h - a row of test_told.c: how it is read, and what the model tells of it.
 */
#ifndef VMASCOPE_TESTS_TOLD_H
#define VMASCOPE_TESTS_TOLD_H

#include "vmascope/model.h"

#define TOLD_BASE    (UINT64_C(1) << 30)
#define PAGE(n)	     (TOLD_BASE + (n)*VMSC_PAGE_SIZE)
#define NUMBER(addr) ((addr) < TOLD_BASE ? (addr) : ((addr)-TOLD_BASE) / VMSC_PAGE_SIZE)

struct told_row {
	const char *name;
	unsigned int major, minor;
	const char *before, *op, *told;
};

/* All that is told of the row's operation, until the next one; @invalid: what is then wrong with the model,
 * NULL: nothing. */
const char *told_of(const struct told_row *row, const char **invalid);

/* told_read.c: @row's files and VMAs, and the call that its operation's text stands for. */
void told_set_files(const struct told_row *row, struct vmsc_mm *mm);
void told_set_before(const struct told_row *row, struct vmsc_mm *mm);
void told_read_call(const struct told_row *row, struct vmsc_call *call);
/* A row that can't be read ends the test. */
_Noreturn void told_stop(const struct told_row *row, const char *what);

#endif
