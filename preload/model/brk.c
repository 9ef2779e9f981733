/* SPDX-License-Identifier: MIT */
/*
 * brk.c - the heap. Grows by a merge with the VMA below only, shrinks by unmapping; a refusal is not an errno
 * but the old value.
 */
#include "internal.h"

/* check_data_rlimit() */
static bool is_within_data_limit(const struct vmsc_mm *mm, uint64_t brk)
{
	const struct vmsc_layout *layout = &mm->config.layout;
	uint64_t limit = mm->config.limits.data;

	return limit == UINT64_MAX ||
	       brk - layout->start_brk + (layout->end_data - layout->start_data) <= limit;
}

/* The range must be free, with a page between it and the next VMA's guard gap. */
static bool can_grow(const struct vmsc_mm *mm, uint64_t start, uint64_t end)
{
	const struct vmsc_node *next = vmsc_tree_find(mm, start);
	uint64_t len = end - start, task_size = vmsc_mm_task_size(mm);

	if (len > task_size || start > task_size - len)
		return false;
	if (!vmsc_mm_may_lock(mm, mm->def_flags, len))
		return false;
	return !next || end + VMSC_PAGE_SIZE <= vmsc_place_start_gap(mm, next);
}

/* do_brk_flags(). Returns: whether the kernel does it. */
static bool grow(struct vmsc_mm *mm, uint64_t start, uint64_t end)
{
	struct vmsc_merge merge = {.caller = VMSC_MERGE_BY_BRK, .start = start, .end = end};
	struct vmsc_node *prev = vmsc_tree_prev(mm, start), *node;

	merge.pgoff = start >> VMSC_PAGE_SHIFT;
	merge.vm_flags = DATA_DEFAULT_FLAGS | VMSC_VM(ACCOUNT) | mm->def_flags | exec_of_read(mm, PROT_READ_);
	if (!mm->force) {
		if (!vmsc_mm_may_expand(mm, merge.vm_flags, (int64_t)((end - start) >> VMSC_PAGE_SHIFT)))
			return false;
		if (mm->map_count > mm->config.limits.max_map_count)
			return false;
		if (!vmsc_mm_may_commit(mm, (end - start) >> VMSC_PAGE_SHIFT))
			return false;
	}
	if (mm->dry)
		return true;
	if (has_rule(mm, VMSC_RULE_KSM_EARLY_FLAG))
		merge.vm_flags |= vmsc_ksm_flag(mm, merge.vm_flags);
	if (prev && prev->vma.end > mm->config.layout.start_brk)
		merge.prev = prev;
	node = vmsc_merge_new_vma(mm, &merge);
	if (!node) {
		node = vmsc_node_take(mm);
		node->vma = (struct vmsc_vma){.start = start,
					      .end = end,
					      .vm_flags = merge.vm_flags | vmsc_ksm_flag(mm, merge.vm_flags),
					      .pgoff = merge.pgoff,
					      .born = mm->seq};
		vmsc_node_insert(mm, node, prev);
	}
	if (has_rule(mm, VMSC_RULE_SOFT_DIRTY))
		vmsc_node_set_flags(mm, node, node->vma.vm_flags | VMSC_VM(SOFTDIRTY));
	if ((merge.vm_flags & LOCKED_MASK) == VMSC_VM(LOCKED))
		(void)vmsc_anon_populate(mm, start, end);
	return true;
}

static bool shrink(struct vmsc_mm *mm, uint64_t start, uint64_t end)
{
	const struct vmsc_node *node = vmsc_tree_find(mm, start);

	if (!node || node->vma.start >= end)
		return mm->force;
	return !vmsc_unmap(mm, start, end, false);
}

/* The brk that the kernel would answer, with the change made. */
static uint64_t move_brk(struct vmsc_mm *mm, uint64_t brk, struct vmsc_outcome *out)
{
	struct vmsc_layout *layout = &mm->config.layout;
	uint64_t old = page_align(layout->brk), new = page_align(brk);
	bool done;

	if (brk < layout->start_brk || new < brk)
		return layout->brk;
	if (!mm->force && !is_within_data_limit(mm, brk))
		return layout->brk;
	if (new == old) {
		done = true;
	} else if (new < old) {
		vmsc_outcome_hull(out, new, old);
		done = shrink(mm, new, old);
	} else {
		vmsc_outcome_hull(out, old, new);
		if (mm->force && vmsc_tree_is_free(mm, old, new))
			done = grow(mm, old, new);
		else
			done = can_grow(mm, old, new) && grow(mm, old, new);
	}
	if (done && !mm->dry)
		layout->brk = brk;
	return done ? brk : layout->brk;
}

/*
 * brk(2). A recorded value that differs from the prediction decides what is applied; it is nevertheless
 * wrong. Returns: the break.
 */
int64_t vmsc_op_brk(struct vmsc_mm *mm, const struct vmsc_call *call, struct vmsc_outcome *out)
{
	uint64_t wanted = call->args[0], predicted, recorded = (uint64_t)call->result;

	if (!call->has_result)
		return (int64_t)move_brk(mm, wanted, out);
	mm->dry = true;
	predicted = move_brk(mm, wanted, out);
	mm->dry = false;
	if (recorded == mm->config.layout.brk && predicted == recorded) {
		(void)move_brk(mm, wanted, out); /* a refusal may come late, with VMAs split */
	} else if (recorded == mm->config.layout.brk && predicted > recorded) {
		/* no rule forbids it: the charge must have failed */
		mm->hidden = mm->charged ? VMSC_HIDDEN_COMMIT : VMSC_HIDDEN_MEMORY;
	} else if (recorded != mm->config.layout.brk && recorded == wanted) {
		mm->force = predicted != recorded;
		(void)move_brk(mm, wanted, out);
		mm->force = false;
	} else if (recorded != mm->config.layout.brk) {
		mm->config.layout.brk = recorded; /* moved behind the model's back (PR_SET_MM) */
	}
	return (int64_t)predicted;
}
