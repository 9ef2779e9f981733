/* SPDX-License-Identifier: MIT */
#include "analysis.h"

#include <stdlib.h>
#include <string.h>

#include "heap.h"
#include "progress.h"
#include "say.h"
#include "story.h"
#include "table.h"

#define BLAMED_MAX 1000 /* differences for which the calls are searched */

/* --- what the replay tells --- */

static const struct vmsc_seen_record *copy_seen(const struct vmsc_seen_record *seen)
{
	size_t size;
	struct vmsc_seen_record *copy;

	if (!seen)
		return NULL;
	size = vmsc_record_size(sizeof(*seen), seen->length);
	copy = vmsc_alloc(size);
	memcpy(copy, seen, sizeof(*seen) + seen->length);
	return copy;
}

static uint64_t latest_call(void *ctx, uint64_t start, uint64_t end)
{
	const struct vmsc_analysis *analysis = ctx;
	size_t i;

	if (analysis->nr_differences >= BLAMED_MAX)
		return 0;
	for (i = analysis->nr_calls; i > 0; i--)
		if (analysis->calls[i - 1].start < end && start < analysis->calls[i - 1].end)
			return i;
	return 0;
}

static void on_difference(void *ctx, const struct vmsc_difference *difference)
{
	struct vmsc_analysis *analysis = ctx;
	struct vmsc_kept_difference kept = {.told = *difference, .checkpoint = analysis->nr_checkpoints};

	kept.told.actual = copy_seen(difference->has_actual ? difference->actual : NULL);
	APPEND(analysis->differences, analysis->nr_differences, kept);
}

static void on_checkpoint(void *ctx, const struct vmsc_checkpoint *checkpoint)
{
	struct vmsc_analysis *analysis = ctx;

	APPEND(analysis->checkpoints, analysis->nr_checkpoints, *checkpoint);
}

static void set_hull(struct vmsc_call_ref *ref, uint64_t start, uint64_t end)
{
	const uint64_t most = (UINT64_C(1) << 48) - 1; /* there is nothing above */

	ref->start = start < most ? start : most;
	ref->end = end < most ? end : most;
}

/*
 * A call that wrongly failed changed nothing; what it named stands for what it would have changed. One that
 * wrongly succeeded did so because the model was wrong before: look for the culprit further back.
 */
static void note_hull(struct vmsc_call_ref *ref, const struct vmsc_call *call,
		      const struct vmsc_outcome *outcome)
{
	bool failed = call->result < 0 && call->result >= -4095;

	if (outcome->wrong && !failed && outcome->predicted < 0)
		return;
	set_hull(ref, outcome->start, outcome->end);
	if (outcome->wrong && outcome->start >= outcome->end && call->args[0] < call->args[0] + call->args[1])
		set_hull(ref, call->args[0], call->args[0] + call->args[1]);
}

static void on_call(void *ctx, const struct vmsc_call *call, const struct vmsc_call_record *record,
		    const struct vmsc_outcome *outcome)
{
	struct vmsc_analysis *analysis = ctx;
	struct vmsc_kept_outcome kept = {.call = call->seq, .outcome = *outcome};

	if (analysis->with_history)
		vmsc_history_call(&analysis->history, vmsc_replay_mm(analysis->replay), call,
				  record ? record->stack : 0, outcome);
	if (call->seq && call->seq <= analysis->nr_calls)
		note_hull(&analysis->calls[call->seq - 1], call, outcome);
	if (outcome->wrong)
		APPEND(analysis->wrong.all, analysis->wrong.nr, kept);
	if (outcome->undetermined)
		APPEND(analysis->undetermined.all, analysis->undetermined.nr, kept);
}

/* --- what the records tell --- */

static void note_string(struct vmsc_analysis *analysis, const struct vmsc_string_record *record)
{
	const char *tail = vmsc_record_tail(&record->head, sizeof(*record));
	struct vmsc_bytes text = {tail, record->length};

	if (record->what && record->length)
		text.text = vmsc_store_copy(&analysis->kept, tail, record->length);
	if (record->what == VMSC_STRING_PROBLEM)
		APPEND(analysis->problems, analysis->nr_problems, text);
	else if (record->what && record->what < VMSC_STRING_PROBLEM)
		analysis->strings[record->what] = text;
}

static size_t offset_of(const struct vmsc_analysis *analysis, const void *record)
{
	return (size_t)((const char *)record - (const char *)analysis->header);
}

static const void *keep(struct vmsc_store *in, const struct vmsc_record *record)
{
	return vmsc_store_copy(in, record, record->size);
}

static void note_call(struct vmsc_analysis *analysis, const struct vmsc_call_record *record)
{
	struct vmsc_call_ref ref = {.at = offset_of(analysis, record)};
	uint64_t before = analysis->extra_at ? (ref.at - analysis->extra_at) / 8 : 0;

	if (before > UINT32_MAX) /* nothing that was recorded: it stands right before its call */
		before = 0;
	ref.extra_high = before >> 16 & 0xffff;
	ref.extra_low = before & 0xffff;
	APPEND(analysis->calls, analysis->nr_calls, ref);
	analysis->extra_at = 0;
}

static void note_snapshot(struct vmsc_analysis *analysis, const struct vmsc_snapshot_record *record)
{
	analysis->gathering = record->when != VMSC_WHEN_CALL && record->when != VMSC_WHEN_UNDETERMINED;
	if (!analysis->gathering)
		return;
	analysis->nr_last_seen = 0;
	vmsc_store_free(&analysis->seen);
}

static void note_record(struct vmsc_analysis *analysis, const struct vmsc_record *record)
{
	const void *any = record;

	switch (record->type) {
	case VMSC_RECORD_STRING:
		note_string(analysis, any);
		break;
	case VMSC_RECORD_LIMITS:
		analysis->limits = keep(&analysis->kept, record);
		break;
	case VMSC_RECORD_EXTRA:
		analysis->extra_at = offset_of(analysis, record);
		break;
	case VMSC_RECORD_CALL:
		note_call(analysis, any);
		break;
	case VMSC_RECORD_SNAPSHOT:
		note_snapshot(analysis, any);
		break;
	case VMSC_RECORD_SEEN:
		if (analysis->gathering)
			APPEND(analysis->last_seen, analysis->nr_last_seen, keep(&analysis->seen, record));
		break;
	case VMSC_RECORD_SITE:
		APPEND(analysis->sites, analysis->nr_sites, keep(&analysis->kept, record));
		break;
	case VMSC_RECORD_END:
		analysis->end = keep(&analysis->kept, record);
		break;
	default:
		break;
	}
}

/* --- the VMAs at the end --- */

static const struct vmsc_seen_record *find_seen(const struct vmsc_analysis *analysis,
						const struct vmsc_vma *vma)
{
	size_t low = 0, high = analysis->nr_last_seen, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (analysis->last_seen[middle]->end <= vma->start)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < analysis->nr_last_seen && analysis->last_seen[low]->start < vma->end)
		return analysis->last_seen[low];
	return NULL;
}

static void gather_vmas(struct vmsc_analysis *analysis)
{
	const struct vmsc_mm *mm = vmsc_replay_mm(analysis->replay);
	struct vmsc_final_vma final, *prev;
	const struct vmsc_file *file;
	uint64_t address = 0;

	while (mm && vmsc_mm_find(mm, address, &final.vma)) {
		file = final.vma.file ? vmsc_mm_file(mm, final.vma.file) : NULL;
		final.file = file ? *file : (struct vmsc_file){.id = 0};
		final.seen = find_seen(analysis, &final.vma);
		final.apart = VMSC_REFUSED_NOT_ADJACENT;
		final.apart_bits = 0;
		prev = analysis->nr_vmas ? &analysis->vmas[analysis->nr_vmas - 1] : NULL;
		if (prev && prev->vma.end == final.vma.start)
			final.apart = vmsc_mm_why_apart(mm, &prev->vma, &final.vma, &final.apart_bits);
		APPEND(analysis->vmas, analysis->nr_vmas, final);
		address = final.vma.end;
		if (!address)
			break;
	}
}

/* After a look at the kernel's maps: what the model took over from it has borders too. */
static void note_look(struct vmsc_analysis *analysis, const struct vmsc_record *record)
{
	const struct vmsc_snapshot_record *snapshot = (const void *)record;

	if (record->type == VMSC_RECORD_SNAPSHOT) {
		analysis->look_start = snapshot->start;
		analysis->look_end = snapshot->end;
	} else if (record->type == VMSC_RECORD_SNAPSHOT_END) {
		vmsc_history_look(&analysis->history, vmsc_replay_mm(analysis->replay), analysis->look_start,
				  analysis->look_end);
	}
}

static void follow_stories(struct vmsc_analysis *analysis, const struct vmsc_record *record)
{
	size_t i;

	for (i = 0; i < analysis->nr_stories; i++)
		vmsc_story_follow(&analysis->stories[i], record, vmsc_replay_mm(analysis->replay),
				  analysis->nr_calls);
}

void vmsc_analysis_take(struct vmsc_analysis *analysis, const struct vmsc_record *record)
{
	vmsc_origins_record(analysis->origins, record, vmsc_replay_mm(analysis->replay));
	note_record(analysis, record);
	if (vmsc_replay_record(analysis->replay, record))
		vmsc_out_of_memory();
	if (analysis->with_history)
		note_look(analysis, record);
	follow_stories(analysis, record);
}

static void walk(struct vmsc_analysis *analysis, struct vmsc_input *input)
{
	const struct vmsc_record *record;
	struct vmsc_progress progress;

	analysis->input = input;
	vmsc_progress_begin(&progress);
	while ((record = vmsc_trace_next(&input->trace))) {
		if (record->type == VMSC_RECORD_CALL && analysis->nr_calls == analysis->stop_after)
			break;
		vmsc_analysis_take(analysis, record);
		vmsc_progress_step(&progress, input->trace.offset, input->size);
	}
	vmsc_progress_end(&progress);
	gather_vmas(analysis);
	vmsc_replay_finish(analysis->replay, vmsc_analysis_ended(analysis));
	analysis->truncated = input->trace.truncated || !analysis->end;
	analysis->damage = input->trace.truncated ? NULL : input->trace.problem;
	analysis->damage_offset = input->trace.offset;
}

static void begin(struct vmsc_analysis *analysis, const void *data, const vmsc_rules_t *rules)
{
	struct vmsc_replay_config config = {
		.allocator = vmsc_heap,
		.rules = rules ? *rules : 0,
		.rules_given = rules,
		.listener = {.difference = on_difference,
			     .checkpoint = on_checkpoint,
			     .call = on_call,
			     .latest_call = latest_call,
			     .ctx = analysis},
	};

	analysis->header = data;
	analysis->origins = vmsc_origins_new();
	if (analysis->with_history)
		vmsc_history_begin(&analysis->history, analysis->origins);
	analysis->replay = vmsc_replay_new(&config);
	if (!analysis->replay)
		vmsc_out_of_memory();
	analysis->tally = vmsc_replay_tally(analysis->replay);
}

void vmsc_analysis_begin(struct vmsc_analysis *analysis, const void *data)
{
	memset(analysis, 0, sizeof(*analysis));
	analysis->stop_after = UINT64_MAX;
	analysis->with_history = true;
	begin(analysis, data, NULL);
}

void vmsc_analysis_run(struct vmsc_analysis *analysis, struct vmsc_input *input, const vmsc_rules_t *rules)
{
	memset(analysis, 0, sizeof(*analysis));
	analysis->stop_after = UINT64_MAX;
	begin(analysis, input->data, rules);
	walk(analysis, input);
}

void vmsc_analysis_run_with_history(struct vmsc_analysis *analysis, struct vmsc_input *input,
				    uint64_t stop_after)
{
	vmsc_analysis_run_with_stories(analysis, input, stop_after, NULL, 0);
}

void vmsc_analysis_run_with_stories(struct vmsc_analysis *analysis, struct vmsc_input *input,
				    uint64_t stop_after, struct vmsc_story *stories, size_t nr)
{
	memset(analysis, 0, sizeof(*analysis));
	analysis->stop_after = stop_after;
	analysis->with_history = true;
	analysis->stories = stories;
	analysis->nr_stories = nr;
	begin(analysis, input->data, NULL);
	walk(analysis, input);
}

void vmsc_analysis_free(struct vmsc_analysis *analysis)
{
	size_t i;

	for (i = 0; i < analysis->nr_differences; i++)
		free((void *)analysis->differences[i].told.actual);
	if (analysis->with_history)
		vmsc_history_free(&analysis->history);
	vmsc_replay_free(analysis->replay);
	vmsc_origins_free(analysis->origins);
	vmsc_store_free(&analysis->kept);
	vmsc_store_free(&analysis->seen);
	free(analysis->problems);
	free(analysis->sites);
	free(analysis->calls);
	free(analysis->checkpoints);
	free(analysis->differences);
	free(analysis->wrong.all);
	free(analysis->undetermined.all);
	free(analysis->last_seen);
	free(analysis->vmas);
}
