/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdlib.h>

#include "report.h"
#include "say.h"
#include "value.h"

/* The worst that failed for a limit; "" when nothing did. */
static const char *worst_cause(const struct vmsc_history *history)
{
	size_t i;

	for (i = 0; i < history->nr_failures; i++)
		if (history->failures[i].first.limit)
			return vmsc_cause_name(history->failures[i].first.cause);
	return "";
}

static void write_process(const struct vmsc_report *report, unsigned int depth, FILE *out)
{
	const struct vmsc_analysis *analysis = &report->analysis;
	struct vmsc_bytes comm = analysis->strings[VMSC_STRING_COMM];
	char *name = vmsc_printable(comm.text ? comm.text : "", comm.length);
	uint64_t max = analysis->limits ? analysis->limits->max_map_count : 0;

	fprintf(out, "%9" PRIu64 " %8.1f %9zu %9" PRIu64 "  %-14s  %*s%s %u\n",
		(uint64_t)report->answers.moment->nr_vmas,
		max ? 100.0 * (double)report->answers.moment->nr_vmas / (double)max : 0.0, analysis->nr_vmas,
		analysis->tally->failed, worst_cause(&analysis->history), (int)depth * 2, "",
		*name ? name : "(unnamed)", analysis->header->pid);
	free(name);
}

static bool is_child(const struct vmsc_report *child, const struct vmsc_report *parent)
{
	return child != parent && child->analysis.header->ppid == parent->analysis.header->pid;
}

/* One that was replaced by exec and what came after it have one pid: both are children of the same. */
static bool has_parent(const struct vmsc_report *reports, size_t nr, const struct vmsc_report *child)
{
	size_t i;

	for (i = 0; i < nr; i++)
		if (is_child(child, &reports[i]))
			return true;
	return false;
}

static void write_branch(const struct vmsc_report *reports, size_t nr, const struct vmsc_report *top,
			 unsigned int depth, bool *written, FILE *out)
{
	size_t i;

	if (written[top - reports])
		return;
	written[top - reports] = true;
	write_process(top, depth, out);
	for (i = 0; i < nr; i++)
		if (is_child(&reports[i], top))
			write_branch(reports, nr, &reports[i], depth + 1, written, out);
}

void vmsc_report_write_tree(const struct vmsc_report *reports, size_t nr, FILE *out)
{
	bool *written = vmsc_alloc(nr * sizeof(*written));
	size_t i;

	fprintf(out,
		"%zu processes\n  VMAs at  %% of the        at    failed\n     most    limit   the end     "
		"calls  limit"
		"           command, process\n",
		nr);
	for (i = 0; i < nr; i++)
		if (!has_parent(reports, nr, &reports[i]))
			write_branch(reports, nr, &reports[i], 0, written, out);
	for (i = 0; i < nr; i++)
		write_branch(reports, nr, &reports[i], 0, written, out);
	free(written);
}
