/* SPDX-License-Identifier: MIT */
/*
 * mapcalls.c - rare system calls that end in do_mmap(): remap_file_pages() and map_shadow_stack().
 */
#include "internal.h"

enum { SHADOW_STACK_SET_TOKEN_ = 1 };

/* May the range go on into the VMAs behind the first: same file, same flags, no hole? */
static bool is_one_mapping(const struct vmsc_node *node, uint64_t end)
{
	for (; node->vma.end < end; node = node->next) {
		const struct vmsc_node *next = node->next;

		if (!next || next->vma.start != node->vma.end || next->vma.file != node->vma.file ||
		    next->vma.vm_flags != node->vma.vm_flags)
			return false;
	}
	return true;
}

/* Would an attached segment lose its last piece? Then it may be gone when it is to be mapped again. */
static bool is_last_piece(const struct vmsc_mm *mm, const struct vmsc_node *node, uint64_t end)
{
	if (!(node->vma.traits & VMSC_VMA_SHM))
		return false;
	for (const struct vmsc_node *other = mm->first; other; other = other->next)
		if (other->vma.file == node->vma.file &&
		    (other->vma.start < node->vma.start || other->vma.end > end))
			return false;
	return true;
}

/* remap_file_pages(), emulated since 4.0: the same file mapped over a part of itself at another offset. */
int64_t vmsc_op_remap_file_pages(struct vmsc_mm *mm, const struct vmsc_call *call, struct vmsc_outcome *out)
{
	uint64_t start = call->args[0] & ~PAGE_MASK_, size = call->args[1] & ~PAGE_MASK_;
	const struct vmsc_node *node = vmsc_tree_find(mm, start);
	struct vmsc_mapping mapping = {.addr = start, .len = size, .pgoff = call->args[3], .fixed = true};
	int64_t ret;

	if (call->args[2] || start + size <= start)
		return -EINVAL;
	if (mapping.pgoff + (size >> VMSC_PAGE_SHIFT) < mapping.pgoff)
		return -EINVAL;
	if (!node || node->vma.start > start || !(node->vma.vm_flags & VMSC_VM(SHARED)) || !node->vma.file)
		return -EINVAL;
	if (!is_one_mapping(node, start + size))
		return -EINVAL;
	if (call->has_result && call->result == -EINVAL && node->vma.start >= start &&
	    is_last_piece(mm, node, start + size)) {
		mm->hidden = VMSC_HIDDEN_DRIVER;
		vmsc_outcome_hull(out, start, start + size);
		(void)vmsc_unmap(mm, start, start + size, true);
		return call->result;
	}
	mapping.flags = MAP_SHARED_ | MAP_FIXED_ | MAP_POPULATE_ | ((uint32_t)call->args[4] & MAP_NONBLOCK_);
	if (node->vma.vm_flags & VMSC_VM(LOCKED))
		mapping.flags |= MAP_LOCKED_;
	mapping.prot = (uint32_t)(node->vma.vm_flags & VMSC_VM_ACCESS);
	mapping.file = vmsc_mm_file_of(mm, node->vma.file);
	mapping.traits = node->vma.traits & VMSC_VMA_SHM;
	ret = vmsc_do_mmap(mm, call, &mapping, out);
	return is_error(ret) ? ret : 0;
}

/* map_shadow_stack(): an anonymous mapping that is written by calls and returns only. */
int64_t vmsc_op_map_shadow_stack(struct vmsc_mm *mm, const struct vmsc_call *call, struct vmsc_outcome *out)
{
	struct vmsc_mapping mapping = {.addr = call->args[0],
				       .len = call->args[1],
				       .prot = PROT_READ_,
				       .flags = MAP_PRIVATE_ | MAP_ANONYMOUS_ | MAP_ABOVE4G_,
				       .vm_flags = VMSC_VM(SHADOW_STACK) | VMSC_VM(WRITE)};

	if (!call->has_result && !has_rule(mm, VMSC_RULE_SHADOW_STACK))
		return -ENOSYS;
	if (!call->has_result || is_error(call->result) || !has_rule(mm, VMSC_RULE_SHADOW_STACK)) {
		mm->hidden = VMSC_HIDDEN_DRIVER; /* whether the processor and the task have them */
		return call->has_result ? call->result : -EOPNOTSUPP;
	}
	if (mapping.addr) {
		mapping.flags |= MAP_FIXED_NOREPLACE_;
		mapping.fixed = true;
	}
	return vmsc_do_mmap(mm, call, &mapping, out);
}
