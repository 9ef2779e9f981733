/* SPDX-License-Identifier: MIT */
/*
 * layout_run.c - runs a table in one world and prints what fails. Entry point: layout_main().
 */
#include "layout_plan.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SKIPPED	     77
#define NR_RELEASES  6
#define MAX_FAILURES 5000

/* Every row holds for each of these that its since and until include. The second 6.18 has a backport of 6.19.
 */
static const struct layout_release releases[NR_RELEASES] = {
	{6, 1}, {6, 6}, {6, 12}, {6, 18}, {6, 19}, {7, 0},
};

struct run {
	const char *table, *only;
	bool verbose;
	size_t passed, failed, skipped;
};

static unsigned int number_of(const struct layout_release *release)
{
	return release->major * 1000 + release->minor;
}

static unsigned int parse_release(const char *text, unsigned int otherwise)
{
	struct layout_release release;

	if (!text || sscanf(text, "%u.%u", &release.major, &release.minor) != 2)
		return otherwise;
	return number_of(&release);
}

static bool holds(const struct layout_case *row, const struct layout_release *release)
{
	unsigned int number = number_of(release);

	return number >= parse_release(row->since, 0) && number <= parse_release(row->until, ~0u);
}

static void print_fail(const struct run *run, const struct layout_plan *plan, const char *world,
		       const struct layout_drawing *seen, bool model, const char *problem)
{
	const struct layout_case *row = plan->row;
	char drawn[LAYOUT_PAGES + 1];
	size_t width = strlen(row->before) > strlen(row->after) ? strlen(row->before) : strlen(row->after);

	printf("FAIL %s: %s\n              ", run->table, row->name);
	for (size_t i = 0; i < width; i++)
		putchar('0' + (int)(i % 10));
	printf("\n     before   %s\n     op       %s\n     want     %s\n", row->before, row->op, row->after);
	if (row->except)
		printf("     where    %s\n", row->except);
	layout_text(seen, &plan->after, model, drawn);
	printf("     %-8s %-*s     <- %s\n", world, (int)width, drawn, problem);
}

/* What the other world says of a row that failed in this one. */
static void print_model(const struct layout_plan *plan, vmsc_rules_t rules)
{
	static struct layout_drawing seen;
	char problem[700], drawn[LAYOUT_PAGES + 1];
	bool failed;
	int err = layout_model_run(plan, rules, 0, &failed, &seen, problem, sizeof(problem));

	layout_text(&seen, &plan->after, true, drawn);
	printf("     model    %s%s%s\n", drawn, err ? "     <- " : "", err ? problem : "");
}

static bool run_release(struct run *run, const struct layout_plan *plan, const struct layout_release *release)
{
	static const char *const names[LAYOUT_NR_WAYS] = {"", ", older ways", ", VMAs only"};
	static struct layout_drawing seen;
	char problem[700], world[24];
	bool failed, good = true;
	vmsc_rules_t rules = vmsc_rules_of_release(release->major, release->minor);

	for (int way = 0; good && way < LAYOUT_NR_WAYS; way++) {
		layout_model_way = (enum layout_way)way;
		good = !layout_model_run(plan, rules, 0, &failed, &seen, problem, sizeof(problem));
	}
	if (!good) {
		snprintf(world, sizeof(world), "on %u.%u%s", release->major, release->minor,
			 names[layout_model_way]);
		print_fail(run, plan, world, &seen, true, problem);
	}
	layout_model_way = LAYOUT_WAY_PLAIN;
	return good;
}

/* For a row that holds between the tested releases only: its own. */
static struct layout_release own_release(const struct layout_case *row)
{
	struct layout_release release = {6, 18};
	const char *text = row->since ? row->since : row->until;

	if (text)
		(void)!sscanf(text, "%u.%u", &release.major, &release.minor);
	return release;
}

static int run_model(struct run *run, const struct layout_plan *plan)
{
	struct layout_release own = own_release(plan->row);
	bool ok = true, any = false;

	for (size_t i = 0; i < NR_RELEASES && ok; i++) {
		if (!holds(plan->row, &releases[i]))
			continue;
		any = true;
		ok = run_release(run, plan, &releases[i]);
	}
	if (!any)
		ok = run_release(run, plan, &own);
	return ok ? 0 : 1;
}

static struct layout_release newest(const struct layout_case *row)
{
	for (size_t i = NR_RELEASES; i-- > 0;)
		if (holds(row, &releases[i]))
			return releases[i];
	return own_release(row);
}

static int run_oom(struct run *run, const struct layout_plan *plan)
{
	static struct layout_drawing seen;
	struct layout_release release = newest(plan->row);
	vmsc_rules_t rules = vmsc_rules_of_release(release.major, release.minor);
	char problem[700], world[24];
	bool failed = true;

	for (uint64_t at = 1; failed && at < MAX_FAILURES; at++) {
		if (!layout_model_run(plan, rules, at, &failed, &seen, problem, sizeof(problem)))
			continue;
		snprintf(world, sizeof(world), "oom %u", (unsigned int)at);
		print_fail(run, plan, world, &seen, true, problem);
		return 1;
	}
	return 0;
}

static int run_kernel(struct run *run, const struct layout_plan *plan, const struct layout_kernel *kernel)
{
	static struct layout_drawing seen;
	char problem[700];

	if ((plan->needs & kernel->lacks) || !holds(plan->row, &kernel->release))
		return SKIPPED;
	if (!layout_kernel_run(plan, &seen, problem, sizeof(problem)))
		return 0;
	print_fail(run, plan, "kernel", &seen, false, problem);
	print_model(plan, kernel->rules);
	return 1;
}

static void run_row(struct run *run, const char *world, const struct layout_kernel *kernel,
		    const struct layout_case *row)
{
	static struct layout_plan plan;
	int result;

	if (run->only && !strstr(row->name, run->only))
		return;
	if (layout_parse(row, &plan)) {
		printf("FAIL %s: %s\n     %s\n", run->table, row->name, plan.problem);
		run->failed++;
		return;
	}
	if (*world == 'k')
		result = run_kernel(run, &plan, kernel);
	else
		result = *world == 'o' ? run_oom(run, &plan) : run_model(run, &plan);
	run->passed += !result;
	run->failed += result == 1;
	run->skipped += result == SKIPPED;
	if (run->verbose && result != 1)
		printf("%-4s %s: %s\n", result ? "skip" : "ok", run->table, row->name);
}

int layout_main(int argc, char **argv, const char *table, const struct layout_case *cases, size_t nr)
{
	struct run run = {.table = table};
	struct layout_kernel kernel;
	const char *world = argc > 1 ? argv[1] : "";

	if (!strcmp(world, "vectors") && layout_vectors)
		return layout_vectors(table, cases, nr);
	if (strcmp(world, "model") && strcmp(world, "kernel") && strcmp(world, "oom")) {
		fprintf(stderr, "usage: %s model|kernel|oom|vectors [-v] [PART-OF-A-ROW'S-NAME]\n", argv[0]);
		return 2;
	}
	for (int i = 2; i < argc; i++) {
		if (!strcmp(argv[i], "-v"))
			run.verbose = true;
		else
			run.only = argv[i];
	}
	if (*world == 'k' && layout_kernel_open(&kernel)) {
		printf("%s: no calls can be made here\n", table);
		return SKIPPED;
	}
	for (size_t i = 0; i < nr; i++)
		run_row(&run, world, &kernel, &cases[i]);
	printf("%s on %s: %zu rows hold, %zu fail, %zu skipped\n", table, world, run.passed, run.failed,
	       run.skipped);
	if (run.failed)
		return 1;
	return run.passed ? 0 : SKIPPED;
}
