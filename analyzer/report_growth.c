/* SPDX-License-Identifier: MIT */
/*
 * VMAs over time, and who took most of them in each stretch.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "report.h"
#include "say.h"

#define GROWTH_ROWS 10
#define BAR_WIDTH   30

/* The site that took most VMAs between two calls; NONE: nobody took any. */
static uint32_t greatest_taker(const struct vmsc_history *history, uint64_t from, uint64_t to, int64_t *taken)
{
	int64_t *sums = vmsc_alloc(history->nr_sites * sizeof(*sums));
	uint32_t best = VMSC_SITE_NONE;
	size_t low = 0, high = history->nr_changes, middle, i;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (history->changes[middle].call <= from)
			low = middle + 1;
		else
			high = middle;
	}
	*taken = 0;
	for (; low < history->nr_changes && history->changes[low].call <= to; low++)
		sums[history->changes[low].site] += history->changes[low].vmas;
	for (i = 0; i < history->nr_sites; i++) {
		if (sums[i] <= *taken)
			continue;
		*taken = sums[i];
		best = (uint32_t)i;
	}
	free(sums);
	return best;
}

static void write_growth_row(const struct vmsc_report *report, uint64_t from, uint64_t call, FILE *out)
{
	const struct vmsc_history *history = &report->analysis.history;
	int width = history->peak ? (int)(history->count[call] * (uint64_t)BAR_WIDTH / history->peak) : 0;
	int64_t taken;
	uint32_t site = greatest_taker(history, from, call, &taken);
	char *text;

	fprintf(out, "%9.3f s %10" PRIu64 " %9" PRIu32 "  %.*s",
		(double)vmsc_call_time(&report->analysis, call) / 1e9, call, history->count[call], width,
		"##############################");
	if (site == VMSC_SITE_NONE || taken < 2) {
		fputc('\n', out);
		return;
	}
	text = vmsc_site_text(&report->answers, site);
	fprintf(out, "%*s  +%" PRId64 " %s\n", BAR_WIDTH - width, "", taken, text);
	free(text);
}

void vmsc_report_write_growth(const struct vmsc_report *report, FILE *out)
{
	const struct vmsc_history *history = &report->analysis.history;
	uint64_t last = vmsc_call_time(&report->analysis, history->nr_calls), call = 0, before = 0, row;

	if (history->nr_calls < 2 * GROWTH_ROWS || history->peak < history->count[0] + GROWTH_ROWS)
		return;
	fputs("\ngrowth\n       time       call      VMAs\n", out);
	write_growth_row(report, 0, 0, out);
	for (row = 1; row <= GROWTH_ROWS; row++) {
		before = call;
		while (call < history->nr_calls &&
		       vmsc_call_time(&report->analysis, call + 1) <=
			       (row == GROWTH_ROWS ? UINT64_MAX : last / GROWTH_ROWS * row))
			call++;
		if (call > before)
			write_growth_row(report, before, call, out);
	}
}
