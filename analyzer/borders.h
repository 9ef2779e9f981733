/* SPDX-License-Identifier: MIT */
/*
 * borders.h - the addresses at which VMAs begin, in order, each with the call that made a VMA begin there.
 *
 * A VMA more is a border more; so whoever made the border holds the VMA, whether by mapping or by splitting.
 */
#ifndef VMSC_ANALYZER_BORDERS_H
#define VMSC_ANALYZER_BORDERS_H

#include <stdint.h>

#include "vmascope/model.h"

struct vmsc_border {
	uint64_t addr;
	uint64_t call;		  /* made it; 0: it was there before recording */
	uint64_t since;		  /* the call since which the reason is this one */
	uint64_t bits;		  /* vm_flags that differ */
	enum vmsc_refusal reason; /* why the VMAs on both sides are two; NOT_ADJACENT: nothing is below */
	bool own;		  /* the recorder made it */
};

struct vmsc_borders;

struct vmsc_borders *vmsc_borders_new(void);
void vmsc_borders_free(struct vmsc_borders *borders);

/* The first at or above @addr, NULL when there is none. Valid until it is removed. */
struct vmsc_border *vmsc_borders_from(const struct vmsc_borders *borders, uint64_t addr);
struct vmsc_border *vmsc_borders_next(const struct vmsc_border *border);
/* A new one at @addr, where there is none yet. */
struct vmsc_border *vmsc_borders_add(struct vmsc_borders *borders, uint64_t addr);
/* Returns the next one. */
struct vmsc_border *vmsc_borders_remove(struct vmsc_borders *borders, struct vmsc_border *border);

#endif
