/* SPDX-License-Identifier: MIT */
#include "summary.h"

#include <stdlib.h>
#include <string.h>

#include "callform.h"
#include "say.h"

const char *const vmsc_summary_count_names[] = {
#define X(name) #name,
	VMSC_SUMMARY_COUNTS(X)
#undef X
};

const char *const vmsc_summary_table_names[] = {
#define X(name, ...) #name,
	VMSC_SUMMARY_TABLES(X)
#undef X
};

const char *const vmsc_summary_columns[][VMSC_SUMMARY_COLUMNS] = {
#define X(name, ...) {__VA_ARGS__},
	VMSC_SUMMARY_TABLES(X)
#undef X
};

/* Staying at the top keeps the sum the same in any order. */
static uint64_t sum(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

static uint64_t larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

void vmsc_summary_begin(struct vmsc_summary *summary)
{
	memset(summary, 0, sizeof(*summary));
	summary->first = UINT64_MAX;
}

static void free_trace(struct vmsc_summary_trace *trace)
{
	free(trace->label);
	free(trace->program);
}

void vmsc_summary_free(struct vmsc_summary *summary)
{
	struct vmsc_summary_rows *rows = summary->rows;
	size_t i;

	for (; rows < summary->rows + VMSC_NR_SUMMARY_TABLES; rows++) {
		for (i = 0; i < rows->nr; i++)
			free(rows->all[i].name);
		free(rows->all);
	}
	for (i = 0; i < summary->nr_nearest; i++)
		free_trace(&summary->nearest[i]);
}

/* --- histograms --- */

size_t vmsc_summary_step(uint64_t value)
{
	unsigned int bits;

	if (value < 8)
		return (size_t)value;
	bits = 63 - (unsigned int)__builtin_clzll(value);
	return 8 * (bits - 2) + (value >> (bits - 3) & 7);
}

uint64_t vmsc_summary_step_start(size_t step)
{
	return step < 8 ? step : (uint64_t)(8 | (step & 7)) << (step / 8 - 1);
}

size_t vmsc_summary_quantile(const uint64_t *steps, size_t nr, unsigned int percent)
{
	uint64_t all = 0, below = 0;
	size_t i;

	for (i = 0; i < nr; i++)
		all = sum(all, steps[i]);
	for (i = 0; i < nr; i++) {
		below = sum(below, steps[i]);
		if (below && (double)below >= (double)all * percent / 100)
			break;
	}
	return i < nr ? i : 0;
}

/* --- tables --- */

static uint64_t hash_of(const char *name)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *name; name++)
		hash = (hash ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
	return hash ^ hash >> 32;
}

/* Where in @rows the name stands, or would. */
static size_t place_of(const struct vmsc_summary_rows *rows, uint64_t hash, const char *name, bool *found)
{
	size_t low = 0, high = rows->nr, middle;
	int order = 1;

	while (low < high) {
		middle = low + (high - low) / 2;
		order = hash < rows->all[middle].hash	? -1
			: hash > rows->all[middle].hash ? 1
							: strcmp(name, rows->all[middle].name);
		if (!order) {
			*found = true;
			return middle;
		}
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	*found = false;
	return low;
}

static struct vmsc_summary_row *insert_row(struct vmsc_summary_rows *rows, size_t at, uint64_t hash,
					   const char *name)
{
	if (rows->nr == VMSC_SUMMARY_NAMES) {
		rows->cut = true;
		if (at == rows->nr)
			return NULL;
		free(rows->all[--rows->nr].name);
	} else if (!(rows->nr & (rows->nr - 1))) {
		rows->all = vmsc_grow(rows->all, rows->nr ? 2 * rows->nr : 1, sizeof(*rows->all));
	}
	memmove(rows->all + at + 1, rows->all + at, (rows->nr++ - at) * sizeof(*rows->all));
	memset(&rows->all[at], 0, sizeof(rows->all[at]));
	rows->all[at].hash = hash;
	rows->all[at].name = vmsc_format("%s", name);
	return &rows->all[at];
}

void vmsc_summary_row(struct vmsc_summary *summary, enum vmsc_summary_table table, const char *name,
		      const uint64_t value[VMSC_SUMMARY_COLUMNS])
{
	struct vmsc_summary_rows *rows = &summary->rows[table];
	struct vmsc_summary_row *row;
	uint64_t hash = hash_of(name);
	size_t i, at;
	bool found;

	at = place_of(rows, hash, name, &found);
	row = found ? &rows->all[at] : insert_row(rows, at, hash, name);
	for (i = 0; row && i < VMSC_SUMMARY_COLUMNS && vmsc_summary_columns[table][i]; i++) {
		if (strcmp(vmsc_summary_columns[table][i], "most") != 0)
			row->value[i] = sum(row->value[i], value[i]);
		else
			row->value[i] = larger(row->value[i], value[i]);
	}
}

/* --- the traces nearest to the limit --- */

static int compare_numbers(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

/* Less than 0: @a is nearer to its limit. No two that differ are equal, so that the order of merging does not
 * show. */
static int compare_traces(const struct vmsc_summary_trace *a, const struct vmsc_summary_trace *b)
{
	unsigned __int128 left = (unsigned __int128)a->peak * b->limit,
			  right = (unsigned __int128)b->peak * a->limit;
	int order = left > right ? -1 : left < right;

	order = order ? order : -compare_numbers(a->peak, b->peak);
	order = order ? order : compare_numbers(a->started, b->started);
	order = order ? order : compare_numbers(a->pid, b->pid);
	order = order ? order : strcmp(a->label, b->label);
	return order ? order : strcmp(a->program, b->program);
}

void vmsc_summary_near(struct vmsc_summary *summary, const struct vmsc_summary_trace *trace)
{
	struct vmsc_summary_trace *list = summary->nearest;
	size_t at = summary->nr_nearest;

	while (at && compare_traces(trace, &list[at - 1]) < 0)
		at--;
	if (at == VMSC_SUMMARY_NEAREST)
		return;
	if (summary->nr_nearest == VMSC_SUMMARY_NEAREST)
		free_trace(&list[--summary->nr_nearest]);
	memmove(list + at + 1, list + at, (summary->nr_nearest++ - at) * sizeof(*list));
	list[at] = *trace;
	list[at].label = vmsc_format("%s", trace->label);
	list[at].program = vmsc_format("%s", trace->program);
}

/* --- one trace --- */

/* Counts under @name, which is freed: one trace of them, unless one_trace is false. */
static void add_row(struct vmsc_summary *summary, enum vmsc_summary_table table, char *name, uint64_t second,
		    uint64_t third, uint64_t fourth)
{
	const uint64_t value[VMSC_SUMMARY_COLUMNS] = {1, second, third, fourth};

	vmsc_summary_row(summary, table, name, value);
	free(name);
}

static char *text_of(struct vmsc_bytes bytes)
{
	return vmsc_format("%.*s", (int)(bytes.text ? bytes.length : 0), bytes.text ? bytes.text : "");
}

static void add_counts(struct vmsc_summary *one, const struct vmsc_analysis *analysis)
{
	const struct vmsc_tally *tally = analysis->tally;
	enum vmsc_verdict verdict = vmsc_analysis_verdict(analysis);

	one->count[VMSC_SUMMARY_traces] = 1;
	one->count[VMSC_SUMMARY_match] = verdict == VMSC_VERDICT_MATCH;
	one->count[VMSC_SUMMARY_differ] = verdict == VMSC_VERDICT_DIFFER;
	one->count[VMSC_SUMMARY_incomplete] = verdict == VMSC_VERDICT_INCOMPLETE;
	one->count[VMSC_SUMMARY_calls] = tally->calls;
	one->count[VMSC_SUMMARY_failed] = tally->failed;
	one->count[VMSC_SUMMARY_mispredicted] = tally->mispredicted;
	one->count[VMSC_SUMMARY_undetermined] = tally->undetermined;
	one->count[VMSC_SUMMARY_outside] = tally->outside;
	one->count[VMSC_SUMMARY_lost] = vmsc_analysis_lost(analysis);
	one->count[VMSC_SUMMARY_merges_attempted] = tally->merges_attempted;
	one->count[VMSC_SUMMARY_merges] = tally->merges;
}

static void add_calls(struct vmsc_summary *one, const struct vmsc_tally *tally)
{
	unsigned int i;

	for (i = 0; i < VMSC_NR_SYSCALLS; i++)
		if (tally->by_call[i])
			add_row(one, VMSC_SUMMARY_TABLE_syscalls, vmsc_syscall_text(i), tally->by_call[i], 0,
				0);
	for (i = 0; i < VMSC_NR_REFUSALS; i++)
		if (tally->refused[i])
			add_row(one, VMSC_SUMMARY_TABLE_refusals, vmsc_format("%s", vmsc_refusal_name(i)),
				tally->refused[i], 0, 0);
}

/* Of one trace a name may come twice, from two sites with one text: the trace counts once. */
static void add_once(struct vmsc_summary *one, enum vmsc_summary_table table, char *name, uint64_t second,
		     uint64_t third)
{
	struct vmsc_summary_rows *rows = &one->rows[table];
	bool found;
	size_t at = place_of(rows, hash_of(name), name, &found);
	uint64_t value[VMSC_SUMMARY_COLUMNS] = {!found, second, third, 0};

	if (vmsc_summary_columns[table][3])
		value[3] = sum(found ? rows->all[at].value[1] : 0, second); /* most: in one trace */
	vmsc_summary_row(one, table, name, value);
	free(name);
}

static void add_answers(struct vmsc_summary *one, const struct vmsc_report *report)
{
	const struct vmsc_answers *answers = &report->answers;
	const struct vmsc_history *history = &report->analysis.history;
	size_t i;

	for (i = 0; i < answers->nr_holdings; i++)
		add_once(one, VMSC_SUMMARY_TABLE_sites, vmsc_site_name(answers, answers->holdings[i].site),
			 answers->holdings[i].vmas, answers->holdings[i].bytes);
	for (i = 0; i < answers->nr_reasons; i++)
		add_once(one, VMSC_SUMMARY_TABLE_apart,
			 vmsc_apart_text(answers->reasons[i].reason, answers->reasons[i].bits),
			 answers->reasons[i].pairs, answers->reasons[i].would_merge);
	for (i = 0; i < history->nr_failures; i++) {
		char *site = vmsc_site_name(answers, history->failures[i].site);

		add_once(one, VMSC_SUMMARY_TABLE_failures,
			 vmsc_format("%s  %s", vmsc_cause_name(history->failures[i].first.cause), site),
			 history->failures[i].count, 0);
		free(site);
	}
}

static void add_peak(struct vmsc_summary *one, const struct vmsc_analysis *analysis, char *program,
		     const char *label)
{
	struct vmsc_summary_trace trace = {
		.label = (char *)label, .program = program, .pid = analysis->header->pid};

	trace.peak = analysis->history.peak;
	trace.limit = analysis->limits ? analysis->limits->max_map_count : 0;
	trace.started = analysis->header->started / 1000000000;
	one->first = one->last = trace.started;
	one->peaks[vmsc_summary_step(trace.peak)] = 1;
	if (!trace.limit)
		return;
	one->used[trace.peak < trace.limit ? trace.peak * 100 / trace.limit : 100] = 1;
	vmsc_summary_near(one, &trace);
}

void vmsc_summary_add(struct vmsc_summary *summary, const struct vmsc_report *report, const char *label)
{
	const struct vmsc_analysis *analysis = &report->analysis;
	char *program = text_of(analysis->strings[VMSC_STRING_COMM]);
	struct vmsc_summary one;

	vmsc_summary_begin(&one);
	add_counts(&one, analysis);
	add_calls(&one, analysis->tally);
	add_row(&one, VMSC_SUMMARY_TABLE_kernels, text_of(analysis->strings[VMSC_STRING_RELEASE]), 0, 0, 0);
	add_answers(&one, report);
	add_peak(&one, analysis, program, label);
	add_row(&one, VMSC_SUMMARY_TABLE_programs, program, analysis->tally->calls, analysis->tally->failed,
		analysis->history.peak);
	vmsc_summary_merge(summary, &one);
	vmsc_summary_free(&one);
}

void vmsc_summary_merge(struct vmsc_summary *summary, const struct vmsc_summary *other)
{
	unsigned int table;
	size_t i;

	for (i = 0; i < VMSC_NR_SUMMARY_COUNTS; i++)
		summary->count[i] = sum(summary->count[i], other->count[i]);
	for (i = 0; i < VMSC_SUMMARY_STEPS; i++)
		summary->peaks[i] = sum(summary->peaks[i], other->peaks[i]);
	for (i = 0; i < 101; i++)
		summary->used[i] = sum(summary->used[i], other->used[i]);
	summary->first = summary->first < other->first ? summary->first : other->first;
	summary->last = larger(summary->last, other->last);
	for (table = 0; table < VMSC_NR_SUMMARY_TABLES; table++) {
		const struct vmsc_summary_rows *rows = &other->rows[table];

		for (i = 0; i < rows->nr; i++)
			vmsc_summary_row(summary, table, rows->all[i].name, rows->all[i].value);
		summary->rows[table].cut |= rows->cut;
	}
	for (i = 0; i < other->nr_nearest; i++)
		vmsc_summary_near(summary, &other->nearest[i]);
}
