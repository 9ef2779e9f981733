/* SPDX-License-Identifier: MIT */
/*
 * `vmascope merge`: many summaries into one. One summary is in memory at a time, and what they come to.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "groups.h"
#include "input.h"
#include "recording.h"
#include "say.h"
#include "summary.h"
#include "value.h"

#define TOP 10

/* --- `report --summary` --- */

static int summarize_one(const char *path, const char *label)
{
	struct vmsc_summary summary;
	struct vmsc_report report;
	struct vmsc_input input;
	json_t *object;
	int status = VMSC_EXIT_GOOD;

	if (!vmsc_input_open(&input, path))
		return VMSC_EXIT_TROUBLE;
	vmsc_report_open(&report, &input, path);
	vmsc_summary_begin(&summary);
	vmsc_summary_add(&summary, &report, label);
	object = vmsc_summary_json(&summary);
	json_dumpf(object, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(object);
	vmsc_summary_free(&summary);
	if (vmsc_input_complain_if_damaged(&input))
		status = VMSC_EXIT_TROUBLE;
	vmsc_report_close(&report);
	vmsc_input_close(&input);
	return status;
}

int vmsc_summarize(char **paths, size_t nr, const char *label)
{
	int status = VMSC_EXIT_GOOD;
	size_t i;

	for (i = 0; i < nr; i++)
		if (summarize_one(paths[i], label ? label : ""))
			status = VMSC_EXIT_TROUBLE;
	return vmsc_finish_output(status);
}

/* --- reading --- */

static bool take(struct vmsc_summary *sum, const json_t *object, const char *path, size_t number)
{
	struct vmsc_summary one;
	const char *why;
	bool good;

	vmsc_summary_begin(&one);
	good = vmsc_summary_read(&one, object, &why);
	if (good)
		vmsc_summary_merge(sum, &one);
	else
		vmsc_complain("%s: summary %zu is left out: %s", path, number, why);
	vmsc_summary_free(&one);
	return good;
}

/* Is there more than blanks? What is found is put back. */
static bool has_more(FILE *in)
{
	int c;

	while ((c = getc(in)) == ' ' || c == '\n' || c == '\t' || c == '\r')
		;
	return c != EOF && ungetc(c, in) != EOF;
}

static bool merge_stream(struct vmsc_summary *sum, FILE *in, const char *path)
{
	bool good = true;
	json_error_t error;
	json_t *object;
	size_t number;

	for (number = 1; has_more(in); number++) {
		object = json_loadf(in, JSON_DISABLE_EOF_CHECK | JSON_REJECT_DUPLICATES, &error);
		if (!object) {
			vmsc_complain("%s: summary %zu is no JSON, and nothing after it is read: %s", path,
				      number, error.text);
			return false;
		}
		good &= take(sum, object, path, number);
		json_decref(object);
	}
	return good;
}

static bool merge_file(struct vmsc_summary *sum, const char *path)
{
	FILE *in = !strcmp(path, "-") ? stdin : fopen(path, "re");
	bool good;

	if (!in) {
		vmsc_complain("%s: can't open: %s", path, strerror(errno));
		return false;
	}
	good = merge_stream(sum, in, path);
	if (ferror(in)) {
		vmsc_complain("%s: can't read: %s", path, strerror(errno));
		good = false;
	}
	if (in != stdin)
		fclose(in);
	return good;
}

/* --- for a person --- */

static void print_histogram(const struct vmsc_summary *sum)
{
	static const unsigned int percents[] = {50, 90, 99, 100};
	size_t i;

	printf("%-24s", "most VMAs of a trace");
	for (i = 0; i < 4; i++)
		printf("  %u %% below or at %" PRIu64, percents[i],
		       vmsc_summary_step_start(
			       vmsc_summary_quantile(sum->peaks, VMSC_SUMMARY_STEPS, percents[i]) + 1) -
			       1);
	printf("\n%-24s", "of vm.max_map_count");
	for (i = 0; i < 4; i++)
		printf("  %u %% below or at %zu %%", percents[i],
		       vmsc_summary_quantile(sum->used, 101, percents[i]));
	putchar('\n');
}

static int by_second(const void *a, const void *b)
{
	const struct vmsc_summary_row *x = *(const struct vmsc_summary_row *const *)a;
	const struct vmsc_summary_row *y = *(const struct vmsc_summary_row *const *)b;

	if (x->value[1] != y->value[1])
		return x->value[1] < y->value[1] ? 1 : -1;
	if (x->value[0] != y->value[0])
		return x->value[0] < y->value[0] ? 1 : -1;
	return strcmp(x->name, y->name);
}

static void print_row(const struct vmsc_summary_row *row, const char *const columns[VMSC_SUMMARY_COLUMNS])
{
	char *name = vmsc_printable(row->name, strlen(row->name));
	size_t i;

	for (i = 0; i < VMSC_SUMMARY_COLUMNS && columns[i]; i++)
		printf("%12" PRIu64, row->value[i]);
	printf("  %s\n", name);
	free(name);
}

static void print_table(const struct vmsc_summary *sum, enum vmsc_summary_table table)
{
	const struct vmsc_summary_rows *rows = &sum->rows[table];
	const struct vmsc_summary_row **sorted =
		vmsc_alloc(rows->nr * sizeof(const struct vmsc_summary_row *));
	size_t i;

	for (i = 0; i < rows->nr; i++)
		sorted[i] = &rows->all[i];
	qsort(sorted, rows->nr, sizeof(const struct vmsc_summary_row *), by_second);
	if (rows->nr)
		putchar('\n');
	for (i = 0; rows->nr && i < VMSC_SUMMARY_COLUMNS && vmsc_summary_columns[table][i]; i++)
		printf("%12s", vmsc_summary_columns[table][i]);
	if (rows->nr)
		printf("  %s\n", vmsc_summary_table_names[table]);
	for (i = 0; i < rows->nr && i < TOP; i++)
		print_row(sorted[i], vmsc_summary_columns[table]);
	if (rows->cut)
		printf("    and more than %d others; of those some are not counted\n", VMSC_SUMMARY_NAMES);
	else if (rows->nr > TOP)
		printf("    and %zu others\n", rows->nr - TOP);
	free(sorted);
}

static void print_nearest(const struct vmsc_summary *sum)
{
	size_t i;

	if (sum->nr_nearest)
		puts("\n        VMAs   of at most  nearest to vm.max_map_count");
	for (i = 0; i < sum->nr_nearest && i < TOP; i++) {
		const struct vmsc_summary_trace *trace = &sum->nearest[i];
		char *program = vmsc_printable(trace->program, strlen(trace->program));
		char *label = vmsc_printable(trace->label, strlen(trace->label));

		printf("%12" PRIu64 " %12" PRIu64 "  %s, pid %" PRIu64 "%s%s\n", trace->peak, trace->limit,
		       program, trace->pid, *label ? ", " : "", label);
		free(program);
		free(label);
	}
}

static void print_text(const struct vmsc_summary *sum)
{
	unsigned int i;

	for (i = 0; i < VMSC_NR_SUMMARY_COUNTS; i++)
		printf("%-24s  %" PRIu64 "\n", vmsc_summary_count_names[i], sum->count[i]);
	print_histogram(sum);
	print_nearest(sum);
	for (i = 0; i < VMSC_NR_SUMMARY_TABLES; i++)
		print_table(sum, i);
}

static void print_json(const struct vmsc_summary *sum)
{
	json_t *object = vmsc_summary_json(sum);

	json_dumpf(object, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(object);
}

int vmsc_merge_main(int argc, char **argv)
{
	static const struct option options[] = {
		{"text", no_argument, NULL, 't'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
	int i, status = VMSC_EXIT_GOOD;
	struct vmsc_summary sum;
	bool text = false;

	while (vmsc_next_option(argc, argv, "h", options) != -1)
		text = true;
	vmsc_summary_begin(&sum);
	for (i = optind; i < argc; i++)
		if (!merge_file(&sum, argv[i]))
			status = VMSC_EXIT_TROUBLE;
	if (optind == argc && !merge_file(&sum, "-"))
		status = VMSC_EXIT_TROUBLE;
	if (text)
		print_text(&sum);
	else
		print_json(&sum);
	vmsc_summary_free(&sum);
	return vmsc_finish_output(status);
}
