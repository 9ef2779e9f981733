/* SPDX-License-Identifier: MIT */
/*
 * pgtable.h - an address space and its page tables, in the model and, where @kernel, in this process too.
 */
#ifndef VMASCOPE_TESTS_PGTABLE_H
#define VMASCOPE_TESTS_PGTABLE_H

#include "vmascope/model.h"

#define BASE	    UINT64_C(0x300000000000)
#define NR_TOUCHED  4096
#define MAX_PROBLEM 300

/* One operation. */
struct pgtable_op {
	enum { OP_MAP, OP_SHARE, OP_TOUCH, OP_UNMAP, OP_DISCARD, OP_MOVE } kind;
	uint64_t start, end, to;
	bool read_only;
};

/* What of a page is known: is it a page of its own (counted in Rss)? */
struct pgtable_world {
	struct vmsc_mm *mm;
	bool kernel, warming;	      /* warming: the program's own pages are still being faulted in */
	uint64_t touched[NR_TOUCHED]; /* pages that count in Rss */
	size_t nr_touched;
	const struct pgtable_op *moving;
	uint64_t dropped; /* of them, zapped by the last operation */
	uint64_t freed[VMSC_NR_TABLE_LEVELS];
	uint64_t seq;
	int64_t first_pte, first_rss; /* KiB before the first operation */
	char problem[MAX_PROBLEM];
};

bool pgtable_open(struct pgtable_world *world, bool kernel, bool five, enum vmsc_unmap_way way);
/* Before the kernel does anything: what is done until pgtable_measure() is not compared. */
void pgtable_begin_kernel(struct pgtable_world *world);
/* An empty address space again, from which on VmPTE and Rss must agree. */
bool pgtable_measure(struct pgtable_world *world, bool five);
/* False with world->problem: model and kernel part. */
bool pgtable_do(struct pgtable_world *world, const struct pgtable_op *op);
bool pgtable_fail(struct pgtable_world *world, const char *what, int64_t want, int64_t got);
/* Tables that VmPTE counts. */
uint64_t pgtable_counted(const struct vmsc_mm *mm);
/* Does this kernel free tables with nothing left in them? */
bool pgtable_reclaims(void);

#endif
