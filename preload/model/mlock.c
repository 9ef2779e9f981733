/* SPDX-License-Identifier: MIT */
/*
 * mlock.c - mlock(), mlock2(), munlock(), mlockall(), munlockall(): VM_LOCKED and VM_LOCKONFAULT, VMA by VMA.
 */
#include "internal.h"

enum { MLOCK_ONFAULT_ = 1, MCL_CURRENT_ = 1, MCL_FUTURE_ = 2, MCL_ONFAULT_ = 4 };

/* mlock_fixup(): VMAs that can't be locked are left alone without an error. */
static int lock_part(struct vmsc_mm *mm, struct vmsc_node **node, uint64_t start, uint64_t end, uint64_t lock)
{
	struct vmsc_change change = vmsc_change_of(*node);
	uint64_t old = change.vm_flags;

	change.vm_flags = (old & ~LOCKED_MASK) | lock;
	if (change.vm_flags == old || (old & vmsc_mm_never_locked(mm)) || vmsc_node_is_secret(mm, *node))
		return 0;
	return vmsc_modify(mm, node, start, end, &change);
}

/* apply_vma_lock_flags(): up to the first hole. */
static int lock_range(struct vmsc_mm *mm, uint64_t start, uint64_t end, uint64_t lock)
{
	struct vmsc_node *node = vmsc_tree_find(mm, start);

	while (start < end) {
		uint64_t until;
		int err;

		if (!node || node->vma.start >= end)
			return -ENOMEM;
		if (node->vma.start > start) {
			if (!mm->force)
				return -ENOMEM;
			start = node->vma.start;
		}
		until = node->vma.end < end ? node->vma.end : end;
		err = lock_part(mm, &node, start, until, lock);
		if (err)
			return err;
		start = until;
		if (node->vma.end <= start)
			node = node->next;
	}
	return 0;
}

/* Pages of the range that are locked already. */
static uint64_t locked_pages(const struct vmsc_mm *mm, uint64_t start, uint64_t end)
{
	uint64_t pages = 0;

	for (const struct vmsc_node *node = vmsc_tree_find(mm, start); node && node->vma.start < end;
	     node = node->next) {
		uint64_t from = node->vma.start > start ? node->vma.start : start;
		uint64_t to = node->vma.end < end ? node->vma.end : end;

		if (node->vma.vm_flags & VMSC_VM(LOCKED))
			pages += (to - from) >> VMSC_PAGE_SHIFT;
	}
	return pages;
}

static bool is_within_limit(const struct vmsc_mm *mm, uint64_t start, uint64_t end)
{
	uint64_t limit = mm->config.limits.memlock >> VMSC_PAGE_SHIFT;
	uint64_t locked = mm->locked_vm + mm->locked_drift + ((end - start) >> VMSC_PAGE_SHIFT);

	if (mm->config.limits.ipc_lock || locked <= limit)
		return true;
	return locked - locked_pages(mm, start, end) <= limit;
}

/* mlock(), mlock2() and munlock(). The flags are set before the pages are made present, which may still fail.
 */
int64_t vmsc_op_mlock(struct vmsc_mm *mm, const struct vmsc_call *call, struct vmsc_outcome *out)
{
	uint64_t start = call->args[0] & ~PAGE_MASK_, lock = VMSC_VM(LOCKED), end;
	bool unlock = call->nr == NR_MUNLOCK;
	int err;

	if (call->nr == NR_MLOCK2) {
		if (call->args[2] & ~(uint64_t)MLOCK_ONFAULT_)
			return -EINVAL;
		if (call->args[2] & MLOCK_ONFAULT_)
			lock |= VMSC_VM(LOCKONFAULT);
	}
	if (!unlock && !mm->force && !vmsc_mm_can_lock(mm))
		return -EPERM;
	end = start + page_align(call->args[1] + (call->args[0] & PAGE_MASK_));
	if (!unlock && !mm->force && end >= start && !is_within_limit(mm, start, end))
		return -ENOMEM;
	if (end < start)
		return -EINVAL;
	if (end == start)
		return 0;
	vmsc_outcome_hull(out, start, end);
	err = lock_range(mm, start, end, unlock ? 0 : lock);
	if (err || unlock)
		return err;
	return vmsc_anon_populate(mm, start, end);
}

static void lock_all(struct vmsc_mm *mm, uint64_t lock)
{
	for (struct vmsc_node *node = mm->first; node; node = node->next)
		(void)lock_part(mm, &node, node->vma.start, node->vma.end, lock);
}

/* Everything that can be populated is, whatever fails in between. */
static void populate_all(struct vmsc_mm *mm)
{
	for (struct vmsc_node *node = mm->first; node; node = node->next)
		(void)vmsc_anon_populate(mm, node->vma.start, node->vma.end);
}

/* mlockall() and munlockall(). */
int64_t vmsc_op_mlockall(struct vmsc_mm *mm, const struct vmsc_call *call, struct vmsc_outcome *out)
{
	uint64_t flags = call->nr == NR_MUNLOCKALL ? 0 : call->args[0], lock = VMSC_VM(LOCKED);
	const struct vmsc_limits *limits = &mm->config.limits;

	if (call->nr == NR_MLOCKALL) {
		if (!flags || (flags & ~UINT64_C(7)) || flags == MCL_ONFAULT_)
			return -EINVAL;
		if (!mm->force && !vmsc_mm_can_lock(mm))
			return -EPERM;
		if (!mm->force && (flags & MCL_CURRENT_) && !limits->ipc_lock &&
		    mm->total_vm > limits->memlock >> VMSC_PAGE_SHIFT)
			return -ENOMEM;
	}
	if (mm->dry)
		return 0;
	if (flags & MCL_ONFAULT_)
		lock |= VMSC_VM(LOCKONFAULT);
	mm->def_flags &= ~LOCKED_MASK;
	if (flags & MCL_FUTURE_)
		mm->def_flags |= lock;
	if (mm->first && (flags & MCL_CURRENT_ || call->nr == NR_MUNLOCKALL)) {
		vmsc_outcome_hull(out, mm->first->vma.start, mm->last->vma.end);
		lock_all(mm, flags ? lock : 0);
	}
	if (flags & MCL_CURRENT_)
		populate_all(mm);
	return 0;
}
