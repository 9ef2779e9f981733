/* SPDX-License-Identifier: MIT */
#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOOK_EVERY 4096 /* steps; the clock is asked then */

void vmsc_progress_begin(struct vmsc_progress *progress)
{
	memset(progress, 0, sizeof(*progress));
	progress->silent = !isatty(STDERR_FILENO);
	progress->percent = -1;
	clock_gettime(CLOCK_MONOTONIC, &progress->begun);
}

static bool is_long(const struct vmsc_progress *progress)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec - progress->begun.tv_sec > (now.tv_nsec < progress->begun.tv_nsec);
}

void vmsc_progress_step(struct vmsc_progress *progress, size_t done, size_t all)
{
	int percent;

	if (progress->silent || ++progress->steps % LOOK_EVERY || !all)
		return;
	percent = (int)(100.0 * (double)done / (double)all);
	if (percent == progress->percent || (!progress->shown && !is_long(progress)))
		return;
	progress->percent = percent;
	progress->shown = true;
	fprintf(stderr, "\rvmascope: reading the trace, %d %%", percent);
	fflush(stderr);
}

void vmsc_progress_end(struct vmsc_progress *progress)
{
	if (progress->shown)
		fputs("\r\033[K", stderr);
}
