/* SPDX-License-Identifier: MIT */
#include "ways.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "callform.h"
#include "command.h"
#include "heap.h"
#include "input.h"
#include "say.h"
#include "unmapform.h"
#include "unmaplog.h"
#include "value.h"
#include "vmascope/replay.h"

#define NR_CASES 9

/* One implementation at work. */
struct side {
	struct vmsc_replay *replay;
	struct vmsc_unmap_log unmaps;
	uint64_t cases[NR_CASES]; /* merges by case */
};

/* The one that is asked about, beside the one that stands in 7.0. */
struct pair {
	struct vmsc_ways ways;
	struct side mine, other;
	uint64_t calls;
	struct vmsc_extra_record extra; /* for the next call; a head of zeros: none */
	enum vmsc_ended ended;
	struct vmsc_on_paper paper;
	uint64_t first;		/* call after which they are not the same */
	char *first_text, *why; /* why: NULL as long as they are the same */
};

static void on_merge(void *ctx, const struct vmsc_merge_note *note)
{
	((struct side *)ctx)->cases[note->merge_case]++;
}

static void on_unmap(void *ctx, const struct vmsc_unmap_note *note)
{
	vmsc_unmap_log_note(&((struct side *)ctx)->unmaps, note);
}

static void on_unmap_event(void *ctx, const struct vmsc_unmap_event *event)
{
	vmsc_unmap_log_event(&((struct side *)ctx)->unmaps, event);
}

static void open_side(struct side *side, enum vmsc_merge_way merge, enum vmsc_unmap_way unmap)
{
	struct vmsc_replay_config config = {
		.allocator = vmsc_heap,
		.merge_way = merge,
		.unmap_way = unmap,
		.listener = {.merge = on_merge,
			     .unmap = on_unmap,
			     .unmap_event = on_unmap_event,
			     .ctx = side},
	};

	side->replay = vmsc_replay_new(&config);
	if (!side->replay)
		vmsc_out_of_memory();
}

static void close_side(struct side *side)
{
	vmsc_replay_free(side->replay);
	vmsc_unmap_log_free(&side->unmaps);
}

static char *vma_differs(const struct vmsc_vma *a, const struct vmsc_vma *b)
{
	if (a->start != b->start || a->end != b->end)
		return vmsc_format("%" PRIx64 "-%" PRIx64 " instead of %" PRIx64 "-%" PRIx64, b->start,
				   b->end, a->start, a->end);
	if (a->anon_vma != b->anon_vma)
		return vmsc_format("%" PRIx64 "-%" PRIx64 " has another anon_vma", b->start, b->end);
	return vmsc_format("%" PRIx64 "-%" PRIx64 " has other attributes", b->start, b->end);
}

/* The VMAs in and around [start, end), in every field. */
static char *vmas_differ(const struct pair *pair, uint64_t start, uint64_t end)
{
	const struct vmsc_mm *mine = vmsc_replay_mm(pair->mine.replay),
			     *other = vmsc_replay_mm(pair->other.replay);
	struct vmsc_vma a, b;

	if (vmsc_mm_prev(mine, start, &a) && a.start < start)
		start = a.start;
	for (;;) {
		bool has_a = vmsc_mm_find(mine, start, &a), has_b = vmsc_mm_find(other, start, &b);

		if (!has_a && !has_b)
			return NULL;
		if (!has_a || !has_b)
			return vmsc_format("a VMA %s", has_a ? "is missing" : "is one too many");
		if (memcmp(&a, &b, sizeof(a)))
			return vma_differs(&a, &b);
		if (a.start >= end)
			return NULL;
		start = a.end;
	}
}

static char *results_differ(const struct vmsc_call_record *record, const struct vmsc_outcome *mine,
			    const struct vmsc_outcome *other)
{
	char *predicted, *why;

	if (mine->predicted == other->predicted)
		return NULL;
	predicted = vmsc_result_to_text(record->nr, other->predicted);
	why = vmsc_format("the result would be %s", predicted);
	free(predicted);
	return why;
}

static void forget_unmaps(struct pair *pair)
{
	vmsc_unmap_log_clear(&pair->mine.unmaps);
	vmsc_unmap_log_clear(&pair->other.unmaps);
}

/* Only the first divergence counts: what follows may be its consequence. */
static void after_call(struct pair *pair, const struct vmsc_call_record *record)
{
	const struct vmsc_outcome *mine = vmsc_replay_last(pair->mine.replay),
				  *other = vmsc_replay_last(pair->other.replay);
	struct vmsc_written_call call;

	pair->calls++;
	if (!pair->why) {
		pair->why = vmsc_unmap_log_differs(&pair->mine.unmaps, &pair->other.unmaps, &pair->paper);
		if (!pair->why)
			pair->why = results_differ(record, mine, other);
		if (!pair->why)
			pair->why = vmas_differ(pair, mine->start < other->start ? mine->start : other->start,
						mine->end > other->end ? mine->end : other->end);
		if (pair->why) {
			pair->first = pair->calls;
			vmsc_written_call_of(&call, record, &pair->extra);
			pair->first_text = vmsc_call_to_text(&call);
		}
	}
	forget_unmaps(pair);
	pair->extra.head.type = 0;
}

static void feed(struct pair *pair, const struct vmsc_record *record)
{
	if (vmsc_replay_record(pair->mine.replay, record) || vmsc_replay_record(pair->other.replay, record))
		vmsc_out_of_memory();
	if (record->type == VMSC_RECORD_EXTRA)
		pair->extra = *(const struct vmsc_extra_record *)(const void *)record;
	if (record->type == VMSC_RECORD_CALL)
		after_call(pair, (const void *)record);
	if (record->type == VMSC_RECORD_END)
		pair->ended = ((const struct vmsc_end_record *)(const void *)record)->ended;
}

/* All that is there at the end, and then exit_mmap(). */
static void finish(struct pair *pair)
{
	if (!pair->why)
		pair->why = vmas_differ(pair, 0, UINT64_MAX);
	vmsc_replay_finish(pair->mine.replay, pair->ended);
	vmsc_replay_finish(pair->other.replay, pair->ended);
	if (!pair->why)
		pair->why = vmsc_unmap_log_differs(&pair->mine.unmaps, &pair->other.unmaps, &pair->paper);
	forget_unmaps(pair);
}

static bool run(struct pair *pair, const char *path)
{
	const struct vmsc_record *record;
	struct vmsc_input input;
	bool good;

	if (!vmsc_input_open(&input, path))
		return false;
	open_side(&pair->mine, VMSC_MERGE_WAY_NEW, VMSC_UNMAP_WAY_DESC);
	open_side(&pair->other, pair->ways.merge, pair->ways.unmap);
	pair->ended = ((const struct vmsc_trace_header *)(const void *)input.data)->ended;
	while ((record = vmsc_trace_next(&input.trace)))
		feed(pair, record);
	finish(pair);
	good = !vmsc_input_complain_if_damaged(&input);
	vmsc_input_close(&input);
	return good;
}

static bool is_merge(const struct pair *pair)
{
	return pair->ways.merge != VMSC_MERGE_WAY_NEW;
}

static void write_what(const struct pair *pair, const struct vmsc_tally *tally)
{
	if (is_merge(pair)) {
		printf("merge by %s, against %s: %" PRIu64 " calls, %" PRIu64 " of %" PRIu64
		       " attempts merged",
		       vmsc_merge_way_name(pair->ways.merge), vmsc_merge_way_name(VMSC_MERGE_WAY_NEW),
		       pair->calls, tally->merges, tally->merges_attempted);
		for (unsigned int i = 1; i < NR_CASES; i++)
			printf("%s%u: %" PRIu64, i == 1 ? " (case " : ", ", i, pair->other.cases[i]);
		puts(")");
		return;
	}
	printf("unmap by %s, against %s: %" PRIu64 " calls, %" PRIu64 " unmappings of %" PRIu64 " VMAs%s\n",
	       vmsc_unmap_way_name(pair->ways.unmap), vmsc_unmap_way_name(VMSC_UNMAP_WAY_DESC), pair->calls,
	       tally->unmaps, tally->unmapped_vmas, tally->has_exit ? ", and exit_mmap" : "");
}

static void write_text(const struct pair *pair)
{
	write_what(pair, vmsc_replay_tally(pair->mine.replay));
	if (!pair->why)
		puts("  no divergence");
	else if (pair->first)
		printf("  first divergence: call %" PRIu64 " %s: %s\n", pair->first, pair->first_text,
		       pair->why);
	else
		printf("  first divergence: at the end: %s\n", pair->why);
	if (!is_merge(pair))
		printf("  on paper only: the iterator is left elsewhere %" PRIu64
		       " times, before it is set anew; %" PRIu64 " times other runs of free_pgd_range\n",
		       pair->paper.iterator, pair->paper.runs);
}

static json_t *text_or_null(const char *text)
{
	return text ? vmsc_json_text(text) : json_null();
}

static json_t *pair_json(const struct pair *pair)
{
	const struct vmsc_tally *tally = vmsc_replay_tally(pair->mine.replay);
	json_t *object = json_object(), *cases = json_array();

	vmsc_json_put(object, "merge", vmsc_json_text(vmsc_merge_way_name(pair->ways.merge)));
	vmsc_json_put(object, "unmap", vmsc_json_text(vmsc_unmap_way_name(pair->ways.unmap)));
	vmsc_json_put(object, "calls", vmsc_json_number(pair->calls));
	vmsc_json_put(object, "unmappings", vmsc_json_number(tally->unmaps));
	vmsc_json_put(object, "merges", vmsc_json_number(tally->merges));
	for (unsigned int i = 1; i < NR_CASES; i++)
		vmsc_json_append(cases, vmsc_json_number(pair->other.cases[i]));
	vmsc_json_put(object, "merge_cases", cases);
	vmsc_json_put(object, "iterator_left_elsewhere", vmsc_json_number(pair->paper.iterator));
	vmsc_json_put(object, "other_runs", vmsc_json_number(pair->paper.runs));
	vmsc_json_put(object, "first_divergence", pair->first ? vmsc_json_number(pair->first) : json_null());
	vmsc_json_put(object, "first_text", text_or_null(pair->first_text));
	vmsc_json_put(object, "why", text_or_null(pair->why));
	return object;
}

static int run_pair(const char *path, const struct vmsc_ways *ways, json_t *all)
{
	struct pair *pair = vmsc_alloc(sizeof(*pair));
	int status = VMSC_EXIT_TROUBLE;

	memset(pair, 0, sizeof(*pair));
	pair->ways = *ways;
	if (run(pair, path))
		status = pair->why ? VMSC_EXIT_DIFFERS : VMSC_EXIT_GOOD;
	if (pair->mine.replay && all)
		vmsc_json_append(all, pair_json(pair));
	else if (pair->mine.replay)
		write_text(pair);
	close_side(&pair->mine);
	close_side(&pair->other);
	free(pair->first_text);
	free(pair->why);
	free(pair);
	return status;
}

static void show_text(void *ctx, const struct vmsc_unmap_note *note)
{
	char *text = vmsc_unmap_to_text(note, "  ");

	(void)ctx;
	fputs(text, stdout);
	free(text);
}

static void show_json(void *ctx, const struct vmsc_unmap_note *note)
{
	json_t *object = vmsc_unmap_json(note);

	(void)ctx;
	json_dumpf(object, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(object);
}

/* Each unmapping as it comes, one JSON object a line or a few lines of text. */
static int show(const char *path, bool json)
{
	const struct vmsc_replay_config config = {
		.allocator = vmsc_heap,
		.listener = {.unmap = json ? show_json : show_text},
	};
	enum vmsc_ended ended = VMSC_ENDED_NOT;
	struct vmsc_replay *replay;
	const struct vmsc_record *record;
	struct vmsc_input input;
	bool damaged;

	if (!vmsc_input_open(&input, path))
		return VMSC_EXIT_TROUBLE;
	replay = vmsc_replay_new(&config);
	if (!replay)
		vmsc_out_of_memory();
	while ((record = vmsc_trace_next(&input.trace))) {
		if (vmsc_replay_record(replay, record))
			vmsc_out_of_memory();
		if (record->type == VMSC_RECORD_END)
			ended = ((const struct vmsc_end_record *)(const void *)record)->ended;
	}
	vmsc_replay_finish(replay, ended);
	damaged = vmsc_input_complain_if_damaged(&input);
	vmsc_replay_free(replay);
	vmsc_input_close(&input);
	return vmsc_finish_output(damaged ? VMSC_EXIT_TROUBLE : VMSC_EXIT_GOOD);
}

static int worse(int one, int other)
{
	return one > other ? one : other;
}

int vmsc_ways_replay(const char *path, const struct vmsc_ways *ways, bool json)
{
	const struct vmsc_ways unmap = {.unmap = ways->unmap}, merge = {.merge = ways->merge};
	json_t *all = json && !ways->show ? json_array() : NULL, *object;
	int status = VMSC_EXIT_GOOD;

	if (ways->show)
		return show(path, json);
	if (ways->unmap || !ways->merge)
		status = run_pair(path, &unmap, all);
	if (ways->merge)
		status = worse(status, run_pair(path, &merge, all));
	if (all) {
		object = json_object();
		vmsc_json_put(object, "schema", json_string("vmascope.ways/1"));
		vmsc_json_put(object, "ways", all);
		json_dumpf(object, stdout, JSON_INDENT(2));
		putchar('\n');
		json_decref(object);
	}
	return vmsc_finish_output(status);
}

bool vmsc_ways_take_unmap(struct vmsc_ways *ways, const char *name)
{
	unsigned int i;

	ways->asked = true;
	ways->show = !strcmp(name, "show");
	if (ways->show)
		return true;
	ways->unmap = VMSC_UNMAP_WAY_ARGS;
	if (!strcmp(name, "both"))
		return true;
	for (i = 0; i < VMSC_NR_UNMAP_WAYS; i++) {
		ways->unmap = i;
		if (!strcmp(name, vmsc_unmap_way_name(i)))
			return true;
	}
	vmsc_usage(0, "--unmap=%s is no way of unmapping", name);
	return false;
}

bool vmsc_ways_take_merge(struct vmsc_ways *ways, const char *name)
{
	ways->asked = true;
	ways->merge = strcmp(name, "new") ? VMSC_MERGE_WAY_CASES : VMSC_MERGE_WAY_NEW;
	if (!ways->merge || !strcmp(name, "cases") || !strcmp(name, "both"))
		return true;
	vmsc_usage(0, "--merge=%s is no way of merging", name);
	return false;
}
