/* SPDX-License-Identifier: MIT */
/*
 * patterns.h - what repeats in the order of the VMAs: "84 KiB rw-p + 8 KiB ---p, 31000 times".
 */
#ifndef VMSC_ANALYZER_PATTERNS_H
#define VMSC_ANALYZER_PATTERNS_H

#include "history.h"

#define VMSC_PERIOD_MAX 8

/* One VMA as it goes into a pattern. */
struct vmsc_tile {
	uint32_t kind; /* of what it is: access, flags, file or name */
	uint32_t site; /* that holds it */
	uint64_t size;
};

#define VMSC_SLOT_VALUES 16

/* The commonest of some numbers; exact while there are at most VMSC_SLOT_VALUES different ones. */
struct vmsc_commonest {
	uint64_t value[VMSC_SLOT_VALUES], count[VMSC_SLOT_VALUES];
	size_t nr;
};

/* One VMA of a pattern, over all its repetitions. */
struct vmsc_slot {
	uint32_t kind;
	uint64_t min_size, max_size, bytes;
	struct vmsc_commonest sizes, sites;
};

struct vmsc_pattern {
	size_t period;
	struct vmsc_slot slots[VMSC_PERIOD_MAX];
	uint64_t times, vmas;
	size_t first; /* tile, of the first repetition */
};

/* The patterns of at least three repetitions, most VMAs first; *nr says how many. The caller frees them. */
struct vmsc_pattern *vmsc_patterns_find(const struct vmsc_tile *tiles, size_t nr_tiles, size_t *nr);

uint64_t vmsc_commonest_value(const struct vmsc_commonest *values);

#endif
