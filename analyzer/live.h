/* SPDX-License-Identifier: MIT */
/*
 * live.h - a trace that is still being written.
 */
#ifndef VMSC_ANALYZER_LIVE_H
#define VMSC_ANALYZER_LIVE_H

#include "analysis.h"

struct vmsc_live {
	int fd;
	unsigned char *data; /* much address space, filled as the file grows */
	size_t size;
	struct vmsc_trace trace;
	struct vmsc_analysis analysis;
	bool begun; /* the header could be read */
};

/* False when there is no such file: errno says why. */
bool vmsc_live_open(struct vmsc_live *live, const char *path);
void vmsc_live_close(struct vmsc_live *live);

/* The next record and its effect, NULL when there is none yet. */
const struct vmsc_record *vmsc_live_next(struct vmsc_live *live);

/* Has the process ended, or the recording of it? */
bool vmsc_live_has_ended(const struct vmsc_live *live);

#endif
