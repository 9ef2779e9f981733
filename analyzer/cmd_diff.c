/* SPDX-License-Identifier: MIT */
/*
 * `vmascope diff`: two recordings side by side, by call site and by reason.
 *
 * Sites are matched by the names of their functions where there are any, so that two builds of one program
 * are comparable; otherwise by module and offset.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define uthash_fatal(message) vmsc_out_of_memory()
#include "answers.h"
#include "callform.h"
#include "command.h"
#include "report.h"
#include "say.h"
#include "table.h"
#include "value.h"
#include <uthash.h>

#define SHOWN 15

/* Something that both recordings may have, counted in each. */
struct pair {
	char *name;
	uint64_t counts[2];
	UT_hash_handle hh;
};

/* A table of such things. */
struct side_by_side {
	struct pair *pairs;
};

static void add(struct side_by_side *table, int side, char *name, uint64_t count)
{
	struct pair *pair;

	HASH_FIND_STR(table->pairs, name, pair);
	if (pair) {
		free(name);
	} else {
		pair = vmsc_alloc(sizeof(*pair));
		pair->name = name;
		HASH_ADD_KEYPTR(hh, table->pairs, name, strlen(name), pair);
	}
	pair->counts[side] += count;
}

static void free_table(struct side_by_side *table)
{
	struct pair *pair, *next;

	HASH_ITER(hh, table->pairs, pair, next)
	{
		HASH_DEL(table->pairs, pair);
		free(pair->name);
		free(pair);
	}
}

static uint64_t distance(const struct pair *pair)
{
	return pair->counts[0] > pair->counts[1] ? pair->counts[0] - pair->counts[1]
						 : pair->counts[1] - pair->counts[0];
}

/* What changed most comes first. */
static int compare(const struct pair *a, const struct pair *b)
{
	if (distance(a) != distance(b))
		return distance(a) < distance(b) ? 1 : -1;
	if (a->counts[0] + a->counts[1] != b->counts[0] + b->counts[1])
		return a->counts[0] + a->counts[1] < b->counts[0] + b->counts[1] ? 1 : -1;
	return strcmp(a->name, b->name);
}

/* --- what is compared --- */

static struct side_by_side sites_of(const struct vmsc_report *reports)
{
	struct side_by_side table = {NULL};
	const struct vmsc_answers *answers;
	size_t i;

	for (int side = 0; side < 2; side++) {
		answers = &reports[side].answers;
		for (i = 0; i < answers->nr_holdings; i++)
			add(&table, side, vmsc_site_name(answers, answers->holdings[i].site),
			    answers->holdings[i].vmas);
	}
	return table;
}

static struct side_by_side reasons_of(const struct vmsc_report *reports)
{
	struct side_by_side table = {NULL};
	const struct vmsc_answers *answers;
	size_t i;

	for (int side = 0; side < 2; side++) {
		answers = &reports[side].answers;
		for (i = 0; i < answers->nr_reasons; i++)
			add(&table, side,
			    vmsc_apart_text(answers->reasons[i].reason, answers->reasons[i].bits),
			    answers->reasons[i].pairs);
	}
	return table;
}

static struct side_by_side kinds_of(const struct vmsc_report *reports)
{
	struct side_by_side table = {NULL};
	const struct vmsc_answers *answers;
	size_t i;

	for (int side = 0; side < 2; side++) {
		answers = &reports[side].answers;
		for (i = 0; i < answers->moment->nr_vmas; i++)
			if (answers->tiles[i].site != VMSC_SITE_RECORDER)
				add(&table, side, vmsc_format("%s", answers->kinds[answers->tiles[i].kind]),
				    1);
	}
	return table;
}

static struct side_by_side calls_of(const struct vmsc_report *reports)
{
	struct side_by_side table = {NULL};
	unsigned int nr;

	for (int side = 0; side < 2; side++)
		for (nr = 0; nr < VMSC_NR_SYSCALLS; nr++)
			if (reports[side].analysis.tally->by_call[nr])
				add(&table, side, vmsc_syscall_text(nr),
				    reports[side].analysis.tally->by_call[nr]);
	return table;
}

static struct side_by_side callers_of(const struct vmsc_report *reports)
{
	struct side_by_side table = {NULL};
	const struct vmsc_history *history;
	size_t i;

	for (int side = 0; side < 2; side++) {
		history = &reports[side].analysis.history;
		for (i = 0; i < history->nr_sites; i++)
			if (history->sites[i].calls)
				add(&table, side, vmsc_site_name(&reports[side].answers, (uint32_t)i),
				    history->sites[i].calls);
	}
	return table;
}

static struct side_by_side failures_of(const struct vmsc_report *reports)
{
	struct side_by_side table = {NULL};
	const struct vmsc_history *history;
	char *site;
	size_t i;

	for (int side = 0; side < 2; side++) {
		history = &reports[side].analysis.history;
		for (i = 0; i < history->nr_failures; i++) {
			site = vmsc_site_name(&reports[side].answers, history->failures[i].site);
			add(&table, side,
			    vmsc_format("%s: %s", vmsc_cause_name(history->failures[i].first.cause), site),
			    history->failures[i].count);
			free(site);
		}
	}
	return table;
}

static const struct {
	const char *key, *title, *counted;
	struct side_by_side (*gather)(const struct vmsc_report *reports);
} tables[] = {
	{"sites", "which call made a VMA begin there, from where", "VMAs", sites_of},
	{"reasons", "why adjacent VMAs are two", "pairs", reasons_of},
	{"kinds", "what the VMAs are", "VMAs", kinds_of},
	{"failures", "calls that failed", "calls", failures_of},
	{"callers", "who makes the calls", "calls", callers_of},
	{"calls", "calls", "calls", calls_of},
};

#define NR_TABLES (sizeof(tables) / sizeof(tables[0]))

/* --- text --- */

static void write_row(uint64_t a, uint64_t b, const char *name)
{
	printf("%10" PRIu64 " %10" PRIu64 " %+10" PRId64 "  %s\n", a, b, (int64_t)(b - a), name);
}

static void write_table(struct side_by_side *table, const char *title, const char *counted)
{
	const struct pair *pair;
	size_t shown = 0, same = 0;

	HASH_SORT(table->pairs, compare);
	for (pair = table->pairs; pair; pair = pair->hh.next)
		same += !distance(pair);
	if (same == HASH_COUNT(table->pairs))
		return;
	printf("\n%s (%s)\n%10s %10s %10s\n", title, counted, "first", "second", "change");
	for (pair = table->pairs; pair && distance(pair) && shown < SHOWN; pair = pair->hh.next, shown++)
		write_row(pair->counts[0], pair->counts[1], pair->name);
	if (shown + same < HASH_COUNT(table->pairs))
		printf("%34s and %zu more that changed\n", "", HASH_COUNT(table->pairs) - shown - same);
	if (same)
		printf("%34s and %zu that did not\n", "", same);
}

static void write_head(const struct vmsc_report *reports)
{
	const struct vmsc_analysis *a = &reports[0].analysis, *b = &reports[1].analysis;
	char *first = vmsc_printable(reports[0].path, strlen(reports[0].path)),
	     *second = vmsc_printable(reports[1].path, strlen(reports[1].path));

	printf("first   %s\nsecond  %s\n\n%10s %10s %10s\n", first, second, "first", "second", "change");
	write_row(reports[0].answers.moment->nr_vmas, reports[1].answers.moment->nr_vmas, "VMAs at most");
	write_row(a->nr_vmas, b->nr_vmas, "VMAs at the end");
	write_row(a->tally->calls, b->tally->calls, "calls");
	write_row(a->tally->failed, b->tally->failed, "calls that failed");
	write_row(a->tally->merges, b->tally->merges, "merges");
	free(first);
	free(second);
}

/* --- JSON --- */

static json_t *side_json(const struct vmsc_report *report)
{
	json_t *object = json_object();

	vmsc_json_put(object, "trace", vmsc_json_text(report->path));
	vmsc_json_put(object, "peak", vmsc_json_number(report->answers.moment->nr_vmas));
	vmsc_json_put(object, "vmas", vmsc_json_number(report->analysis.nr_vmas));
	vmsc_json_put(object, "calls", vmsc_json_number(report->analysis.tally->calls));
	vmsc_json_put(object, "failed", vmsc_json_number(report->analysis.tally->failed));
	vmsc_json_put(object, "merges", vmsc_json_number(report->analysis.tally->merges));
	return object;
}

static json_t *table_json(struct side_by_side *table)
{
	json_t *array = json_array(), *object;
	const struct pair *pair;

	HASH_SORT(table->pairs, compare);
	for (pair = table->pairs; pair; pair = pair->hh.next) {
		object = json_object();
		vmsc_json_put(object, "name", vmsc_json_text(pair->name));
		vmsc_json_put(object, "first", vmsc_json_number(pair->counts[0]));
		vmsc_json_put(object, "second", vmsc_json_number(pair->counts[1]));
		vmsc_json_append(array, object);
	}
	return array;
}

static void write_diff(const struct vmsc_report *reports, bool json)
{
	json_t *object = json ? json_object() : NULL;
	struct side_by_side table;
	size_t i;

	if (json) {
		vmsc_json_put(object, "schema", json_string("vmascope.diff/1"));
		vmsc_json_put(object, "first", side_json(&reports[0]));
		vmsc_json_put(object, "second", side_json(&reports[1]));
	} else {
		write_head(reports);
	}
	for (i = 0; i < NR_TABLES; i++) {
		table = tables[i].gather(reports);
		if (json)
			vmsc_json_put(object, tables[i].key, table_json(&table));
		else
			write_table(&table, tables[i].title, tables[i].counted);
		free_table(&table);
	}
	if (!json)
		return;
	json_dumpf(object, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(object);
}

/* --- the command --- */

static int diff(char **paths, bool json)
{
	struct vmsc_report reports[2];
	struct vmsc_input inputs[2];
	int status = VMSC_EXIT_GOOD, opened;

	for (opened = 0; opened < 2 && vmsc_input_open(&inputs[opened], paths[opened]); opened++) {
		vmsc_report_open(&reports[opened], &inputs[opened], paths[opened]);
		if (vmsc_input_complain_if_damaged(&inputs[opened]))
			status = VMSC_EXIT_TROUBLE;
	}
	if (opened == 2)
		write_diff(reports, json);
	else
		status = VMSC_EXIT_TROUBLE;
	while (opened-- > 0) {
		vmsc_report_close(&reports[opened]);
		vmsc_input_close(&inputs[opened]);
	}
	return vmsc_finish_output(status);
}

int vmsc_diff_main(int argc, char **argv)
{
	static const struct option options[] = {{"json", no_argument, NULL, 'j'},
						VMSC_SYMBOL_OPTIONS,
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	bool json = false;
	int option;

	while ((option = vmsc_next_option(argc, argv, "h", options)) != -1)
		if (!vmsc_take_symbol_option(option))
			json = true;
	if (argc - optind != 2)
		return vmsc_usage(VMSC_EXIT_TROUBLE, "needs two traces");
	return diff(argv + optind, json);
}
