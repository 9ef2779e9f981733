/* SPDX-License-Identifier: MIT */
/*
 * split.c - one VMA becomes two, and vma_modify(): the one way in which attributes of a part of a VMA change.
 */
#include "internal.h"

struct vmsc_change vmsc_change_of(const struct vmsc_node *node)
{
	return (struct vmsc_change){.vm_flags = node->vma.vm_flags,
				    .policy = node->vma.policy,
				    .uffd = node->vma.uffd,
				    .name = node->vma.name};
}

uint64_t vmsc_huge_size(const struct vmsc_mm *mm, const struct vmsc_node *node)
{
	uint64_t size;

	if (!(node->vma.vm_flags & VMSC_VM(HUGETLB)))
		return 0;
	size = vmsc_mm_file_of(mm, node->vma.file).huge_page_size;
	return size ? size : VMSC_PMD_SIZE;
}

/* vm_ops->may_split() of special mappings and hugetlbfs. */
static bool can_split(const struct vmsc_mm *mm, const struct vmsc_node *node, uint64_t addr)
{
	if (node->vma.traits & VMSC_VMA_SPECIAL_MAPPING)
		return false;
	return !(node->vma.vm_flags & VMSC_VM(HUGETLB)) || !(addr & (vmsc_huge_size(mm, node) - 1));
}

/*
 * __split_vma(): @node keeps the part below @addr, a new VMA behind it gets the rest. Does not look at the
 * limit of map_count. Returns: 0 or -EINVAL, the kernel's answer for a VMA that may not be split there.
 */
int vmsc_split_nolimit(struct vmsc_mm *mm, struct vmsc_node *node, uint64_t addr)
{
	struct vmsc_node *upper;

	if (!mm->force && !can_split(mm, node, addr))
		return -EINVAL;
	if (mm->dry)
		return 0;
	upper = vmsc_node_take(mm);
	upper->vma = node->vma;
	upper->maybe_touched = node->maybe_touched;
	upper->vma.start = addr;
	upper->vma.pgoff += (addr - node->vma.start) >> VMSC_PAGE_SHIFT;
	vmsc_node_set_range(mm, node, node->vma.start, addr);
	vmsc_node_insert(mm, upper, node);
	return 0;
}

/* split_vma(): -ENOMEM at the limit of map_count. */
static int split(struct vmsc_mm *mm, struct vmsc_node *node, uint64_t addr)
{
	if (!mm->force && mm->map_count >= mm->config.limits.max_map_count)
		return -ENOMEM;
	return vmsc_split_nolimit(mm, node, addr);
}

static void apply(struct vmsc_mm *mm, struct vmsc_node *node, const struct vmsc_change *change)
{
	vmsc_node_set_flags(mm, node, change->vm_flags);
	node->vma.policy = change->policy;
	node->vma.uffd = change->uffd;
	node->vma.name = change->name;
}

/*
 * vma_modify(): [start, end) of *node gets other attributes. Merges with the neighbours if that is possible,
 * else splits what does not belong to the range. *node becomes the VMA that holds the range.
 *
 * Returns: 0, or what the kernel answers: -ENOMEM at the limit of map_count (a first split stays), -EINVAL.
 */
int vmsc_modify(struct vmsc_mm *mm, struct vmsc_node **node, uint64_t start, uint64_t end,
		const struct vmsc_change *change)
{
	struct vmsc_node *middle = *node, *merged;
	struct vmsc_merge merge = {
		.caller = VMSC_MERGE_BY_MODIFY, .middle = middle, .start = start, .end = end};
	int err = 0;

	vmsc_merge_copy(&merge, &middle->vma);
	merge.pgoff = middle->vma.pgoff;
	if (!change->by_vma_pgoff)
		merge.pgoff += (start - middle->vma.start) >> VMSC_PAGE_SHIFT;
	merge.prev = start == middle->vma.start ? middle->prev : NULL;
	merge.next = end == middle->vma.end ? middle->next : NULL;
	merge.vm_flags = change->vm_flags;
	merge.policy = change->policy;
	merge.uffd = change->uffd;
	merge.name = change->name;
	merged = vmsc_merge_modified(mm, &merge);
	if (merged) {
		struct vmsc_change all = *change;

		if (mm->dry)
			return 0;
		if (has_rule(mm, VMSC_RULE_STICKY_GUARD))
			all.vm_flags |= merged->vma.vm_flags & ignored_flags(mm);
		apply(mm, merged, &all);
		*node = merged;
		return 0;
	}
	if (start > middle->vma.start) {
		err = split(mm, middle, start);
		if (err)
			return err;
		if (!mm->dry)
			middle = middle->next;
	}
	if (end < middle->vma.end)
		err = split(mm, middle, end);
	if (err)
		return err;
	if (!mm->dry)
		apply(mm, middle, change);
	*node = middle;
	return 0;
}
