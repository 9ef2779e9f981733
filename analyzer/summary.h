/* SPDX-License-Identifier: MIT */
/*
 * summary.h - what many traces come to, in memory that does not grow with them.
 *
 * Summaries merge associatively and commutatively, to the last digit: whoever merges what with what first,
 * the result is the same. Counts add up (and stay at the top once there); the extremes are extremes; of names
 * only the VMSC_SUMMARY_NAMES with the smallest hashes are kept, so that what is kept of a name is kept of it
 * everywhere, and is all of it.
 */
#ifndef VMSC_ANALYZER_SUMMARY_H
#define VMSC_ANALYZER_SUMMARY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "answers.h"

#define VMSC_SUMMARY_SCHEMA  "vmascope.summary/1"
#define VMSC_SUMMARY_NAMES   4096 /* of each table */
#define VMSC_SUMMARY_NEAREST 16
#define VMSC_SUMMARY_COLUMNS 4

#define VMSC_SUMMARY_COUNTS(X)                                                                               \
	X(traces)                                                                                            \
	X(match)                                                                                             \
	X(differ)                                                                                            \
	X(incomplete)                                                                                        \
	X(calls)                                                                                             \
	X(failed)                                                                                            \
	X(mispredicted)                                                                                      \
	X(undetermined)                                                                                      \
	X(outside)                                                                                           \
	X(lost)                                                                                              \
	X(merges_attempted)                                                                                  \
	X(merges)

enum vmsc_summary_count {
#define X(name) VMSC_SUMMARY_##name,
	VMSC_SUMMARY_COUNTS(X)
#undef X
		VMSC_NR_SUMMARY_COUNTS
};

/* Tables by name. Each column adds up but the one called most, which is the greatest. */
#define VMSC_SUMMARY_TABLES(X)                                                                               \
	X(kernels, "traces", NULL, NULL, NULL)                                                               \
	X(programs, "traces", "calls", "failed", "most")                                                     \
	X(syscalls, "traces", "calls", NULL, NULL)                                                           \
	X(refusals, "traces", "refused", NULL, NULL)                                                         \
	X(sites, "traces", "vmas", "bytes", "most")                                                          \
	X(apart, "traces", "pairs", "would_merge", "most")                                                   \
	X(failures, "traces", "failed", NULL, NULL)

enum vmsc_summary_table {
#define X(name, ...) VMSC_SUMMARY_TABLE_##name,
	VMSC_SUMMARY_TABLES(X)
#undef X
		VMSC_NR_SUMMARY_TABLES
};

extern const char *const vmsc_summary_count_names[VMSC_NR_SUMMARY_COUNTS];
extern const char *const vmsc_summary_table_names[VMSC_NR_SUMMARY_TABLES];
extern const char *const vmsc_summary_columns[VMSC_NR_SUMMARY_TABLES][VMSC_SUMMARY_COLUMNS];

struct vmsc_summary_row {
	uint64_t hash;
	char *name;
	uint64_t value[VMSC_SUMMARY_COLUMNS];
};

struct vmsc_summary_rows {
	struct vmsc_summary_row *all; /* by hash, then by name */
	size_t nr;
	bool cut; /* there were more names */
};

/* A histogram: values below 16 apart, above eight steps for each power of two. */
#define VMSC_SUMMARY_STEPS 496

/* One of the traces that came nearest to vm.max_map_count. */
struct vmsc_summary_trace {
	char *label, *program;
	uint64_t pid, started; /* seconds since 1970 */
	uint64_t peak, limit;
};

struct vmsc_summary {
	uint64_t count[VMSC_NR_SUMMARY_COUNTS];
	uint64_t peaks[VMSC_SUMMARY_STEPS]; /* traces, by their most VMAs */
	uint64_t used[101];		    /* traces, by how many percent of vm.max_map_count that was */
	uint64_t first, last; /* when recordings began; first is UINT64_MAX where there is none */
	struct vmsc_summary_rows rows[VMSC_NR_SUMMARY_TABLES];
	struct vmsc_summary_trace nearest[VMSC_SUMMARY_NEAREST];
	size_t nr_nearest;
};

void vmsc_summary_begin(struct vmsc_summary *summary);
void vmsc_summary_free(struct vmsc_summary *summary);

/* One trace more; @label is where it comes from, in the user's words. */
void vmsc_summary_add(struct vmsc_summary *summary, const struct vmsc_report *report, const char *label);
/* All that @other has. */
void vmsc_summary_merge(struct vmsc_summary *summary, const struct vmsc_summary *other);

/* The step at or below which are @percent of the histogram's; 0 where there are none. */
size_t vmsc_summary_quantile(const uint64_t *steps, size_t nr, unsigned int percent);
uint64_t vmsc_summary_step_start(size_t step);
size_t vmsc_summary_step(uint64_t value);

/* For building and reading: one more value of a name, or one more of the nearest. */
void vmsc_summary_row(struct vmsc_summary *summary, enum vmsc_summary_table table, const char *name,
		      const uint64_t value[VMSC_SUMMARY_COLUMNS]);
void vmsc_summary_near(struct vmsc_summary *summary, const struct vmsc_summary_trace *trace);

json_t *vmsc_summary_json(const struct vmsc_summary *summary);
/* False, with *why, when @object is none; @summary, begun before, has then whatever came before the mistake.
 */
bool vmsc_summary_read(struct vmsc_summary *summary, const json_t *object, const char **why);

#endif
