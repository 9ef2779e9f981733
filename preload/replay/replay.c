/* SPDX-License-Identifier: MIT */
/*
 * replay.c - record by record into the model, and what comes of it counted.
 */
#include "internal.h"

static void on_merge(void *ctx, const struct vmsc_merge_note *note)
{
	struct vmsc_replay *replay = ctx;
	struct vmsc_tally *tally = &replay->tally;
	const struct vmsc_replay_listener *listener = &replay->config.listener;

	tally->merges_attempted++;
	if (note->merged) {
		tally->merges++;
		tally->merges_by[note->caller]++;
	}
	for (int side = 0; side < 2; side++) {
		if (note->refused[side] != VMSC_REFUSED_NONE)
			tally->refused[note->refused[side]]++;
	}
	if (listener->merge)
		listener->merge(listener->ctx, note);
}

static void on_unmap(void *ctx, const struct vmsc_unmap_note *note)
{
	struct vmsc_replay *replay = ctx;
	struct vmsc_tally *tally = &replay->tally;
	const struct vmsc_replay_listener *listener = &replay->config.listener;

	if (note->caller == VMSC_UNMAP_BY_EXIT_MMAP) {
		tally->has_exit = true;
		tally->exit_mmap = *note;
	} else {
		tally->unmaps++;
		tally->unmapped_vmas += note->vmas;
		tally->unmapped_pages += note->pages;
		for (unsigned int level = 0; level < VMSC_NR_TABLE_LEVELS; level++) {
			tally->tables[level] += note->tables[level];
			tally->tables_freed[level] += note->freed[level];
		}
		vmsc_tables_note(replay, note);
	}
	if (listener->unmap)
		listener->unmap(listener->ctx, note);
}

static void on_unmap_event(void *ctx, const struct vmsc_unmap_event *event)
{
	const struct vmsc_replay *replay = ctx;

	replay->config.listener.unmap_event(replay->config.listener.ctx, event);
}

/* What holds as long as the trace says nothing else: a kernel's and a login shell's defaults. */
static const struct vmsc_limits default_limits = {
	.max_map_count = 65530,
	.as = UINT64_MAX,
	.data = UINT64_MAX,
	.stack = 8 << 20,
	.memlock = 8 << 20,
	.mmap_min_addr = 65536,
	.stack_guard_gap = 1 << 20,
};

static uint64_t flags_that_smaps_prints(void)
{
	uint64_t flags = VMSC_VM_PKEY;

	for (unsigned int bit = 0; bit < 64; bit++) {
		if (vmsc_vm_flag_code(bit))
			flags |= UINT64_C(1) << bit;
	}
	return flags & ~VMSC_VM(SOFTDIRTY); /* page faults set it */
}

struct vmsc_replay *vmsc_replay_new(const struct vmsc_replay_config *config)
{
	struct vmsc_replay *replay = config->allocator.alloc(config->allocator.ctx, sizeof(*replay));
	struct vmsc_mm_config about = {
		.rules = config->rules,
		.unmap_way = config->unmap_way,
		.merge_way = config->merge_way,
		.limits = default_limits,
		.vmas_only = config->vmas_only,
	};

	if (!replay)
		return NULL;
	if (!config->vmas_only)
		about.listener = (struct vmsc_listener){.merge = on_merge, .unmap = on_unmap, .ctx = replay};
	if (config->listener.unmap_event)
		about.listener.unmap_event = on_unmap_event;
	memset(replay, 0, sizeof(*replay));
	replay->config = *config;
	replay->files.next = FIRST_SEEN_FILE;
	replay->printed = flags_that_smaps_prints();
	replay->mm = vmsc_mm_new(&config->allocator, &about);
	if (replay->mm)
		return replay;
	config->allocator.free(config->allocator.ctx, replay, sizeof(*replay));
	return NULL;
}

void vmsc_replay_free(struct vmsc_replay *replay)
{
	struct vmsc_allocator allocator;

	if (!replay)
		return;
	allocator = replay->config.allocator;
	vmsc_mm_free(replay->mm);
	if (replay->snapshot.seen.data)
		allocator.free(allocator.ctx, replay->snapshot.seen.data, replay->snapshot.seen.room);
	if (replay->vmas.data)
		allocator.free(allocator.ctx, replay->vmas.data, replay->vmas.room);
	if (replay->files.slots)
		allocator.free(allocator.ctx, replay->files.slots,
			       replay->files.nr_slots * sizeof(*replay->files.slots));
	allocator.free(allocator.ctx, replay, sizeof(*replay));
}

/* Room for @size bytes more. Returns: 0 or -ENOMEM. */
int vmsc_buffer_reserve(struct vmsc_replay *replay, struct vmsc_buffer *buffer, size_t size)
{
	const struct vmsc_allocator *allocator = &replay->config.allocator;
	size_t room = buffer->room ? buffer->room : 4096;
	unsigned char *data;

	while (room - buffer->used < size)
		room *= 2;
	if (room == buffer->room)
		return 0;
	data = allocator->alloc(allocator->ctx, room);
	if (!data)
		return -ENOMEM;
	if (buffer->used)
		memcpy(data, buffer->data, buffer->used);
	if (buffer->data)
		allocator->free(allocator->ctx, buffer->data, buffer->room);
	buffer->data = data;
	buffer->room = room;
	return 0;
}

/* The rules that were in force, or without them those of the release. */
static void take_string(struct vmsc_replay *replay, const struct vmsc_string_record *record)
{
	const char *text = vmsc_record_tail(&record->head, sizeof(*record));
	vmsc_rules_t *rules = &vmsc_mm_config(replay->mm)->rules;
	char release[64] = {0};
	size_t unknown;

	if (replay->config.rules_given)
		return;
	if (record->what == VMSC_STRING_RULES) {
		*rules = vmsc_rules_of_names(text, record->length, &unknown);
		replay->rules_told = true;
	} else if (record->what == VMSC_STRING_RELEASE && !replay->rules_told) {
		memcpy(release, text,
		       record->length < sizeof(release) ? record->length : sizeof(release) - 1);
		(void)!vmsc_rules_of_string(release, rules); /* no release: the rules stay as they are */
	}
}

static void take_limits(struct vmsc_replay *replay, const struct vmsc_limits_record *record)
{
	const struct vmsc_memory_tail none = {.commit_most = 0}, *tail = vmsc_memory_tail_of(record);

	tail = tail ? tail : &none;
	vmsc_mm_config(replay->mm)->limits = (struct vmsc_limits){
		.max_map_count = record->max_map_count,
		.as = record->as,
		.data = record->data,
		.stack = record->stack,
		.memlock = record->memlock,
		.ipc_lock = record->ipc_lock,
		.overcommit = record->overcommit,
		.mmap_min_addr = record->mmap_min_addr,
		.stack_guard_gap = record->stack_guard_gap,
		.huge_page_size = tail->huge_page_size,
		.commit_most = tail->commit_most,
		.commit_limit = tail->commit_limit,
		.committed = tail->committed,
		.commit_reserve = tail->commit_reserve,
	};
}

/* The kernel's are always pages; a hostile trace's need not be. */
static uint64_t page_of(uint64_t addr)
{
	return addr & ~(VMSC_PAGE_SIZE - 1);
}

static void take_layout(struct vmsc_replay *replay, const struct vmsc_layout_record *record)
{
	vmsc_mm_config(replay->mm)->layout = (struct vmsc_layout){
		.task_size = page_of(record->task_size),
		.mmap_base = page_of(record->mmap_base),
		.legacy_base = page_of(record->legacy_base),
		.legacy = record->legacy,
		.randomized = record->randomized,
		.start_brk = record->start_brk,
		.brk = record->brk,
		.start_data = record->start_data,
		.end_data = record->end_data,
		.start_stack = record->start_stack,
	};
}

static int take_file(struct vmsc_replay *replay, const struct vmsc_file_record *record)
{
	const struct vmsc_file file = {
		.id = record->id,
		.kind = record->kind,
		.mode = record->mode,
		.dev_major = record->dev_major,
		.dev_minor = record->dev_minor,
		.inode = record->inode,
		.learned_flags = record->learned_flags,
		.huge_page_size = record->huge_page_size,
	};

	return file.id ? vmsc_mm_set_file(replay->mm, &file) : 0;
}

/* What the recorder numbered; other numbers are none of its. */
static void take_forget(struct vmsc_replay *replay, const struct vmsc_forget_record *record)
{
	const uint32_t *ids = vmsc_record_tail(&record->head, sizeof(*record));

	for (uint32_t i = 0; i < record->nr; i++) {
		if (ids[i] < FIRST_SEEN_FILE)
			vmsc_mm_forget_file(replay->mm, ids[i]);
	}
}

/* A VMA of the parent's model. What no model can hold, a hostile trace may say. */
static int take_vma(struct vmsc_replay *replay, const struct vmsc_vma_record *record)
{
	struct vmsc_vma vma = record->vma;
	int err;

	if (vma.file == UINT32_MAX || vma.anon_vma == UINT32_MAX || vma.end > KERNEL_HALF)
		return 0;
	if (vma.vm_flags & VMSC_VM(SHARED))
		vma.anon_vma = 0;
	if (!vma.anon_vma)
		vma.traits &= ~(uint32_t)VMSC_VMA_FORKED;
	vma.born = 0; /* calls are numbered anew */
	vma.traits |= VMSC_VMA_BORN_BEFORE;
	vmsc_seen_reserve_ids(replay, vma.file);
	err = vmsc_mm_insert(replay->mm, &vma);
	if (!err && vma.traits & VMSC_VMA_OWN)
		replay->tally.own_vmas++;
	return err == -ENOMEM ? err : 0;
}

static int take_touch(struct vmsc_replay *replay, const struct vmsc_touch_record *record)
{
	replay->tally.probed++;
	return vmsc_mm_fault(replay->mm, record->addr) == -ENOMEM ? -ENOMEM : 0;
}

static void note_peak(struct vmsc_replay *replay)
{
	uint64_t count = vmsc_mm_map_count(replay->mm);
	uint64_t own = replay->tally.own_vmas < count ? replay->tally.own_vmas : count;

	if (count - own <= replay->tally.peak)
		return;
	replay->tally.peak = count - own;
	replay->tally.peak_call = replay->tally.calls;
}

static void count_call(struct vmsc_tally *tally, const struct vmsc_call *call,
		       const struct vmsc_outcome *outcome)
{
	bool failed = call->result < 0 && call->result >= -4095;

	tally->failed += failed;
	tally->by_call[call->nr % VMSC_NR_SYSCALLS]++;
	tally->predicted += !outcome->undetermined;
	tally->undetermined += outcome->undetermined != VMSC_HIDDEN_NOTHING;
	tally->mispredicted += outcome->wrong;
	if (!outcome->address_asked || failed)
		return;
	tally->addresses_asked++;
	tally->addresses_predicted += outcome->address_predicted == (uint64_t)call->result;
}

/* Without a beginning the model has nothing to say. */
static int step(struct vmsc_replay *replay, const struct vmsc_call *call)
{
	if (!replay->blind)
		return vmsc_mm_step(replay->mm, call, &replay->last);
	memset(&replay->last, 0, sizeof(replay->last));
	replay->last.predicted = call->result;
	replay->last.undetermined = VMSC_HIDDEN_BEGINNING;
	return 0;
}

/* Where it is not certain what came before the call, a contradiction says nothing about the rules. */
static void excuse(struct vmsc_outcome *outcome, uint16_t flags)
{
	if (flags & VMSC_CALL_RACED && !outcome->undetermined)
		outcome->undetermined = VMSC_HIDDEN_ANON_VMA;
	if (!(flags & (VMSC_CALL_UNORDERED | VMSC_CALL_RACED)) || !outcome->wrong)
		return;
	outcome->wrong = false;
	if (!outcome->undetermined)
		outcome->undetermined = VMSC_HIDDEN_ORDER;
}

static int take_call(struct vmsc_replay *replay, const struct vmsc_call_record *record)
{
	const struct vmsc_replay_listener *listener = &replay->config.listener;
	struct vmsc_call call;
	int err;

	vmsc_call_from_record(&call, record, &replay->extra);
	memset(&replay->extra, 0, sizeof(replay->extra));
	call.seq = replay->tally.calls + 1;
	err = step(replay, &call);
	if (err)
		return err;
	excuse(&replay->last, record->head.flags);
	replay->tally.calls++;
	replay->tally.unordered += (record->head.flags & VMSC_CALL_UNORDERED) != 0;
	count_call(&replay->tally, &call, &replay->last);
	vmsc_tables_compare(replay);
	note_peak(replay);
	if (listener->call)
		listener->call(listener->ctx, &call, record, &replay->last);
	return 0;
}

int vmsc_replay_record(struct vmsc_replay *replay, const struct vmsc_record *record)
{
	const void *any = record;
	int err;

	switch (record->type) {
	case VMSC_RECORD_STRING:
		take_string(replay, any);
		return 0;
	case VMSC_RECORD_LIMITS:
		take_limits(replay, any);
		return 0;
	case VMSC_RECORD_LAYOUT:
		take_layout(replay, any);
		return 0;
	case VMSC_RECORD_FILE:
		return take_file(replay, any);
	case VMSC_RECORD_FORGET:
		take_forget(replay, any);
		return 0;
	case VMSC_RECORD_EXTRA:
		replay->extra = *(const struct vmsc_extra_record *)any;
		return 0;
	case VMSC_RECORD_CALL:
		return take_call(replay, any);
	case VMSC_RECORD_TOUCH:
		return take_touch(replay, any);
	case VMSC_RECORD_SNAPSHOT:
		vmsc_snapshot_begin(replay, any);
		return 0;
	case VMSC_RECORD_SEEN:
		return vmsc_snapshot_add(replay, any);
	case VMSC_RECORD_SNAPSHOT_END:
		err = vmsc_snapshot_finish(replay, any);
		note_peak(replay);
		return err;
	case VMSC_RECORD_VMA:
		return take_vma(replay, any);
	case VMSC_RECORD_TABLES:
		return vmsc_tables_take(replay, any);
	case VMSC_RECORD_END:
		replay->tally.lost = ((const struct vmsc_end_record *)any)->lost;
		return 0;
	default:
		return 0;
	}
}

void vmsc_replay_finish(struct vmsc_replay *replay, enum vmsc_ended ended)
{
	if (ended == VMSC_ENDED_EXIT)
		vmsc_mm_exit(replay->mm);
}

struct vmsc_mm *vmsc_replay_mm(struct vmsc_replay *replay)
{
	return replay->mm;
}

const struct vmsc_tally *vmsc_replay_tally(const struct vmsc_replay *replay)
{
	return &replay->tally;
}

const struct vmsc_outcome *vmsc_replay_last(const struct vmsc_replay *replay)
{
	return &replay->last;
}

bool vmsc_replay_is_blind(const struct vmsc_replay *replay)
{
	return replay->blind;
}
