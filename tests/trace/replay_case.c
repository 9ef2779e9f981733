/* SPDX-License-Identifier: MIT */
/*
 * replay_case.c - runs rows of test_replay: makes records of a row, replays them, and writes down what is
 * told. Each row runs again with every allocation failing in turn. Entry point: replay_main().
 */
#include "replay_case.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "../model/layout_plan.h"

#define TOLD_MAX     1024
#define MAX_CALLS    64
#define MAX_FAILURES 5000

struct run {
	const struct replay_case *row;
	struct layout_plan plan;
	struct layout_drawing left, later;
	struct vmsc_replay *replay;
	uint64_t allocations, fail_at; /* 0: never */
	int64_t balance;
	bool failed;
	char told[TOLD_MAX];
	size_t length;
	uint64_t nr_told, nr_before, nr_outside, nr_wrong;
	struct vmsc_range hulls[MAX_CALLS + 1]; /* of calls by number */
	const char *invalid;
};

static void *get(void *ctx, size_t size)
{
	struct run *run = ctx;
	void *memory;

	if (++run->allocations == run->fail_at) {
		run->failed = true;
		return NULL;
	}
	memory = malloc(size);
	memset(memory, 0xa5, size);
	run->balance += (int64_t)size;
	return memory;
}

static void put(void *ctx, void *memory, size_t size)
{
	struct run *run = ctx;

	if (memory)
		run->balance -= (int64_t)size;
	free(memory);
}

static void say(struct run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(struct run *run, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	run->length += (size_t)vsnprintf(run->told + run->length, TOLD_MAX - run->length, format, args);
	va_end(args);
	if (run->length >= TOLD_MAX)
		run->length = TOLD_MAX - 1;
}

static const char *glue(const struct run *run)
{
	return run->length && run->told[run->length - 1] != '|' ? "; " : "";
}

static int page_of(uint64_t addr)
{
	return (int)((int64_t)(addr - LAYOUT_BASE) >> VMSC_PAGE_SHIFT);
}

static void on_difference(void *ctx, const struct vmsc_difference *difference)
{
	struct run *run = ctx;

	run->nr_told++;
	run->nr_outside += difference->outside;
	say(run, "%s%s ", glue(run), vmsc_difference_name(difference->kind));
	if (difference->has_modeled)
		say(run, "%d-%d", page_of(difference->modeled.start), page_of(difference->modeled.end));
	say(run, "/");
	if (difference->has_actual)
		say(run, "%d-%d", page_of(difference->actual->start), page_of(difference->actual->end));
	if (difference->outside)
		say(run, " outside");
	else
		say(run, " call %u", (unsigned int)difference->call);
}

static void on_checkpoint(void *ctx, const struct vmsc_checkpoint *checkpoint)
{
	struct run *run = ctx;

	if (checkpoint->kernel_made)
		say(run, "%skernel-made %u", glue(run), (unsigned int)checkpoint->kernel_made);
	if (!checkpoint->complete)
		say(run, "%sincomplete", glue(run));
	if (checkpoint->differences != run->nr_told - run->nr_before)
		say(run, "; %u differences", (unsigned int)checkpoint->differences);
}

static void on_call(void *ctx, const struct vmsc_call *call, const struct vmsc_call_record *record,
		    const struct vmsc_outcome *outcome)
{
	struct run *run = ctx;

	(void)record;
	run->nr_wrong += outcome->wrong;
	if (call->seq <= MAX_CALLS)
		run->hulls[call->seq] = (struct vmsc_range){outcome->start, outcome->end};
}

static uint64_t latest_call(void *ctx, uint64_t start, uint64_t end)
{
	struct run *run = ctx;

	for (uint64_t seq = MAX_CALLS; seq; seq--)
		if (run->hulls[seq].start < end && run->hulls[seq].end > start)
			return seq;
	return 0;
}

/* One record, in memory of its own. A failure that was wanted does not end the run. */
static void feed(struct run *run, const void *fixed, size_t size, const void *tail, size_t length)
{
	size_t whole = vmsc_record_size(size, length);
	struct vmsc_record *record = calloc(1, whole);
	const char *what;
	int err;

	memcpy(record, fixed, size);
	if (length)
		memcpy((char *)record + size, tail, length);
	record->size = (uint32_t)whole;
	err = vmsc_record_check(record, whole, &what);
	if (!err)
		err = vmsc_replay_record(run->replay, record);
	free(record);
	if (err && (err != -ENOMEM || !run->failed))
		run->invalid = "a record is refused";
	if (vmsc_mm_validate(vmsc_replay_mm(run->replay), &what))
		run->invalid = what;
}

static void feed_setting(struct run *run, uint64_t max_map_count)
{
	static const char release[] = "6.18.0";
	struct vmsc_string_record string = {
		.head.type = VMSC_RECORD_STRING, .what = VMSC_STRING_RELEASE, .length = sizeof(release) - 1};
	struct vmsc_limits_record limits = {.head.type = VMSC_RECORD_LIMITS,
					    .max_map_count = max_map_count,
					    .as = UINT64_MAX,
					    .data = UINT64_MAX,
					    .stack = 8 << 20,
					    .memlock = UINT64_MAX,
					    .mmap_min_addr = 65536,
					    .stack_guard_gap = 256 * VMSC_PAGE_SIZE};

	feed(run, &string, sizeof(string), release, string.length);
	feed(run, &limits, sizeof(limits), NULL, 0);
}

static uint64_t inode_of(uint32_t file)
{
	return file == LAYOUT_FILE_same || file == LAYOUT_FILE_ro || file == LAYOUT_FILE_wo ? LAYOUT_FILE_file
											    : file;
}

static void feed_files(struct run *run)
{
	for (uint32_t id = 1; id < LAYOUT_NR_FILES; id++) {
		struct vmsc_file_record file = {.head.type = VMSC_RECORD_FILE,
						.id = id,
						.kind = VMSC_FILE_SHMEM,
						.mode = VMSC_FILE_READ | VMSC_FILE_WRITE,
						.dev_minor = 1,
						.inode = inode_of(id)};

		feed(run, &file, sizeof(file), NULL, 0);
	}
}

static bool is_letter(const struct layout_piece *piece, char letter)
{
	return tolower((unsigned char)piece->letter) == letter;
}

/* The flags that smaps shows of such a VMA. */
static uint64_t flags_of(const struct layout_piece *piece)
{
	uint64_t flags = piece->flags | VMSC_VM(MAYREAD) | VMSC_VM(MAYWRITE) | VMSC_VM(MAYEXEC);

	if (flags & VMSC_VM(MAYSHARE))
		flags |= VMSC_VM(SHARED);
	if (is_letter(piece, 'v'))
		flags |= VMSC_VM(DONTEXPAND);
	return flags;
}

static bool is_own(const struct layout_piece *piece)
{
	return is_letter(piece, 'o') || is_letter(piece, 'q');
}

static void feed_seen(struct run *run, const struct layout_piece *piece, bool flags_known)
{
	static const char vdso[] = "[vdso]";
	struct vmsc_seen_record seen = {.head.type = VMSC_RECORD_SEEN,
					.start = layout_addr(piece->start),
					.end = layout_addr(piece->end),
					.vm_flags = flags_of(piece),
					.traits = is_own(piece) ? VMSC_VMA_OWN : 0};

	if (!flags_known)
		seen.vm_flags &= VMSC_VM_ACCESS | VMSC_VM(MAYSHARE);
	if (piece->file) {
		seen.offset = piece->pgoff * VMSC_PAGE_SIZE;
		seen.inode = inode_of(piece->file);
		seen.dev_minor = 1;
	}
	seen.length = is_letter(piece, 'v') ? sizeof(vdso) - 1 : 0;
	feed(run, &seen, sizeof(seen), vdso, seen.length);
}

static void feed_damaged(struct run *run, const struct layout_piece *piece)
{
	struct layout_piece last = {.start = 50, .end = 52, .letter = 'a', .flags = piece->flags};
	struct vmsc_seen_record seen = {.head.type = VMSC_RECORD_SEEN,
					.start = layout_addr(50),
					.end = layout_addr(52),
					.vm_flags = flags_of(&last)};

	if (run->row->damage == REPLAY_UNSORTED)
		feed_seen(run, piece, !run->row->maps);
	if (run->row->damage == REPLAY_REVERSED)
		seen.end = seen.start;
	if (run->row->damage == REPLAY_MISALIGNED)
		seen.end += 8;
	if (run->row->damage == REPLAY_TOO_HIGH)
		seen.end = UINT64_C(0xffffffffff600000);
	if (seen.end != layout_addr(52))
		feed(run, &seen, sizeof(seen), NULL, 0);
}

static void feed_snapshot(struct run *run, const struct layout_drawing *drawing, enum vmsc_when when,
			  uint64_t first, uint64_t end, enum replay_damage damage)
{
	struct vmsc_snapshot_record head = {
		.head.type = VMSC_RECORD_SNAPSHOT,
		.when = damage == REPLAY_WHEN ? VMSC_NR_WHENS : when,
		.flags_known = !run->row->maps && !(run->row->maps_first && when == VMSC_WHEN_ATTACH),
		.start = first,
		.end = damage == REPLAY_EMPTY ? first : end};
	struct vmsc_snapshot_end_record finish = {.head.type = VMSC_RECORD_SNAPSHOT_END};

	if (damage != REPLAY_HEADLESS)
		feed(run, &head, sizeof(head), NULL, 0);
	for (size_t i = 0; i < drawing->nr; i++) {
		const struct layout_piece *piece = &drawing->piece[i];

		if (layout_addr(piece->end) <= first || layout_addr(piece->start) >= end)
			continue;
		feed_seen(run, piece, head.flags_known);
		finish.nr++;
	}
	if (damage) {
		feed_damaged(run, &drawing->piece[0]);
		finish.nr += damage >= REPLAY_UNSORTED && damage <= REPLAY_TOO_HIGH;
		finish.nr += damage == REPLAY_SHORT;
		finish.nr -= damage == REPLAY_LONG;
	}
	if (damage != REPLAY_ENDLESS)
		feed(run, &finish, sizeof(finish), NULL, 0);
}

static void feed_touches(struct run *run, const struct layout_drawing *drawing)
{
	for (size_t i = 0; i < drawing->nr; i++) {
		struct vmsc_touch_record touch = {.head.type = VMSC_RECORD_TOUCH,
						  .addr = layout_addr(drawing->piece[i].start)};

		if (isupper((unsigned char)drawing->piece[i].letter))
			feed(run, &touch, sizeof(touch), NULL, 0);
	}
}

static void feed_parent(struct run *run, const struct layout_drawing *drawing)
{
	for (size_t i = 0; i < drawing->nr; i++) {
		const struct layout_piece *piece = &drawing->piece[i];
		struct vmsc_vma_record record = {
			.head.type = VMSC_RECORD_VMA,
			.vma = {.start = layout_addr(piece->start),
				.end = layout_addr(piece->end),
				.vm_flags = flags_of(piece),
				.pgoff = piece->file ? piece->pgoff
						     : layout_addr(piece->start) >> VMSC_PAGE_SHIFT,
				.born = 12345,
				.file = piece->file,
				.anon_vma = isupper((unsigned char)piece->letter) ? (uint32_t)i + 1 : 0,
				.traits = is_own(piece) ? VMSC_VMA_OWN : 0}};

		if (record.vma.anon_vma)
			record.vma.traits |= VMSC_VMA_FORKED;
		feed(run, &record, sizeof(record), NULL, 0);
		/* What no model can hold is passed over. */
		feed(run, &record, sizeof(record), NULL, 0);
		record.vma.end = record.vma.start + 8;
		feed(run, &record, sizeof(record), NULL, 0);
		record.vma.start = layout_addr(60);
		record.vma.end = UINT64_C(0xffffffffff600000);
		feed(run, &record, sizeof(record), NULL, 0);
		record.vma.end = layout_addr(62);
		record.vma.file = UINT32_MAX;
		feed(run, &record, sizeof(record), NULL, 0);
	}
}

static void feed_call(struct run *run, const struct layout_step *step)
{
	const struct vmsc_call *call = &step->call;
	struct vmsc_extra_record extra = {.head.type = VMSC_RECORD_EXTRA,
					  .file = call->file,
					  .name = call->name,
					  .policy = call->policy,
					  .uffd = call->uffd,
					  .size = call->size,
					  .range_start = call->range_start,
					  .range_end = call->range_end,
					  .mode = call->mode};
	struct vmsc_call_record record = {
		.head.type = VMSC_RECORD_CALL, .nr = call->nr, .nr_args = 6, .result = step->want};

	feed(run, &extra, sizeof(extra), NULL, 0);
	feed(run, &record, sizeof(record), call->args, sizeof(call->args));
}

static void feed_steps(struct run *run)
{
	for (size_t i = run->plan.nr_setup; i < run->plan.nr; i++) {
		const struct layout_step *step = &run->plan.step[i];
		struct vmsc_touch_record touch = {.head.type = VMSC_RECORD_TOUCH, .addr = step->addr};

		if (step->kind == LAYOUT_CALL)
			feed_call(run, step);
		else if (step->kind == LAYOUT_FAULT)
			feed(run, &touch, sizeof(touch), NULL, 0);
		else if (step->kind == LAYOUT_LIMIT)
			feed_setting(run, step->addr);
	}
}

static void feed_after(struct run *run, enum replay_damage damage)
{
	const struct replay_case *row = run->row;
	enum vmsc_when when = row->when ? row->when : row->window ? VMSC_WHEN_CALL : VMSC_WHEN_EXIT;
	unsigned long first, nr;
	char *rest;

	if (!row->window) {
		feed_snapshot(run, &run->plan.after, when, 0, UINT64_MAX, damage);
		return;
	}
	first = strtoul(row->window, &rest, 10);
	nr = strtoul(rest + 1, NULL, 10);
	feed_snapshot(run, &run->plan.after, when, layout_addr(first), layout_addr(first + nr), damage);
}

static bool begin(struct run *run, uint64_t fail_at)
{
	struct vmsc_replay_config config = {.allocator = {get, put, run},
					    .rules = vmsc_rules_of_release(6, 18),
					    .listener = {.difference = on_difference,
							 .checkpoint = on_checkpoint,
							 .call = on_call,
							 .latest_call = run->row->births ? NULL : latest_call,
							 .ctx = run}};

	run->allocations = run->length = run->nr_told = run->nr_before = run->nr_outside = run->nr_wrong = 0;
	run->balance = 0;
	run->failed = false;
	run->fail_at = fail_at;
	run->told[0] = 0;
	run->invalid = NULL;
	memset(run->hulls, 0, sizeof(run->hulls));
	run->replay = vmsc_replay_new(&config);
	return run->replay;
}

/* All records of the row. */
static void replay_row(struct run *run)
{
	const struct replay_case *row = run->row;

	feed_setting(run, 65530);
	if (!row->strange_files)
		feed_files(run);
	if (row->forked)
		feed_parent(run, &run->plan.before);
	else
		feed_snapshot(run, &run->plan.before, VMSC_WHEN_ATTACH, 0, UINT64_MAX, REPLAY_SOUND);
	if (!row->forked)
		feed_touches(run, &run->plan.before);
	feed_steps(run);
	run->length = 0; /* what attach told: nothing */
	feed_after(run, row->damage);
	if (row->damage == REPLAY_ENDLESS)
		feed_after(run, REPLAY_SOUND);
	if (!row->later)
		return;
	say(run, "|");
	run->nr_before = run->nr_told;
	feed_snapshot(run, &run->later, VMSC_WHEN_EXIT, 0, UINT64_MAX, REPLAY_SOUND);
}

static const char *judge_model(struct run *run)
{
	static struct layout_model model;
	static struct layout_drawing seen;

	model.mm = vmsc_replay_mm(run->replay);
	layout_model_see(&model, &seen);
	return layout_differs(&run->plan, &run->left, &seen, true);
}

/* NULL, or what is wrong. */
static const char *judge(struct run *run)
{
	static char text[TOLD_MAX + 64];
	const struct vmsc_tally *tally = vmsc_replay_tally(run->replay);
	const char *differs;

	if (run->invalid)
		return run->invalid;
	if (strcmp(run->told, run->row->told)) {
		snprintf(text, sizeof(text), "told \"%s\"", run->told);
		return text;
	}
	if (tally->outside != run->nr_outside ||
	    tally->mispredicted != run->nr_told - run->nr_outside + run->nr_wrong)
		return "the counts are not of what was told";
	differs = judge_model(run);
	if (differs) {
		snprintf(text, sizeof(text), "the model afterwards: %s", differs);
		return text;
	}
	/* What was told once is not told again. */
	run->length = run->nr_told = run->nr_before = 0;
	run->told[0] = 0;
	if (run->row->later)
		feed_snapshot(run, &run->later, VMSC_WHEN_EXIT, 0, UINT64_MAX, REPLAY_SOUND);
	else if (!run->row->damage)
		feed_after(run, REPLAY_SOUND);
	return run->nr_told || run->length ? "the same is told twice" : NULL;
}

static const char *run_whole(struct run *run)
{
	const char *problem;

	if (!begin(run, 0))
		return "no memory";
	replay_row(run);
	problem = judge(run);
	vmsc_replay_finish(run->replay, VMSC_ENDED_EXIT);
	vmsc_replay_free(run->replay);
	return problem ? problem : run->balance ? "memory is not freed" : NULL;
}

/* Again and again, each time with another allocation that fails. */
static const char *run_failing(struct run *run)
{
	static char text[128];
	const char *problem = NULL;
	bool failed = true;

	for (uint64_t at = 1; failed && !problem && at < MAX_FAILURES; at++) {
		if (begin(run, at)) {
			replay_row(run);
			vmsc_replay_finish(run->replay, VMSC_ENDED_EXIT);
			problem = run->invalid;
			vmsc_replay_free(run->replay);
		}
		failed = run->failed;
		if (run->balance)
			problem = "memory is not freed";
		if (problem)
			snprintf(text, sizeof(text), "when allocation %u fails: %s", (unsigned int)at,
				 problem);
	}
	return problem ? text : NULL;
}

static const char *prepare(struct run *run, const struct replay_case *row)
{
	static struct layout_plan left;
	struct layout_case layout = {.name = row->name,
				     .before = row->before,
				     .op = row->op,
				     .after = row->left	   ? row->left
					      : row->later ? row->later
							   : row->after,
				     .except = row->except};

	run->row = row;
	if (layout_parse(&layout, &left))
		return left.problem;
	run->left = left.after;
	layout.after = row->later ? row->later : "";
	if (layout_parse(&layout, &left))
		return left.problem;
	run->later = left.after;
	layout.after = row->after;
	return layout_parse(&layout, &run->plan) ? run->plan.problem : NULL;
}

int replay_main(int argc, char **argv, const struct replay_case *cases, size_t nr)
{
	static struct run run;
	size_t failed = 0, passed = 0;

	for (size_t i = 0; i < nr; i++) {
		const struct replay_case *row = &cases[i];
		const char *problem;

		if (argc > 1 && !strstr(row->name, argv[1]))
			continue;
		problem = prepare(&run, row);
		if (!problem)
			problem = run_whole(&run);
		if (!problem)
			problem = run_failing(&run);
		passed += !problem;
		failed += problem != NULL;
		if (problem)
			printf("FAIL replay: %s\n              01234567890123456789\n     model    %s\n     "
			       "op       %s\n"
			       "     kernel   %s\n     want     \"%s\"\n     <- %s\n",
			       row->name, row->before, row->op, row->after, row->told, problem);
	}
	printf("replay: %zu rows hold, %zu fail\n", passed, failed);
	return failed || !passed;
}
