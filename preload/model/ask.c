/* SPDX-License-Identifier: MIT */
/*
 * ask.c - before which call must the kernel be asked whether a VMA has anonymous pages? Before one whose
 * result hangs on it, and before one that takes the evidence away. Every question costs the program time, so
 * as few as possible.
 */
#include "internal.h"

#define LOOK_BACK 8 /* ranges */

enum {
	ADV_POPULATE_WRITE = 23,
	ADV_GUARD_INSTALL = 102,
	PR_SET_MEMORY_MERGE_ = 67,
	PR_SET_VMA_ = 0x53564d41
};

struct asks {
	struct vmsc_range *ranges;
	size_t nr, max;
};

/* Once, where the same is asked again soon; a question too many does no harm. */
static void ask_one(struct asks *asks, const struct vmsc_node *node)
{
	size_t end = asks->nr < asks->max ? asks->nr : asks->max;

	for (size_t i = end > LOOK_BACK ? end - LOOK_BACK : 0; i < end; i++) {
		if (asks->ranges[i].start == node->vma.start)
			return;
	}
	if (asks->nr < asks->max)
		asks->ranges[asks->nr] = (struct vmsc_range){node->vma.start, node->vma.end};
	asks->nr++;
}

static void ask(const struct vmsc_mm *mm, struct asks *asks, const struct vmsc_node *node)
{
	if (!node || !vmsc_anon_unknown(node))
		return;
	if (vmsc_anon_hangs_on_next(mm, node))
		ask_one(asks, node->next);
	ask_one(asks, node);
}

/*
 * @node, which has no anon_vma, may get one from what it merges with. What it could share it with on the
 * other side was touched without that: a page that is found there later would seem to have come after it.
 */
static void ask_behind(const struct vmsc_mm *mm, struct asks *asks, const struct vmsc_node *node)
{
	if (node && !node->vma.anon_vma && node->next && vmsc_anon_may_share(mm, node, node->next))
		ask(mm, asks, node->next);
}

static void ask_before(const struct vmsc_mm *mm, struct asks *asks, const struct vmsc_node *node)
{
	if (node && !node->vma.anon_vma && node->prev && vmsc_anon_may_share(mm, node->prev, node))
		ask(mm, asks, node->prev);
}

/* @edge goes. A page of @beside, which stays, may have come when the two could share an anon_vma. */
static void ask_parted(const struct vmsc_mm *mm, struct asks *asks, const struct vmsc_node *edge,
		       const struct vmsc_node *beside, bool before)
{
	if (!beside || !vmsc_anon_unknown(beside) || !vmsc_anon_possible(edge))
		return;
	if (before ? !vmsc_anon_may_share(mm, beside, edge) : !vmsc_anon_may_share(mm, edge, beside))
		return;
	ask(mm, asks, edge);
	ask(mm, asks, beside);
}

/* What stays beside a range that goes. */
static void ask_beside(const struct vmsc_mm *mm, struct asks *asks, uint64_t start, uint64_t end)
{
	const struct vmsc_node *first = vmsc_tree_find(mm, start), *last = vmsc_tree_find(mm, end - 1);

	if (first && first->vma.start >= start && first->vma.start < end)
		ask_parted(mm, asks, first, first->prev, true);
	if (last && last->vma.start < end && last->vma.end <= end)
		ask_parted(mm, asks, last, last->next, false);
}

/* VMAs of which a part goes and a part stays: pages in the part that goes are evidence for the other one. */
static void ask_cut(const struct vmsc_mm *mm, struct asks *asks, uint64_t start, uint64_t end)
{
	const struct vmsc_node *first = vmsc_tree_find(mm, start), *last = vmsc_tree_find(mm, end - 1);

	if (first && first->vma.start < start)
		ask(mm, asks, first);
	if (last && last->vma.start < end && last->vma.end > end)
		ask(mm, asks, last);
	ask_beside(mm, asks, start, end);
}

static void ask_all(const struct vmsc_mm *mm, struct asks *asks, uint64_t start, uint64_t end)
{
	for (const struct vmsc_node *node = vmsc_tree_find(mm, start); node && node->vma.start < end;
	     node = node->next)
		ask(mm, asks, node);
}

/* Could the two be one, or share an anon_vma, if there was no hole between them? */
static bool is_alike(const struct vmsc_mm *mm, const struct vmsc_node *prev, const struct vmsc_node *next)
{
	return prev->vma.file == next->vma.file && prev->vma.policy == next->vma.policy &&
	       prev->vma.uffd == next->vma.uffd && prev->vma.name == next->vma.name &&
	       !((prev->vma.vm_flags ^ next->vma.vm_flags) & ~(ignored_flags(mm) | VMSC_VM_ACCESS));
}

/* A new mapping between two that are alike joins both only if their anon_vmas allow; if it joins one, that
 * comes beside the other, and a page that is found there later would seem to have come after it. */
static void ask_around(const struct vmsc_mm *mm, struct asks *asks, uint64_t start, uint64_t end)
{
	/* Of what the mapping goes over, a part may stay on either side. */
	const struct vmsc_node *prev = start ? vmsc_tree_find(mm, start - 1) : NULL,
			       *next = vmsc_tree_find(mm, end);

	if (!prev || !next || prev->vma.start >= start || next->vma.start > end || !is_alike(mm, prev, next))
		return;
	if (vmsc_anon_possible(prev) && vmsc_anon_possible(next)) {
		ask(mm, asks, prev);
		ask(mm, asks, next);
	}
	ask_before(mm, asks, prev);
	ask_behind(mm, asks, next);
}

/*
 * Attributes of [start, end) change. What is split or may merge must be known; a neighbour counts only where
 * what it meets has, or may have, an anon_vma, or where there is one on both sides.
 */
static void ask_modified(const struct vmsc_mm *mm, struct asks *asks, uint64_t start, uint64_t end)
{
	const struct vmsc_node *first = vmsc_tree_find(mm, start), *last, *prev, *next;
	bool faulty = false;

	if (!first || first->vma.start >= end)
		return;
	for (last = first; last->next && last->next->vma.start < end; last = last->next)
		;
	for (const struct vmsc_node *node = first;; node = node->next) {
		ask(mm, asks, node);
		faulty |= vmsc_anon_possible(node);
		if (node == last)
			break;
	}
	prev = first->vma.start >= start && first->prev && first->prev->vma.end == first->vma.start
		       ? first->prev
		       : NULL;
	next = last->vma.end <= end && last->next && last->next->vma.start == last->vma.end ? last->next
											    : NULL;
	if (faulty || (prev && next)) {
		ask(mm, asks, prev);
		ask(mm, asks, next);
		ask_before(mm, asks, prev);
		ask_behind(mm, asks, next);
	}
}

/* The VMAs in [start, end) get an anon_vma, if they have none: as a whole. */
static void ask_sharers(const struct vmsc_mm *mm, struct asks *asks, uint64_t start, uint64_t end)
{
	const struct vmsc_node *first = vmsc_tree_find(mm, start), *last = vmsc_tree_find(mm, end - 1);

	if (first && first->vma.start < start)
		start = first->vma.start;
	if (last && last->vma.start < end && last->vma.end > end)
		end = last->vma.end;
	ask_modified(mm, asks, start, end);
}

/* close() of the last descriptor of a userfaultfd. */
static void ask_released(const struct vmsc_mm *mm, struct asks *asks, uint32_t uffd)
{
	for (const struct vmsc_node *node = uffd ? mm->first : NULL; node; node = node->next)
		if (node->vma.uffd == uffd)
			ask_modified(mm, asks, node->vma.start, node->vma.end);
}

static bool is_discarding(uint64_t advice)
{
	return advice == 4 || advice == 8 || advice == 9 ||
	       advice == 24; /* DONTNEED, FREE, REMOVE, …_LOCKED */
}

/* Whose it is hangs on what was touched before. */
static bool gives_anon_vma(uint64_t advice)
{
	return advice == ADV_POPULATE_WRITE || advice == ADV_GUARD_INSTALL;
}

static bool is_flag_advice(uint64_t advice)
{
	return advice <= 2 || (advice >= 10 && advice <= 19);
}

/* What can't grow where it is moves: what lies beside the old place counts, and beside where the kernel will
 * put it. */
static void ask_move(const struct vmsc_mm *mm, const struct vmsc_call *call, struct asks *asks)
{
	uint64_t start = call->args[0], end = start + page_align(call->args[1]),
		 len = page_align(call->args[2]);
	const struct vmsc_node *node = vmsc_tree_find(mm, start);
	int64_t found;

	if (!node || node->vma.start > start || !len)
		return;
	if (!(call->args[3] & MREMAP_DONTUNMAP_) && node->vma.end == end &&
	    (!node->next || node->next->vma.start - start >= len))
		return;
	if (end > start)
		ask_beside(mm, asks, start, end);
	found = vmsc_mremap_place(mm, node, call, len);
	if (found > 0)
		ask_around(mm, asks, (uint64_t)found, (uint64_t)found + len);
}

/* What MREMAP_DONTUNMAP leaves is locked no more, and may share an anon_vma with what lies beside it from
 * then on. */
static void ask_unlocked(const struct vmsc_mm *mm, const struct vmsc_node *node, struct asks *asks)
{
	if (!node || !(node->vma.vm_flags & VMSC_VM(LOCKED)))
		return;
	ask(mm, asks, node->prev);
	ask(mm, asks, node->next);
}

static void ask_mremap(const struct vmsc_mm *mm, const struct vmsc_call *call, struct asks *asks)
{
	uint64_t start = call->args[0], old_len = page_align(call->args[1]),
		 new_len = page_align(call->args[2]);
	uint64_t end = start + old_len, new_addr = call->args[4];

	if (end < start)
		return;
	if (call->args[3] & (MREMAP_FIXED_ | MREMAP_DONTUNMAP_)) {
		ask_all(mm, asks, start, end);
		if (call->args[3] & MREMAP_DONTUNMAP_)
			ask_unlocked(mm, vmsc_tree_find(mm, start), asks);
		if (end > start)
			ask_beside(mm, asks, start, end);
		if ((call->args[3] & MREMAP_FIXED_) && new_len && new_addr + new_len > new_addr) {
			ask_cut(mm, asks, new_addr, new_addr + new_len);
			/* of several VMAs each takes its own place, and may join what the next has yet to
			 * take */
			if (vmsc_tree_find(mm, start) != vmsc_tree_find(mm, end - 1))
				ask_all(mm, asks, new_addr, new_addr + new_len);
			ask(mm, asks, vmsc_tree_prev(mm, new_addr));
			ask(mm, asks, vmsc_tree_find(mm, new_addr + new_len));
		} else if (!(call->args[3] & MREMAP_FIXED_)) {
			ask_move(mm, call, asks);
		}
	} else if (new_len < old_len) {
		ask_cut(mm, asks, start + new_len, end);
	} else if (new_len > old_len) {
		const struct vmsc_node *node = vmsc_tree_find(mm, start);

		ask(mm, asks, node);
		if (node && node->next && node->next->vma.start == start + new_len)
			ask(mm, asks, node->next);
		if (call->args[3] & MREMAP_MAYMOVE_)
			ask_move(mm, call, asks);
	}
}

static void ask_madvise(const struct vmsc_mm *mm, uint64_t start, uint64_t end, uint64_t advice,
			struct asks *asks)
{
	if (end <= start)
		return;
	if (is_discarding(advice))
		ask_all(mm, asks, start, end);
	else if (gives_anon_vma(advice))
		ask_sharers(mm, asks, start, end);
	else if (is_flag_advice(advice))
		ask_modified(mm, asks, start, end);
}

/* Where the kernel will probably put it: neighbours on both sides are a question there too. */
static uint64_t probable_address(const struct vmsc_mm *mm, const struct vmsc_call *call)
{
	struct vmsc_place place = {.hint = call->args[0] & ~PAGE_MASK_,
				   .len = page_align(call->args[1]),
				   .pgoff = call->args[5] >> VMSC_PAGE_SHIFT,
				   .flags = (uint32_t)call->args[3],
				   .file = vmsc_mm_file_of(mm, call->file)};
	int64_t found = place.len ? vmsc_place_find(mm, &place) : 0;

	return found > 0 ? (uint64_t)found : 0;
}

static void ask_mmap(const struct vmsc_mm *mm, const struct vmsc_call *call, struct asks *asks)
{
	bool fixed = call->args[3] & (MAP_FIXED_ | MAP_FIXED_NOREPLACE_);
	uint64_t start = fixed ? call->args[0] : probable_address(mm, call);
	uint64_t end = start + page_align(call->args[1]);

	if (end <= start)
		return;
	if (fixed)
		ask_cut(mm, asks, start, end);
	ask_around(mm, asks, start, end);
}

size_t vmsc_mm_asks(const struct vmsc_mm *mm, const struct vmsc_call *call, struct vmsc_range *ranges,
		    size_t max)
{
	struct asks asks = {.ranges = ranges, .max = max};
	uint64_t start = call->args[0], end = start + page_align(call->args[1]);

	switch (call->nr) {
	case NR_MMAP:
		ask_mmap(mm, call, &asks);
		break;
	case NR_MUNMAP:
	case NR_SHMDT:
		if (end > start)
			ask_cut(mm, &asks, start, end);
		break;
	case NR_BRK:
		if (page_align(start) < page_align(mm->config.layout.brk) &&
		    start >= mm->config.layout.start_brk)
			ask_cut(mm, &asks, page_align(start), page_align(mm->config.layout.brk));
		break;
	case NR_MREMAP:
		ask_mremap(mm, call, &asks);
		break;
	case NR_MADVISE:
		ask_madvise(mm, start, end, call->args[2], &asks);
		break;
	case NR_PROCESS_MADVISE:
		ask_madvise(mm, call->range_start, page_align(call->range_end), call->args[3], &asks);
		break;
	case NR_MLOCK:
	case NR_MLOCK2:
	case NR_MUNLOCK:
		start &= ~PAGE_MASK_;
		end = start + page_align(call->args[1] + (call->args[0] & PAGE_MASK_));
		/* fallthrough */
	case NR_MPROTECT:
	case NR_PKEY_MPROTECT:
	case NR_MBIND:
	case NR_SET_MEMPOLICY_HOME_NODE:
	case NR_MSEAL:
		if (end > start)
			ask_modified(mm, &asks, start, end);
		break;
	case NR_PRCTL:
		if (call->args[2] + page_align(call->args[3]) > call->args[2] && call->args[0] == PR_SET_VMA_)
			ask_modified(mm, &asks, call->args[2], call->args[2] + page_align(call->args[3]));
		if (call->args[0] == PR_SET_MEMORY_MERGE_) /* flags of all VMAs change */
			ask_all(mm, &asks, 0, UINT64_MAX);
		break;
	case NR_IOCTL:
		if (call->range_end > call->range_start)
			ask_modified(mm, &asks, call->range_start, call->range_end);
		break;
	case NR_SHMAT: /* with SHM_REMAP over what is there */
		start = call->args[1] & ~PAGE_MASK_;
		end = start + page_align(call->size);
		if (end > start)
			ask_cut(mm, &asks, start, end);
		break;
	case NR_CLOSE:
		ask_released(mm, &asks, call->uffd);
		break;
	case NR_MLOCKALL:
	case NR_MUNLOCKALL:
	case NR_FORK:
		ask_all(mm, &asks, 0, UINT64_MAX);
		break;
	case NR_CLONE:
		if (!(call->args[0] & 0x100)) /* CLONE_VM */
			ask_all(mm, &asks, 0, UINT64_MAX);
		break;
	default:
		break;
	}
	return asks.nr;
}
