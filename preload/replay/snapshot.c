/* SPDX-License-Identifier: MIT */
/*
 * snapshot.c - gathers what the kernel showed; at its end the model begins from it, or is compared with it.
 */
#include "internal.h"

void vmsc_snapshot_begin(struct vmsc_replay *replay, const struct vmsc_snapshot_record *record)
{
	struct vmsc_snapshot *snapshot = &replay->snapshot;

	snapshot->head = *record;
	snapshot->seen.used = 0;
	snapshot->nr = snapshot->nr_own = snapshot->own_bytes = 0;
	snapshot->last_end = 0;
	snapshot->open = true;
	snapshot->sane = record->start < record->end && record->when < VMSC_NR_WHENS;
	vmsc_seen_sweep(replay);
}

static bool is_sane(const struct vmsc_snapshot *snapshot, const struct vmsc_seen_record *seen)
{
	return seen->start < seen->end && seen->end <= KERNEL_HALF && seen->start >= snapshot->last_end &&
	       !((seen->start | seen->end) & (VMSC_PAGE_SIZE - 1));
}

/* Names are kept for those who are told of differences. */
static int keep(struct vmsc_replay *replay, const struct vmsc_seen_record *record)
{
	struct vmsc_snapshot *snapshot = &replay->snapshot;
	const char *name = vmsc_record_tail(&record->head, sizeof(*record));
	size_t length = replay->config.listener.difference ? record->length : 0;
	size_t size = vmsc_record_size(sizeof(*record), length);
	struct vmsc_seen_record *kept;
	int err = vmsc_buffer_reserve(replay, &snapshot->seen, size);

	if (err)
		return err;
	kept = (void *)(snapshot->seen.data + snapshot->seen.used);
	*kept = *record;
	kept->head.size = (uint32_t)size;
	kept->length = (uint32_t)length;
	kept->traits &= VMSC_VMA_OWN;
	if (vmsc_seen_is_special(name, record->length))
		kept->traits |= VMSC_VMA_SPECIAL_MAPPING;
	if (length)
		memcpy(kept + 1, name, length);
	snapshot->seen.used += size;
	return 0;
}

int vmsc_snapshot_add(struct vmsc_replay *replay, const struct vmsc_seen_record *record)
{
	struct vmsc_snapshot *snapshot = &replay->snapshot;

	if (!snapshot->open)
		return 0;
	snapshot->nr++;
	if (record->start >= KERNEL_HALF)
		return 0;
	if (!is_sane(snapshot, record)) {
		snapshot->sane = false;
		return 0;
	}
	snapshot->last_end = record->end;
	if (record->traits & VMSC_VMA_OWN) {
		snapshot->nr_own++;
		snapshot->own_bytes += record->end - record->start;
	}
	return keep(replay, record);
}

/* The model as the kernel shows it. */
static int begin_from(struct vmsc_replay *replay)
{
	const struct vmsc_snapshot *snapshot = &replay->snapshot;
	const struct vmsc_seen_record *seen = vmsc_seen_first(snapshot), *end = vmsc_seen_end(snapshot);
	struct vmsc_vma vma;
	int err = vmsc_mm_adopt(replay->mm, 0, KERNEL_HALF, NULL, 0);

	for (; !err && seen < end; seen = vmsc_seen_next(seen)) {
		vmsc_seen_to_vma(replay, seen, &vma);
		vma.traits |= VMSC_VMA_BORN_BEFORE;
		err = vmsc_seen_file(replay, seen, &vma.file);
		if (!err)
			err = vmsc_mm_insert(replay->mm, &vma);
	}
	return err;
}

static bool has_own(const struct vmsc_mm *mm, uint64_t from, struct vmsc_vma *vma)
{
	for (; vmsc_mm_find(mm, from, vma); from = vma->end) {
		if (vma->traits & VMSC_VMA_OWN)
			return true;
	}
	return false;
}

/* The recorder's own mappings change without a call: the model takes them as they are. */
static int refresh_own(struct vmsc_replay *replay)
{
	const struct vmsc_snapshot *snapshot = &replay->snapshot;
	const struct vmsc_seen_record *seen = vmsc_seen_first(snapshot), *end = vmsc_seen_end(snapshot);
	struct vmsc_vma vma;
	uint64_t from = 0;
	int err = 0;

	for (; !err && has_own(replay->mm, from, &vma); from = vma.end)
		err = vmsc_mm_adopt(replay->mm, vma.start, vma.end, NULL, 0);
	for (; !err && seen < end; seen = vmsc_seen_next(seen)) {
		if (!(seen->traits & VMSC_VMA_OWN))
			continue;
		vmsc_seen_to_vma(replay, seen, &vma);
		err = vmsc_seen_file(replay, seen, &vma.file);
		if (!err)
			err = vmsc_mm_insert(replay->mm, &vma);
		if (err == -EEXIST) /* the program mapped something over it */
			err = 0;
	}
	return err;
}

static bool is_whole(const struct vmsc_snapshot *snapshot)
{
	return snapshot->head.when != VMSC_WHEN_CALL && snapshot->head.when != VMSC_WHEN_UNDETERMINED;
}

/* The model begins here; where the beginning could not be read, at the next that can. */
static bool is_beginning(const struct vmsc_replay *replay)
{
	enum vmsc_when when = replay->snapshot.head.when;

	return when == VMSC_WHEN_ATTACH || when == VMSC_WHEN_RESUME || (replay->blind && is_whole(&replay->snapshot));
}

static void tell(struct vmsc_replay *replay, struct vmsc_checkpoint *checkpoint, bool begins)
{
	const struct vmsc_replay_listener *listener = &replay->config.listener;

	if (checkpoint->complete && !begins && checkpoint->when != VMSC_WHEN_UNDETERMINED) {
		replay->tally.checkpoints++;
		replay->tally.differing += checkpoint->differences != 0;
	}
	if (listener->checkpoint)
		listener->checkpoint(listener->ctx, checkpoint);
}

static int take_beginning(struct vmsc_replay *replay, struct vmsc_checkpoint *checkpoint)
{
	int err;

	replay->blind = !checkpoint->complete;
	if (replay->blind)
		return 0;
	err = begin_from(replay);
	checkpoint->modeled = checkpoint->actual =
		vmsc_mm_map_count(replay->mm) - (size_t)replay->snapshot.nr_own;
	return err;
}

static int take_whole(struct vmsc_replay *replay, struct vmsc_checkpoint *checkpoint)
{
	const struct vmsc_snapshot *snapshot = &replay->snapshot;
	int err = 0;

	if (is_beginning(replay)) {
		err = take_beginning(replay, checkpoint);
	} else if (checkpoint->complete) {
		err = vmsc_compare(replay, checkpoint);
		if (!err)
			err = refresh_own(replay);
	}
	if (err || !checkpoint->complete)
		return err;
	replay->tally.own_vmas = snapshot->nr_own;
	replay->tally.own_bytes = snapshot->own_bytes;
	replay->known_until = replay->tally.calls;
	return 0;
}

int vmsc_snapshot_finish(struct vmsc_replay *replay, const struct vmsc_snapshot_end_record *record)
{
	struct vmsc_snapshot *snapshot = &replay->snapshot;
	struct vmsc_checkpoint checkpoint = { .when = snapshot->head.when, .call = replay->tally.calls };
	bool begins = is_beginning(replay);
	int err = 0;

	if (!snapshot->open)
		return 0;
	snapshot->open = false;
	checkpoint.complete = snapshot->sane && record->nr == snapshot->nr;
	if (is_whole(snapshot))
		err = take_whole(replay, &checkpoint);
	else if (checkpoint.complete && !replay->blind)
		err = vmsc_compare(replay, &checkpoint);
	if (!err)
		tell(replay, &checkpoint, begins);
	return err;
}
