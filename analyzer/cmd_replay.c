/* SPDX-License-Identifier: MIT */
/*
 * `vmascope replay`: the same calls under several sets of rules at once, call by call in step, so that the
 * first call after which two address spaces are not the same can be named.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "callform.h"
#include "command.h"
#include "input.h"
#include "say.h"
#include "vmascope/replay.h"

#define MAX_LANES	32
#define DEFAULT_KERNELS "6.1,6.6,6.12,6.18,7.0"

/* One set of rules at work. */
struct lane {
	char *name;
	struct vmsc_replay *replay;
	uint64_t peak, other_results;
	uint64_t first; /* call after which it is not as lane 0; 0: always was */
	char *first_text, *first_why;
};

struct race {
	struct lane lanes[MAX_LANES];
	size_t nr;
	uint64_t calls;
	const struct vmsc_extra_record *extra;
	bool skipping; /* inside a snapshot that only lane 0 may see */
};

static void *take(void *ctx, size_t size)
{
	(void)ctx;
	return malloc(size);
}

static void give_back(void *ctx, void *ptr, size_t size)
{
	(void)ctx;
	(void)size;
	free(ptr);
}

static void add_lane(struct race *race, char *name, const vmsc_rules_t *rules)
{
	struct vmsc_replay_config config = {.allocator = {.alloc = take, .free = give_back}};

	if (rules) {
		config.rules = *rules;
		config.rules_given = true;
	}
	race->lanes[race->nr].name = name;
	race->lanes[race->nr].replay = vmsc_replay_new(&config);
	if (!race->lanes[race->nr++].replay)
		vmsc_out_of_memory();
}

/* The kernel's own view belongs to the kernel that was recorded; the others see only where all begin. */
static bool is_beginning(const struct vmsc_snapshot_record *snapshot)
{
	return snapshot->when == VMSC_WHEN_ATTACH || snapshot->when == VMSC_WHEN_FORK ||
	       snapshot->when == VMSC_WHEN_RESUME;
}

static bool same_vma(const struct vmsc_vma *a, const struct vmsc_vma *b)
{
	return a->start == b->start && a->end == b->end && a->vm_flags == b->vm_flags && a->pgoff == b->pgoff;
}

/* The first difference of two address spaces between the neighbours of [start, end). NULL: none. */
static char *compare(const struct vmsc_mm *mine, const struct vmsc_mm *other, uint64_t start, uint64_t end)
{
	struct vmsc_vma a, b;
	bool has_a, has_b;

	if (vmsc_mm_prev(mine, start, &a) && a.start < start)
		start = a.start;
	for (;;) {
		has_a = vmsc_mm_find(mine, start, &a);
		has_b = vmsc_mm_find(other, start, &b);
		if (!has_a && !has_b)
			return NULL;
		if (!has_a || !has_b || !same_vma(&a, &b))
			break;
		if (a.start >= end)
			return NULL;
		start = a.end;
	}
	if (!has_a || (has_b && b.start < a.start))
		return vmsc_format("%" PRIx64 "-%" PRIx64 " is there, not by the trace's rules", b.start,
				   b.end);
	if (!has_b || a.start < b.start)
		return vmsc_format("%" PRIx64 "-%" PRIx64 " is missing", a.start, a.end);
	if (a.end != b.end)
		return vmsc_format("%" PRIx64 "-%" PRIx64 " instead of %" PRIx64 "-%" PRIx64, b.start, b.end,
				   a.start, a.end);
	return vmsc_format("%" PRIx64 "-%" PRIx64 " has other flags or another pgoff", b.start, b.end);
}

static void compare_lane(struct race *race, struct lane *lane, const struct vmsc_call_record *record)
{
	const struct vmsc_outcome *mine = vmsc_replay_last(race->lanes[0].replay),
				  *other = vmsc_replay_last(lane->replay);
	struct vmsc_written_call call;
	char *predicted;
	bool other_result;

	if (!mine || !other)
		return;
	other_result = mine->predicted != other->predicted;
	lane->other_results += other_result;
	if (lane->first)
		return;
	lane->first_why = compare(vmsc_replay_mm(race->lanes[0].replay), vmsc_replay_mm(lane->replay),
				  mine->start < other->start ? mine->start : other->start,
				  mine->end > other->end ? mine->end : other->end);
	if (!lane->first_why && other_result) {
		predicted = vmsc_result_to_text(record->nr, other->predicted);
		lane->first_why = vmsc_format("the result would be %s", predicted);
		free(predicted);
	}
	if (!lane->first_why)
		return;
	lane->first = race->calls;
	vmsc_written_call_of(&call, record, race->extra);
	lane->first_text = vmsc_call_to_text(&call);
}

static void after_call(struct race *race, const struct vmsc_call_record *record)
{
	size_t i, count;

	race->calls++;
	for (i = 0; i < race->nr; i++) {
		count = vmsc_replay_mm(race->lanes[i].replay)
				? vmsc_mm_map_count(vmsc_replay_mm(race->lanes[i].replay))
				: 0;
		if (count > race->lanes[i].peak)
			race->lanes[i].peak = count;
		if (i && count)
			compare_lane(race, &race->lanes[i], record);
	}
	race->extra = NULL;
}

static void feed(struct race *race, const struct vmsc_record *record)
{
	bool in_snapshot = record->type == VMSC_RECORD_SNAPSHOT || record->type == VMSC_RECORD_SEEN ||
			   record->type == VMSC_RECORD_SNAPSHOT_END;
	size_t i;

	if (record->type == VMSC_RECORD_SNAPSHOT)
		race->skipping = !is_beginning((const void *)record);
	for (i = 0; i < race->nr; i++)
		if (!i || !in_snapshot || !race->skipping)
			if (vmsc_replay_record(race->lanes[i].replay, record))
				vmsc_out_of_memory();
	if (record->type == VMSC_RECORD_EXTRA)
		race->extra = (const void *)record;
	if (record->type == VMSC_RECORD_CALL)
		after_call(race, (const void *)record);
}

static void write_race(const struct race *race)
{
	const struct lane *lane;
	size_t i, now;

	printf("%-12s %9s %9s %9s  %s\n", "rules", "VMAs", "at most", "results", "first divergence");
	printf("%-12s %9s %9s %9s\n", "", "at end", "", "differ");
	for (i = 0; i < race->nr; i++) {
		lane = &race->lanes[i];
		now = vmsc_replay_mm(lane->replay) ? vmsc_mm_map_count(vmsc_replay_mm(lane->replay)) : 0;
		printf("%-12s %9zu %9" PRIu64 " %9" PRIu64 "  ", lane->name, now,
		       lane->peak > now ? lane->peak : now, lane->other_results);
		if (!i)
			puts("");
		else if (!lane->first)
			puts("none");
		else
			printf("call %" PRIu64 " %s: %s\n", lane->first, lane->first_text, lane->first_why);
	}
}

static bool add_kernels(struct race *race, const char *list)
{
	char *copy = vmsc_format("%s", list), *rest = copy, *name;
	vmsc_rules_t rules;
	bool good = true;

	while (good && (name = strsep(&rest, ","))) {
		good = race->nr < MAX_LANES && !vmsc_rules_of_string(name, &rules);
		if (good)
			add_lane(race, vmsc_format("%s", name), &rules);
		else
			vmsc_usage(0, "%s is no release as 6.12, or there are too many", name);
	}
	free(copy);
	return good;
}

static void free_race(struct race *race)
{
	size_t i;

	for (i = 0; i < race->nr; i++) {
		vmsc_replay_free(race->lanes[i].replay);
		free(race->lanes[i].name);
		free(race->lanes[i].first_text);
		free(race->lanes[i].first_why);
	}
}

static int replay(const char *path, const char *kernels)
{
	struct race race = {.nr = 0};
	const struct vmsc_record *record;
	struct vmsc_input input;
	int status = VMSC_EXIT_TROUBLE;

	if (!vmsc_input_open(&input, path))
		return status;
	add_lane(&race, vmsc_format("%s", "the trace's"), NULL);
	if (add_kernels(&race, kernels)) {
		while ((record = vmsc_trace_next(&input.trace)))
			feed(&race, record);
		write_race(&race);
		status = vmsc_input_complain_if_damaged(&input) ? VMSC_EXIT_TROUBLE : VMSC_EXIT_GOOD;
	}
	free_race(&race);
	vmsc_input_close(&input);
	return vmsc_finish_output(status);
}

int vmsc_replay_main(int argc, char **argv)
{
	static const struct option options[] = {{"kernel", required_argument, NULL, 'k'},
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	const char *kernels = DEFAULT_KERNELS;
	int option;

	while ((option = vmsc_next_option(argc, argv, "h", options)) != -1) {
		if (option == '?')
			return VMSC_EXIT_TROUBLE;
		if (option == 'h')
			return vmsc_help();
		kernels = optarg;
	}
	if (argc - optind != 1)
		return vmsc_usage(VMSC_EXIT_TROUBLE, "needs one trace");
	return replay(argv[optind], kernels);
}
