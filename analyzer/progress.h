/* SPDX-License-Identifier: MIT */
/*
 * progress.h - how far a long walk is, on a terminal and only there.
 */
#ifndef VMSC_ANALYZER_PROGRESS_H
#define VMSC_ANALYZER_PROGRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

struct vmsc_progress {
	size_t steps;
	struct timespec begun;
	bool silent, shown;
	int percent;
};

void vmsc_progress_begin(struct vmsc_progress *progress);
/* @done of @all; cheap enough for each record. */
void vmsc_progress_step(struct vmsc_progress *progress, size_t done, size_t all);
void vmsc_progress_end(struct vmsc_progress *progress);

#endif
