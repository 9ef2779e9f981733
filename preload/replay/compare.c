/* SPDX-License-Identifier: MIT */
/*
 * compare.c - the model's VMAs against those that the kernel showed.
 *
 * Both views are walked side by side in clusters: the smallest ranges at whose ends both have a boundary or a hole.
 *
 *   modelled   aaaa.bbbbbb..          one cluster where the VMAs are equal (a),
 *   observed   aaaa.ccdddd..ee        one for b against c and d, one for e
 *
 * A cluster is cut into pieces at every boundary of either view, and told as one difference: the gravest of a piece. Where
 * the pieces agree and only the cuts differ, the model merged or split wrongly. Afterwards the model takes over what was
 * shown, so that one mistake is not told again at every checkpoint.
 */
#include "internal.h"

struct view {
	struct vmsc_vma vma;
	const struct vmsc_seen_record *seen;
	bool has_vma, has_seen;
};

struct cluster {
	uint64_t start, end;
	const struct vmsc_seen_record *first; /* that may lie in it */
	size_t nr_vmas, nr_seen;
};

struct comparison {
	struct vmsc_replay *replay;
	struct vmsc_checkpoint *checkpoint;
	uint64_t start, end; /* what the snapshot covers, whole VMAs at its ends included */
	bool silent; /* what the model could not know: it takes it over and says nothing */
};

#define PERMS (VMSC_VM_ACCESS | VMSC_VM(MAYSHARE))

static bool is_own(uint32_t traits)
{
	return traits & VMSC_VMA_OWN;
}

/* The first VMA of the model that ends behind @addr and is not the recorder's. */
static bool find_vma(const struct comparison *comparison, uint64_t addr, struct vmsc_vma *vma)
{
	while (vmsc_mm_find(comparison->replay->mm, addr, vma) && vma->start < comparison->end) {
		if (!is_own(vma->traits))
			return true;
		addr = vma->end;
	}
	return false;
}

static const struct vmsc_seen_record *find_seen(const struct comparison *comparison,
						const struct vmsc_seen_record *seen, uint64_t addr)
{
	const struct vmsc_seen_record *end = vmsc_seen_end(&comparison->replay->snapshot);

	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): of an empty snapshot both are NULL */
	while (seen < end && (seen->end <= addr || is_own(seen->traits)))
		seen = vmsc_seen_next(seen);
	return seen < end ? seen : NULL;
}

/* What both views have at or behind @addr. */
static struct view look(const struct comparison *comparison, const struct vmsc_seen_record *from, uint64_t addr)
{
	struct view view;

	memset(&view, 0, sizeof(view));
	view.has_vma = find_vma(comparison, addr, &view.vma);
	view.seen = find_seen(comparison, from, addr);
	view.has_seen = view.seen;
	return view;
}

static uint64_t view_start(const struct view *view)
{
	if (!view->has_seen)
		return view->vma.start;
	if (!view->has_vma)
		return view->seen->start;
	return view->vma.start < view->seen->start ? view->vma.start : view->seen->start;
}

/* The cluster that begins at or behind @addr. False when neither view has anything more. */
static bool next_cluster(const struct comparison *comparison, const struct vmsc_seen_record *from, uint64_t addr,
			 struct cluster *cluster)
{
	struct view view = look(comparison, from, addr);

	if (!view.has_vma && !view.has_seen)
		return false;
	*cluster = (struct cluster){ .start = view_start(&view), .first = view.seen ? view.seen : from };
	cluster->end = cluster->start + 1;
	while (view.has_vma || view.has_seen) {
		bool vma = view.has_vma && view.vma.start < cluster->end;
		bool seen = view.has_seen && view.seen->start < cluster->end;

		if (vma && (!seen || view.vma.end <= view.seen->end)) {
			cluster->nr_vmas++;
			if (cluster->end < view.vma.end)
				cluster->end = view.vma.end;
			view.has_vma = find_vma(comparison, view.vma.end, &view.vma);
		} else if (seen) {
			cluster->nr_seen++;
			if (cluster->end < view.seen->end)
				cluster->end = view.seen->end;
			view.seen = find_seen(comparison, vmsc_seen_next(view.seen), 0);
			view.has_seen = view.seen;
		} else {
			break;
		}
	}
	return true;
}

/* A file that the model has no more than a number of is known by what maps shows first. */
static int learn_file(struct vmsc_replay *replay, uint32_t id, const struct vmsc_seen_record *seen)
{
	const struct vmsc_file *known = vmsc_mm_file(replay->mm, id);
	struct vmsc_file file = { .id = id, .kind = VMSC_FILE_OTHER, .mode = VMSC_FILE_READ | VMSC_FILE_WRITE };

	if (known)
		file = *known;
	else if (id > LAST_SEEN_FILE)
		file.kind = VMSC_FILE_SHMEM;
	file.dev_major = seen->dev_major;
	file.dev_minor = seen->dev_minor;
	file.inode = seen->inode;
	return vmsc_mm_set_file(replay->mm, &file);
}

/* By inode alone: stat() tells the subvolume's or the overlay's device, maps the superblock's. */
static bool is_same_file(struct vmsc_replay *replay, const struct vmsc_vma *vma, const struct vmsc_seen_record *seen)
{
	const struct vmsc_file *file;

	if (!vma->file)
		return !seen->inode;
	file = vmsc_mm_file(replay->mm, vma->file);
	if ((!file || !file->inode) && seen->inode)
		return !learn_file(replay, vma->file, seen);
	return file && file->inode == seen->inode;
}

static uint64_t differing_flags(const struct vmsc_replay *replay, const struct vmsc_vma *vma,
				const struct vmsc_seen_record *seen)
{
	uint64_t compared = replay->snapshot.head.flags_known ? replay->printed : PERMS;

	if (vma->traits & VMSC_VMA_FLAGS_UNSURE)
		compared &= PERMS;
	return (vma->vm_flags ^ seen->vm_flags) & compared;
}

/* How the views differ in the piece that begins at @addr; VMSC_NR_DIFFERENCES for not at all. */
static unsigned int judge_piece(struct vmsc_replay *replay, const struct view *view, uint64_t addr)
{
	const struct vmsc_vma *vma = &view->vma;
	const struct vmsc_seen_record *seen = view->seen;
	uint64_t flags;

	if (!view->has_seen || seen->start > addr)
		return VMSC_DIFFERENCE_MISSING;
	if (!view->has_vma || vma->start > addr)
		return VMSC_DIFFERENCE_EXTRA;
	if (!is_same_file(replay, vma, seen))
		return VMSC_DIFFERENCE_FILE;
	if (vma->file && vma->pgoff + ((addr - vma->start) >> VMSC_PAGE_SHIFT) !=
				 (seen->offset + (addr - seen->start)) >> VMSC_PAGE_SHIFT)
		return VMSC_DIFFERENCE_OFFSET;
	flags = differing_flags(replay, vma, seen);
	if (flags & PERMS)
		return VMSC_DIFFERENCE_PERMS;
	return flags ? VMSC_DIFFERENCE_FLAGS : VMSC_NR_DIFFERENCES;
}

/* The graver the lower. */
static unsigned int weight_of(unsigned int kind)
{
	static const unsigned char weights[VMSC_NR_DIFFERENCES + 1] = {
		[VMSC_DIFFERENCE_MISSING] = 0, [VMSC_DIFFERENCE_EXTRA] = 1,    [VMSC_DIFFERENCE_FILE] = 2,
		[VMSC_DIFFERENCE_OFFSET] = 3,  [VMSC_DIFFERENCE_PERMS] = 4,    [VMSC_DIFFERENCE_BOUNDARY] = 5,
		[VMSC_DIFFERENCE_FLAGS] = 6,   [VMSC_NR_DIFFERENCES] = 7,
	};

	return weights[kind];
}

static uint64_t piece_end(const struct view *view, uint64_t addr, uint64_t end)
{
	uint64_t vma = view->vma.start > addr ? view->vma.start : view->vma.end;

	if (view->has_vma && vma < end)
		end = vma;
	if (view->has_seen && view->seen->start > addr && view->seen->start < end)
		return view->seen->start;
	if (view->has_seen && view->seen->start <= addr && view->seen->end < end)
		return view->seen->end;
	return end;
}

struct verdict {
	unsigned int kind;
	struct view view;
	uint64_t start, end; /* of the piece that it is about */
};

static bool is_nothing(const struct view *view, uint64_t addr)
{
	return (!view->has_vma || view->vma.start > addr) && (!view->has_seen || view->seen->start > addr);
}

static struct verdict judge(const struct comparison *comparison, const struct cluster *cluster)
{
	struct verdict verdict = { .kind = VMSC_NR_DIFFERENCES, .start = cluster->start, .end = cluster->end };
	const struct vmsc_seen_record *from = cluster->first;
	uint64_t at, next;

	verdict.view = look(comparison, from, cluster->start);
	if (cluster->nr_vmas != 1 || cluster->nr_seen != 1)
		verdict.kind = VMSC_DIFFERENCE_BOUNDARY;
	for (at = cluster->start; at < cluster->end; at = next) {
		struct view view = look(comparison, from, at);
		unsigned int kind;

		next = piece_end(&view, at, cluster->end);
		if (view.seen)
			from = view.seen;
		if (is_nothing(&view, at))
			continue;
		kind = judge_piece(comparison->replay, &view, at);
		/* What lies beyond the window is not shown; that no VMA reaches out there, is. */
		if (kind == VMSC_DIFFERENCE_MISSING && (at >= comparison->end || next <= comparison->start)) {
			if (weight_of(VMSC_DIFFERENCE_BOUNDARY) < weight_of(verdict.kind))
				verdict.kind = VMSC_DIFFERENCE_BOUNDARY;
			continue;
		}
		if (weight_of(kind) < weight_of(verdict.kind))
			verdict = (struct verdict){ kind, view, at, next };
	}
	return verdict;
}

/* The views of a piece that only one of them has show only that one; otherwise both that overlap it. */
static struct vmsc_difference difference_of(const struct verdict *verdict)
{
	struct vmsc_difference difference;

	memset(&difference, 0, sizeof(difference));
	difference.kind = (enum vmsc_difference_kind)verdict->kind;
	difference.has_modeled = verdict->view.has_vma && verdict->view.vma.start < verdict->end;
	difference.has_actual = verdict->view.has_seen && verdict->view.seen->start < verdict->end;
	if (difference.has_modeled)
		difference.modeled = verdict->view.vma;
	if (difference.has_actual)
		difference.actual = verdict->view.seen;
	return difference;
}

static bool can_be_outside(unsigned int kind)
{
	return kind != VMSC_DIFFERENCE_BOUNDARY && kind != VMSC_DIFFERENCE_FLAGS;
}

/* A change that no recorded call can have made, since the last time everything was seen, was made by one that was not. */
static void tell(struct comparison *comparison, const struct verdict *verdict)
{
	struct vmsc_replay *replay = comparison->replay;
	const struct vmsc_replay_listener *listener = &replay->config.listener;
	struct vmsc_difference difference = difference_of(verdict);

	comparison->checkpoint->differences++;
	difference.call = difference.modeled.born;
	if (listener->latest_call)
		difference.call = listener->latest_call(listener->ctx, verdict->start, verdict->end);
	difference.outside = can_be_outside(verdict->kind) && difference.call <= replay->known_until;
	if (difference.outside)
		replay->tally.outside++;
	else
		replay->tally.mispredicted++;
	if (listener->difference)
		listener->difference(listener->ctx, &difference);
}

/* What the model knows beyond what can be seen is kept for what is still there of @from. */
static void inherit(const struct vmsc_replay *replay, const struct vmsc_vma *from, struct vmsc_vma *to)
{
	uint64_t seen = (from->vm_flags ^ to->vm_flags) & VMSC_VM(MAYSHARE) ? PERMS | VMSC_VM(SHARED) : PERMS;
	uint64_t vm_flags = (from->vm_flags & ~seen) | (to->vm_flags & seen);

	if (to->vm_flags & VMSC_VM(WRITE) && !(from->vm_flags & VMSC_VM_NOT_CHARGED)) /* by a call still to be told */
		vm_flags |= VMSC_VM(ACCOUNT);
	to->file = from->file;
	if (!to->file)
		to->pgoff = from->pgoff + (to->start >> VMSC_PAGE_SHIFT) - (from->start >> VMSC_PAGE_SHIFT);
	if (!replay->snapshot.head.flags_known)
		to->vm_flags = vm_flags;
	to->born = from->born;
	to->anon_vma = from->anon_vma;
	to->policy = from->policy;
	to->uffd = from->uffd;
	to->name = from->name;
	to->traits = from->traits & ~(replay->snapshot.head.flags_known ? VMSC_VMA_FLAGS_UNSURE : 0u);
}

/* Two VMAs of the model that are one for the kernel: it kept an anon_vma of theirs, and if there were two, which? */
static void inherit_anon_vma(const struct vmsc_vma *from, struct vmsc_vma *to)
{
	if (!from->anon_vma || from->file != to->file || to->anon_vma == from->anon_vma)
		return;
	if (to->anon_vma) {
		to->traits |= VMSC_VMA_ANON_VMA_UNSURE;
		return;
	}
	to->anon_vma = from->anon_vma;
	to->traits |= from->traits & (VMSC_VMA_FORKED | VMSC_VMA_ANON_VMA_UNSURE);
}

/* A VMA that was seen, with what the model knows of it. */
static int take_over(struct vmsc_replay *replay, const struct vmsc_seen_record *seen, struct vmsc_vma *vma)
{
	struct vmsc_vma from;
	uint64_t addr = seen->start;
	bool inherited = false;

	vmsc_seen_to_vma(replay, seen, vma);
	for (; vmsc_mm_find(replay->mm, addr, &from) && from.start < seen->end; addr = from.end) {
		if (is_own(from.traits))
			continue;
		if (inherited) {
			inherit_anon_vma(&from, vma);
		} else if (is_same_file(replay, &from, seen)) {
			inherit(replay, &from, vma);
			inherited = true;
		}
	}
	if (vma->vm_flags & (VMSC_VM(SHARED) | VMSC_VM(MAYSHARE))) {
		vma->anon_vma = 0;
		vma->traits &= ~(uint32_t)(VMSC_VMA_FORKED | VMSC_VMA_ANON_VMA_UNSURE);
	}
	return inherited ? 0 : vmsc_seen_file(replay, seen, &vma->file);
}

static int adopt(const struct comparison *comparison, const struct cluster *cluster)
{
	struct vmsc_replay *replay = comparison->replay;
	uint64_t start = cluster->start > comparison->start ? cluster->start : comparison->start;
	uint64_t end = cluster->end < comparison->end ? cluster->end : comparison->end;
	const struct vmsc_seen_record *seen = find_seen(comparison, cluster->first, start);
	size_t nr = 0;
	int err = 0;

	replay->vmas.used = 0;
	for (; !err && seen && seen->start < end; seen = find_seen(comparison, vmsc_seen_next(seen), 0), nr++) {
		err = vmsc_buffer_reserve(replay, &replay->vmas, sizeof(struct vmsc_vma));
		if (err)
			return err;
		err = take_over(replay, seen, (void *)(replay->vmas.data + replay->vmas.used));
		replay->vmas.used += sizeof(struct vmsc_vma);
	}
	return err ? err : vmsc_mm_adopt(replay->mm, start, end, (const void *)replay->vmas.data, nr);
}

static int compare_cluster(struct comparison *comparison, const struct cluster *cluster)
{
	struct verdict verdict = judge(comparison, cluster);
	bool differs = verdict.kind != VMSC_NR_DIFFERENCES;
	bool learns = verdict.view.has_vma && verdict.view.vma.traits & VMSC_VMA_FLAGS_UNSURE &&
		      comparison->replay->snapshot.head.flags_known;

	comparison->checkpoint->modeled += cluster->nr_vmas;
	comparison->checkpoint->actual += cluster->nr_seen;
	if (differs && !comparison->silent)
		tell(comparison, &verdict);
	return differs || learns ? adopt(comparison, cluster) : 0;
}

/* The kernel grows a stack at a page fault, without a call. */
static int grow_stacks(struct comparison *comparison)
{
	struct vmsc_replay *replay = comparison->replay;
	const struct vmsc_seen_record *seen = vmsc_seen_first(&replay->snapshot);
	struct vmsc_vma vma;
	int err;

	for (; (seen = find_seen(comparison, seen, 0)); seen = vmsc_seen_next(seen)) {
		if (!vmsc_mm_find(replay->mm, seen->end - 1, &vma) || vma.end != seen->end ||
		    vma.start <= seen->start || !(vma.vm_flags & VMSC_VM(GROWSDOWN)))
			continue;
		err = vmsc_mm_grow_stack(replay->mm, vma.end, seen->start);
		if (err == -ENOMEM)
			return err;
		if (err)
			continue;
		comparison->checkpoint->kernel_made++;
		replay->tally.kernel_made++;
	}
	return 0;
}

/* The last one that was seen; NULL for none. */
static const struct vmsc_seen_record *last_seen(const struct vmsc_snapshot *snapshot)
{
	const struct vmsc_seen_record *seen = vmsc_seen_first(snapshot), *last = NULL;

	for (; seen < vmsc_seen_end(snapshot); seen = vmsc_seen_next(seen))
		last = seen;
	return last;
}

static void find_extent(struct comparison *comparison)
{
	const struct vmsc_snapshot *snapshot = &comparison->replay->snapshot;
	const struct vmsc_seen_record *first = vmsc_seen_first(snapshot), *last = last_seen(snapshot);
	const uint64_t mask = VMSC_PAGE_SIZE - 1;

	comparison->start = snapshot->head.start & ~mask;
	comparison->end = snapshot->head.end < KERNEL_HALF ? (snapshot->head.end + mask) & ~mask : KERNEL_HALF;
	if (last && first->start < comparison->start)
		comparison->start = first->start;
	if (last && last->end > comparison->end)
		comparison->end = last->end;
}

int vmsc_compare(struct vmsc_replay *replay, struct vmsc_checkpoint *checkpoint)
{
	struct comparison comparison = { .replay = replay, .checkpoint = checkpoint };
	const struct vmsc_seen_record *from = vmsc_seen_first(&replay->snapshot);
	struct cluster cluster;
	uint64_t at;
	int err;

	comparison.silent = checkpoint->when == VMSC_WHEN_UNDETERMINED;
	find_extent(&comparison);
	err = grow_stacks(&comparison);
	for (at = comparison.start; !err && next_cluster(&comparison, from, at, &cluster); at = cluster.end) {
		from = cluster.first;
		err = compare_cluster(&comparison, &cluster);
	}
	return err;
}
