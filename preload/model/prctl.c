/* SPDX-License-Identifier: MIT */
/*
 * prctl.c - prctl() where it touches VMAs (names, KSM, write-xor-execute), personality(), and mseal().
 */
#include "internal.h"

enum {
	PR_SET_MDWE_ = 65,
	PR_MDWE_REFUSE_EXEC_GAIN_ = 1,
	PR_MDWE_NO_INHERIT_ = 2,
	PR_SET_MEMORY_MERGE_ = 67,
	PR_SET_VMA_ = 0x53564d41,
};

/* Gives every VMA of the range a new name or seal; stops at the first refusal. Holes are the caller's
 * business. */
static int change_range(struct vmsc_mm *mm, uint64_t start, uint64_t end, uint64_t set_flags,
			const uint32_t *name)
{
	struct vmsc_node *node = vmsc_tree_find(mm, start);
	int hole = 0;

	while (start < end && node && node->vma.start < end) {
		uint64_t until = node->vma.end < end ? node->vma.end : end;
		struct vmsc_change change = vmsc_change_of(node);
		int err = 0;

		if (node->vma.start > start) {
			hole = -ENOMEM;
			start = node->vma.start;
		}
		change.vm_flags |= set_flags;
		if (name)
			change.name = *name;
		if (change.vm_flags != node->vma.vm_flags || change.name != node->vma.name)
			err = vmsc_modify(mm, &node, start, until, &change);
		if (err)
			return err;
		start = until;
		if (node->vma.end <= start)
			node = node->next;
	}
	return start < end ? -ENOMEM : hole;
}

/* vma_is_anon_shmem(); of what is older than the model only the kind is known. */
static bool is_anonymous_file(const struct vmsc_mm *mm, const struct vmsc_vma *vma)
{
	struct vmsc_file file = vmsc_mm_file_of(mm, vma->file);

	if (file.kind != VMSC_FILE_SHMEM || (vma->traits & VMSC_VMA_SHM))
		return false;
	return (file.mode & FILE_ANONYMOUS) || (vma->traits & VMSC_VMA_BORN_BEFORE);
}

/* Can the VMAs of the range have names? Anonymous memory, and by release shared anonymous memory. */
static bool are_nameable(const struct vmsc_mm *mm, uint64_t start, uint64_t end)
{
	for (const struct vmsc_node *node = vmsc_tree_find(mm, start); node && node->vma.start < end;
	     node = node->next) {
		if (node->vma.file &&
		    !(is_anonymous_file(mm, &node->vma) && has_rule(mm, VMSC_RULE_ANON_NAME_SHMEM)))
			return false;
	}
	return true;
}

/* prctl_set_vma() with PR_SET_VMA_ANON_NAME */
static int64_t set_name(struct vmsc_mm *mm, const struct vmsc_call *call, struct vmsc_outcome *out)
{
	uint64_t start = call->args[2], len = page_align(call->args[3]);
	int err;

	if (!has_rule(mm, VMSC_RULE_ANON_VMA_NAME) || call->args[1] || (start & PAGE_MASK_))
		return -EINVAL;
	if (call->args[3] && !len)
		return -EINVAL;
	if (start + len < start)
		return -EINVAL;
	if (!len)
		return 0;
	if (!mm->force && !are_nameable(mm, start, start + len))
		return -EBADF;
	vmsc_outcome_hull(out, start, start + len);
	err = change_range(mm, start, start + len, 0, &call->name);
	return err;
}

/* ksm_enable_merge_any() and ksm_disable_merge_any(): flags change in place, nothing merges. */
static int64_t set_memory_merge(struct vmsc_mm *mm, const struct vmsc_call *call, struct vmsc_outcome *out)
{
	bool enable = call->args[1];

	if (!has_rule(mm, VMSC_RULE_MERGE_ANY))
		return -EINVAL;
	if (call->args[2] || call->args[3] || call->args[4])
		return -EINVAL;
	if (mm->dry || enable == mm->merge_any)
		return 0;
	mm->merge_any = true;
	for (struct vmsc_node *node = mm->first; node; node = node->next) {
		uint64_t flag = vmsc_ksm_flag(mm, node->vma.vm_flags);

		if (flag)
			vmsc_outcome_hull(out, node->vma.start, node->vma.end);
		vmsc_node_set_flags(mm, node,
				    enable ? node->vma.vm_flags | flag : node->vma.vm_flags & ~flag);
	}
	mm->merge_any = enable;
	return 0;
}

static int64_t set_mdwe(struct vmsc_mm *mm, const struct vmsc_call *call)
{
	uint64_t bits = call->args[1], known = PR_MDWE_REFUSE_EXEC_GAIN_;

	if (has_rule(mm, VMSC_RULE_MDWE_NO_INHERIT))
		known |= PR_MDWE_NO_INHERIT_;
	if (!has_rule(mm, VMSC_RULE_MDWE) || call->args[2] || call->args[3] || call->args[4] ||
	    (bits & ~known))
		return -EINVAL;
	if (bits == PR_MDWE_NO_INHERIT_)
		return -EINVAL;
	if (mm->mdwe && bits != mm->mdwe && !mm->force) /* once set, for good */
		return -EPERM;
	if (!mm->dry)
		mm->mdwe = (uint8_t)bits;
	return 0;
}

int64_t vmsc_op_prctl(struct vmsc_mm *mm, const struct vmsc_call *call, struct vmsc_outcome *out)
{
	switch ((uint32_t)call->args[0]) {
	case PR_SET_VMA_:
		return set_name(mm, call, out);
	case PR_SET_MEMORY_MERGE_:
		return set_memory_merge(mm, call, out);
	case PR_SET_MDWE_:
		return set_mdwe(mm, call);
	default: /* not about VMAs */
		return call->has_result ? call->result : 0;
	}
}

/* What the personality was before this address space was first seen, only the kernel's answer tells. */
int64_t vmsc_op_personality(struct vmsc_mm *mm, const struct vmsc_call *call, struct vmsc_outcome *out)
{
	uint32_t old = mm->persona, persona = (uint32_t)call->args[0];

	(void)out;
	if (persona != UINT32_MAX && !mm->dry)
		mm->persona = persona;
	return call->has_result ? call->result : old;
}

static bool has_hole(const struct vmsc_mm *mm, uint64_t start, uint64_t end)
{
	for (const struct vmsc_node *node = vmsc_tree_find(mm, start); node && node->vma.start <= start;
	     node = node->next) {
		start = node->vma.end;
		if (start >= end)
			return false;
	}
	return true;
}

/* do_mseal() */
int64_t vmsc_op_mseal(struct vmsc_mm *mm, const struct vmsc_call *call, struct vmsc_outcome *out)
{
	uint64_t start = call->args[0], len = page_align(call->args[1]), end = start + len;

	if (!has_rule(mm, VMSC_RULE_MSEAL))
		return -ENOSYS;
	if (call->args[2] || (start & PAGE_MASK_) || (call->args[1] && !len) || end < start)
		return -EINVAL;
	if (end == start)
		return 0;
	if (!mm->force && has_hole(mm, start, end))
		return -ENOMEM;
	vmsc_outcome_hull(out, start, end);
	return change_range(mm, start, end, VMSC_VM(SEALED), NULL);
}
