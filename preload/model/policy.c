/* SPDX-License-Identifier: MIT */
/*
 * policy.c - mbind() and set_mempolicy_home_node(): VMAs split and merge by memory policy, which maps does
 * not show. Policies are ids; equal ids are equal policies.
 */
#include "internal.h"

/* mbind_range() over all VMAs of the range. @only_existing: VMAs without a policy are left alone. */
static int set_policy(struct vmsc_mm *mm, uint64_t start, uint64_t end, uint32_t policy, bool only_existing)
{
	struct vmsc_node *node = vmsc_tree_find(mm, start);

	while (start < end && node && node->vma.start < end) {
		uint64_t from = node->vma.start > start ? node->vma.start : start;
		uint64_t until = node->vma.end < end ? node->vma.end : end;
		struct vmsc_change change = vmsc_change_of(node);
		int err = 0;

		change.policy = policy;
		if (change.policy != node->vma.policy && !(only_existing && !node->vma.policy))
			err = vmsc_modify(mm, &node, from, until, &change);
		if (err)
			return err;
		start = until;
		if (node->vma.end <= start)
			node = node->next;
	}
	return 0;
}

/* Policies of other modes than bind and preferred-many refuse too, which their ids do not tell. */
static bool has_policy(const struct vmsc_mm *mm, uint64_t start, uint64_t end)
{
	for (const struct vmsc_node *node = vmsc_tree_find(mm, start); node && node->vma.start < end;
	     node = node->next)
		if (node->vma.policy)
			return true;
	return false;
}

static int64_t bind_range(struct vmsc_mm *mm, const struct vmsc_call *call, struct vmsc_outcome *out,
			  bool only_existing)
{
	uint64_t start = call->args[0], len = page_align(call->args[1]), end = start + len;

	if ((start & PAGE_MASK_) || end < start)
		return -EINVAL;
	if (call->has_result && is_error(call->result)) {
		mm->hidden = VMSC_HIDDEN_POLICY; /* modes, node masks, rights: not decoded */
		return call->result;
	}
	if (start == end)
		return 0;
	vmsc_outcome_hull(out, start, end);
	return set_policy(mm, start, end, call->policy, only_existing);
}

int64_t vmsc_op_mbind(struct vmsc_mm *mm, const struct vmsc_call *call, struct vmsc_outcome *out)
{
	return bind_range(mm, call, out, false);
}

int64_t vmsc_op_home_node(struct vmsc_mm *mm, const struct vmsc_call *call, struct vmsc_outcome *out)
{
	uint64_t start = call->args[0], end = start + page_align(call->args[1]);

	if (!(start & PAGE_MASK_) && end > start && !call->args[3] && !call->args[2] && !mm->force &&
	    !has_policy(mm, start, end))
		return -ENOENT;
	return bind_range(mm, call, out, true);
}
