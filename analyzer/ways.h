/* SPDX-License-Identifier: MIT */
/*
 * ways.h - a trace replayed by two implementations of the same rules: "no functional change" as a test.
 */
#ifndef VMSC_ANALYZER_WAYS_H
#define VMSC_ANALYZER_WAYS_H

#include <stdbool.h>

#include "vmascope/model.h"

struct vmsc_ways {
	bool show;		   /* only each unmapping with its descriptor */
	bool asked;		   /* some implementation was named */
	enum vmsc_merge_way merge; /* against VMSC_MERGE_WAY_NEW */
	enum vmsc_unmap_way unmap; /* against VMSC_UNMAP_WAY_DESC */
};

/* "both" is the older way beside the newer one; a way's own name is that; "show" compares nothing. Complains
 * and returns false. */
bool vmsc_ways_take_unmap(struct vmsc_ways *ways, const char *name);
bool vmsc_ways_take_merge(struct vmsc_ways *ways, const char *name);

/* Replays the trace at @path by each way that was named, and writes where it parts. Returns: exit status. */
int vmsc_ways_replay(const char *path, const struct vmsc_ways *ways, bool json);

#endif
