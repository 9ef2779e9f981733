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
#include "heap.h"
#include "input.h"
#include "say.h"
#include "vmaform.h"
#include "table.h"
#include "value.h"
#include "vmascope/replay.h"
#include "ways.h"
#include "without.h"

#define MAX_LANES	32
#define DEFAULT_KERNELS "6.1,6.6,6.12,6.18,7.0"
#define COUNT_ROWS	10
#define MAX_POINTS	200 /* of a lane's counts in JSON */

/* One set of rules at work. */
struct lane {
	char *name;
	struct vmsc_replay *replay;
	uint32_t without; /* kinds of calls that are left out */
	uint64_t left_out;
	bool is_left_out; /* the last call */
	uint32_t *counts; /* [call]: VMAs after it */
	size_t nr_counts;
	uint64_t peak, peak_call, other_results;
	uint64_t first; /* call after which it is not as lane 0; 0: always was */
	char *first_text, *first_why;
};

struct race {
	struct lane lanes[MAX_LANES];
	size_t nr;
	uint64_t calls;
	struct vmsc_extra_record extra; /* for the next call; a head of zeros: none */
	bool skipping;			/* inside a snapshot that only lane 0 may see */
};

/* What the command line asks for. */
struct wish {
	const char *kernels; /* NULL: none */
	const char *without[MAX_LANES];
	size_t nr_without;
	struct vmsc_ways ways;
	bool json, maps;
};

static void add_lane(struct race *race, char *name, const vmsc_rules_t *rules)
{
	struct vmsc_replay_config config = {.allocator = vmsc_heap};

	if (rules) {
		config.rules = *rules;
		config.rules_given = true;
	}
	race->lanes[race->nr].name = name;
	race->lanes[race->nr].replay = vmsc_replay_new(&config);
	if (!race->lanes[race->nr++].replay)
		vmsc_out_of_memory();
}

static int column_width(const struct lane *lane)
{
	return strlen(lane->name) > 9 ? (int)strlen(lane->name) : 9;
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
	if (lane->is_left_out)
		other = mine;
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
	vmsc_written_call_of(&call, record, &race->extra);
	lane->first_text = vmsc_call_to_text(&call);
}

static void note_count(struct lane *lane, size_t count)
{
	APPEND(lane->counts, lane->nr_counts, (uint32_t)count);
	if (count <= lane->peak)
		return;
	lane->peak = count;
	lane->peak_call = lane->nr_counts;
}

static void after_call(struct race *race, const struct vmsc_call_record *record)
{
	size_t i, count;

	race->calls++;
	for (i = 0; i < race->nr; i++) {
		count = vmsc_replay_mm(race->lanes[i].replay)
				? vmsc_mm_map_count(vmsc_replay_mm(race->lanes[i].replay))
				: 0;
		note_count(&race->lanes[i], count);
		if (i && count)
			compare_lane(race, &race->lanes[i], record);
	}
	race->extra.head.type = 0;
}

/* The record as this lane shall see it. */
static void feed_lane(struct lane *lane, const struct vmsc_record *record)
{
	static const struct vmsc_extra_record nothing = {
		.head = {.type = VMSC_RECORD_EXTRA, .size = sizeof(struct vmsc_extra_record)}};
	struct vmsc_altered_call altered;
	const struct vmsc_record *seen = record;

	if (lane->without && record->type == VMSC_RECORD_CALL) {
		const struct vmsc_call_record *call = vmsc_without_apply(
			lane->without, vmsc_replay_mm(lane->replay), (const void *)record, &altered);

		lane->is_left_out = !call;
		lane->left_out += !call;
		/* what was told for a call that is left out is not to be taken for the next one's */
		seen = call ? &call->head : &nothing.head;
	}
	if (vmsc_replay_record(lane->replay, seen))
		vmsc_out_of_memory();
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
			feed_lane(&race->lanes[i], record);
	if (record->type == VMSC_RECORD_EXTRA)
		race->extra = *(const struct vmsc_extra_record *)(const void *)record;
	if (record->type == VMSC_RECORD_CALL)
		after_call(race, (const void *)record);
}

/* VMAs over time, side by side. */
static void write_counts(const struct race *race)
{
	uint64_t row, call, before = 0;
	size_t i;

	if (race->calls < COUNT_ROWS)
		return;
	printf("\n%10s", "call");
	for (i = 0; i < race->nr; i++)
		printf("  %*s", column_width(&race->lanes[i]), race->lanes[i].name);
	putchar('\n');
	for (row = 1; row <= COUNT_ROWS; row++, before = call) {
		call = race->calls * row / COUNT_ROWS;
		if (call == before)
			continue;
		printf("%10" PRIu64, call);
		for (i = 0; i < race->nr; i++)
			printf("  %*" PRIu32, column_width(&race->lanes[i]), race->lanes[i].counts[call - 1]);
		putchar('\n');
	}
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
	for (i = 0; i < race->nr; i++)
		if (race->lanes[i].without)
			printf("\n%s: %" PRIu64
			       " calls left out; calls that failed in the trace stay failed\n",
			       race->lanes[i].name, race->lanes[i].left_out);
	write_counts(race);
}

static json_t *lane_json(const struct lane *lane)
{
	const struct vmsc_mm *mm = vmsc_replay_mm(lane->replay);
	size_t now = mm ? vmsc_mm_map_count(mm) : 0, step = lane->nr_counts / MAX_POINTS + 1, call;
	json_t *object = json_object(), *counts = json_array(), *point;

	vmsc_json_put(object, "rules", vmsc_json_text(lane->name));
	vmsc_json_put(object, "vmas", vmsc_json_number(now));
	vmsc_json_put(object, "peak", vmsc_json_number(lane->peak > now ? lane->peak : now));
	vmsc_json_put(object, "peak_call", vmsc_json_number(lane->peak_call));
	vmsc_json_put(object, "other_results", vmsc_json_number(lane->other_results));
	vmsc_json_put(object, "left_out", vmsc_json_number(lane->left_out));
	vmsc_json_put(object, "first_divergence", lane->first ? vmsc_json_number(lane->first) : json_null());
	vmsc_json_put(object, "first_text",
		      lane->first_text ? vmsc_json_text(lane->first_text) : json_null());
	vmsc_json_put(object, "first_why", lane->first_why ? vmsc_json_text(lane->first_why) : json_null());
	for (call = 0; call < lane->nr_counts; call += step) {
		point = json_array();
		vmsc_json_append(point, vmsc_json_number(call + 1));
		vmsc_json_append(point, json_integer(lane->counts[call]));
		vmsc_json_append(counts, point);
	}
	vmsc_json_put(object, "counts", counts);
	return object;
}

static void write_race_json(const struct race *race)
{
	json_t *object = json_object(), *lanes = json_array();
	size_t i;

	for (i = 0; i < race->nr; i++)
		vmsc_json_append(lanes, lane_json(&race->lanes[i]));
	vmsc_json_put(object, "schema", json_string("vmascope.replay/1"));
	vmsc_json_put(object, "calls", vmsc_json_number(race->calls));
	vmsc_json_put(object, "lanes", lanes);
	json_dumpf(object, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(object);
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
		free(race->lanes[i].counts);
		free(race->lanes[i].first_text);
		free(race->lanes[i].first_why);
	}
}

static bool add_without(struct race *race, const char *list)
{
	uint32_t set = vmsc_without_parse(list);

	if (!set || race->nr == MAX_LANES) {
		vmsc_usage(0, "--without=%s: one of these is not known, or there are too many", list);
		return false;
	}
	add_lane(race, vmsc_format("no %s", list), NULL);
	race->lanes[race->nr - 1].without = set;
	return true;
}

static bool add_lanes(struct race *race, const struct wish *wish)
{
	size_t i;

	add_lane(race, vmsc_format("%s", "the trace's"), NULL);
	for (i = 0; i < wish->nr_without; i++)
		if (!add_without(race, wish->without[i]))
			return false;
	return !wish->kernels || add_kernels(race, wish->kernels);
}

/* The VMAs at the end under each set of rules, a line each; the recorder's own are not the program's. */
static void write_maps(const struct race *race)
{
	for (size_t i = 0; i < race->nr; i++) {
		const struct vmsc_mm *mm = vmsc_replay_mm(race->lanes[i].replay);
		struct vmsc_vma vma = {.end = 0};
		char perms[5], *flags;

		printf("rules %s\n", race->lanes[i].name);
		while (mm && vmsc_mm_find(mm, vma.end, &vma)) {
			if (vma.traits & VMSC_VMA_OWN)
				continue;
			vmsc_perms_text(vma.vm_flags, perms);
			flags = vmsc_flags_text(vma.vm_flags);
			printf("%" PRIx64 "-%" PRIx64 " %s %08" PRIx64 " %s\n", vma.start, vma.end, perms,
			       vma.file ? vma.pgoff << VMSC_PAGE_SHIFT : 0, flags);
			free(flags);
		}
	}
}

static int replay(const char *path, const struct wish *wish)
{
	struct race race = {.nr = 0};
	const struct vmsc_record *record;
	struct vmsc_input input;
	int status = VMSC_EXIT_TROUBLE;

	if (!vmsc_input_open(&input, path))
		return status;
	if (add_lanes(&race, wish)) {
		while ((record = vmsc_trace_next(&input.trace)))
			feed(&race, record);
		if (wish->maps)
			write_maps(&race);
		else if (wish->json)
			write_race_json(&race);
		else
			write_race(&race);
		status = vmsc_input_complain_if_damaged(&input) ? VMSC_EXIT_TROUBLE : VMSC_EXIT_GOOD;
	}
	free_race(&race);
	vmsc_input_close(&input);
	return vmsc_finish_output(status);
}

static bool take_option(struct wish *wish, int option)
{
	switch (option) {
	case 'k':
		wish->kernels = optarg;
		return true;
	case 'w':
		if (wish->nr_without < MAX_LANES)
			wish->without[wish->nr_without++] = optarg;
		return true;
	case 'u':
		return vmsc_ways_take_unmap(&wish->ways, optarg);
	case 'm':
		return vmsc_ways_take_merge(&wish->ways, optarg);
	case 'j':
		wish->json = true;
		return true;
	case 'M':
		wish->maps = true;
		return true;
	default:
		return false;
	}
}

int vmsc_replay_main(int argc, char **argv)
{
	static const struct option options[] = {
		{"kernel", required_argument, NULL, 'k'}, {"without", required_argument, NULL, 'w'},
		{"unmap", required_argument, NULL, 'u'},  {"merge", required_argument, NULL, 'm'},
		{"json", no_argument, NULL, 'j'},	  {"maps", no_argument, NULL, 'M'},
		{"help", no_argument, NULL, 'h'},	  {NULL, 0, NULL, 0}};
	struct wish wish = {.nr_without = 0};
	int option;

	while ((option = vmsc_next_option(argc, argv, "h", options)) != -1)
		if (!take_option(&wish, option))
			return VMSC_EXIT_TROUBLE;
	if (argc - optind != 1)
		return vmsc_usage(VMSC_EXIT_TROUBLE, "needs one trace");
	if (wish.ways.asked && (wish.kernels || wish.nr_without))
		return vmsc_usage(VMSC_EXIT_TROUBLE,
				  "--unmap and --merge keep to the trace's rules and calls");
	if (wish.ways.asked)
		return vmsc_ways_replay(argv[optind], &wish.ways, wish.json);
	if (!wish.kernels && !wish.nr_without)
		wish.kernels = DEFAULT_KERNELS;
	return replay(argv[optind], &wish);
}
