/* SPDX-License-Identifier: MIT */
/*
 * unmap_old.c - unmapping as the releases before 7.0 have it: the callers hand the arguments of unmap_vmas()
 * and free_pgtables() on one by one. Kept beside the descriptor's way (unmap.c) so that the two can be
 * compared.
 *
 * On paper they differ in this: free_pgtables() has no bound of its own for the walk over the tree but takes
 * the ceiling; the failed mmap bounds the first walk by the VMA's end, not by the next VMA; and VMAs of huge
 * pages (before 6.17) are not taken into a run with others.
 */
#include "internal.h"

/* What free_pgtables() gets. */
struct free_args {
	struct vmsc_node *first;
	uint64_t floor, ceiling;
	bool mm_wr_locked;
};

static void unmap_vmas(struct vmsc_unmap_walk *walk, struct vmsc_node *first, uint64_t start, uint64_t end,
		       uint64_t tree_end, bool mm_wr_locked)
{
	for (struct vmsc_node *node = first; node; node = vmsc_mas_find(&walk->mas, tree_end - 1))
		vmsc_unmap_zap(walk, node, start, end, mm_wr_locked);
	walk->note.left[0] = walk->mas.index;
}

static bool is_huge(const struct vmsc_node *node)
{
	return node->vma.vm_flags & VMSC_VM(HUGETLB);
}

static void free_pgtables(struct vmsc_unmap_walk *walk, const struct free_args *args)
{
	struct vmsc_node *node = args->first;

	while (node) {
		struct vmsc_node *next = vmsc_mas_find(&walk->mas, args->ceiling - 1);
		uint64_t start = node->vma.start;

		vmsc_unmap_unlink(walk, node, args->mm_wr_locked);
		while (!is_huge(node) && next && next->vma.start <= node->vma.end + VMSC_PMD_SIZE &&
		       !is_huge(next)) {
			node = next;
			next = vmsc_mas_find(&walk->mas, args->ceiling - 1);
			vmsc_unmap_unlink(walk, node, args->mm_wr_locked);
		}
		vmsc_unmap_free(walk, start, node->vma.end, args->floor,
				next ? next->vma.start : args->ceiling);
		node = next;
	}
	walk->note.left[1] = walk->mas.index;
}

/* vms_clear_ptes() of 6.12 to 6.19, after the check that it runs once. */
void vmsc_unmap_old_clear_ptes(struct vmsc_unmap_walk *walk, const struct vmsc_gather *gather)
{
	const struct free_args args = {
		gather->first,
		gather->prev ? gather->prev->vma.end : 0,
		gather->next ? gather->next->vma.start : 0,
		gather->mm_wr_locked,
	};

	vmsc_mas_set(&walk->mas, 1);
	unmap_vmas(walk, gather->first, gather->start, gather->end, gather->vmas, gather->mm_wr_locked);
	vmsc_mas_set(&walk->mas, 1);
	free_pgtables(walk, &args);
}

/* unmap_region() after a failed mmap; the iterator stands at the end of the new VMA, which is in no tree. */
void vmsc_unmap_old_failed(struct vmsc_unmap_walk *walk, struct vmsc_node *node, const struct vmsc_node *prev,
			   const struct vmsc_node *next)
{
	const struct free_args args = {node, prev ? prev->vma.end : 0, next ? next->vma.start : 0, true};
	uint64_t index;

	vmsc_mas_set(&walk->mas, node->vma.end);
	index = walk->mas.index;
	unmap_vmas(walk, node, node->vma.start, node->vma.end, node->vma.end, true);
	vmsc_mas_set(&walk->mas, index);
	free_pgtables(walk, &args);
}

/* exit_mmap(): the first walk has the lock for reading, the second for writing. */
void vmsc_unmap_old_exit(struct vmsc_unmap_walk *walk, struct vmsc_node *first)
{
	const struct free_args args = {first, 0, 0, true};

	vmsc_mas_set(&walk->mas, first->vma.end);
	unmap_vmas(walk, first, 0, UINT64_MAX, UINT64_MAX, false);
	vmsc_mas_set(&walk->mas, first->vma.end);
	free_pgtables(walk, &args);
}
