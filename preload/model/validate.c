/* SPDX-License-Identifier: MIT */
/*
 * validate.c - the invariants of an mm, for tests and debug builds.
 */
#include "internal.h"

struct sums {
	size_t nodes;
	uint64_t total, locked, data;
};

/* The subtree's links, balance and gaps. Goes by parent links, so that depth costs no stack. */
static const char *check_node(const struct vmsc_node *node)
{
	int left = node->left ? node->left->height : 0, right = node->right ? node->right->height : 0;
	uint64_t below = node->prev ? node->prev->vma.end : 0, max = node->gap;

	if ((node->left && node->left->parent != node) || (node->right && node->right->parent != node))
		return "a child does not know its parent";
	if (node->height != (left > right ? left : right) + 1)
		return "a node has the wrong height";
	if (left - right > 1 || right - left > 1)
		return "the tree is out of balance";
	if (node->gap != node->vma.start - below)
		return "a node has the wrong gap";
	if (node->left && node->left->max_gap > max)
		max = node->left->max_gap;
	if (node->right && node->right->max_gap > max)
		max = node->right->max_gap;
	if (node->max_gap != max)
		return "a node has the wrong greatest gap";
	return NULL;
}

static const char *check_vma(const struct vmsc_node *node)
{
	const struct vmsc_vma *vma = &node->vma;

	if (vma->start >= vma->end)
		return "a VMA is empty or reversed";
	if ((vma->start | vma->end) & PAGE_MASK_)
		return "a VMA is not made of pages";
	if (node->prev && node->prev->vma.end > vma->start)
		return "two VMAs overlap";
	if (node->prev ? node->prev->next != node : false)
		return "the list is broken";
	if ((vma->traits & VMSC_VMA_FORKED) && !vma->anon_vma)
		return "a VMA is forked and has no anon_vma";
	if (vma->vm_flags & (VMSC_VM(SHARED)) && vma->anon_vma)
		return "a shared VMA has an anon_vma";
	return check_node(node);
}

static void add(struct sums *sums, const struct vmsc_node *node)
{
	uint64_t vm_flags = node->vma.vm_flags, pages = pages_of(node);
	uint64_t data = VMSC_VM(WRITE) | VMSC_VM(SHARED) | VMSC_VM(GROWSDOWN) | VMSC_VM(SHADOW_STACK);

	sums->nodes++;
	sums->total += pages;
	if (vm_flags & VMSC_VM(LOCKED))
		sums->locked += pages;
	if ((vm_flags & data) == VMSC_VM(WRITE))
		sums->data += pages;
}

/* In-order walk through the tree itself, to be compared with the list. */
static const struct vmsc_node *following(const struct vmsc_node *node)
{
	if (node->right) {
		for (node = node->right; node->left;)
			node = node->left;
		return node;
	}
	while (node->parent && node == node->parent->right)
		node = node->parent;
	return node->parent;
}

static const char *find_fault(const struct vmsc_mm *mm)
{
	const struct vmsc_node *in_tree = mm->root;
	struct sums sums = {0};

	while (in_tree && in_tree->left)
		in_tree = in_tree->left;
	for (const struct vmsc_node *node = mm->first; node; node = node->next) {
		const char *fault = check_vma(node);

		if (fault)
			return fault;
		if (in_tree != node)
			return "tree and list have different orders";
		in_tree = following(in_tree);
		add(&sums, node);
		if (!node->next && mm->last != node)
			return "the last VMA is not the last";
	}
	if (in_tree)
		return "the tree has more VMAs than the list";
	if (sums.nodes != mm->map_count)
		return "map_count is not the number of VMAs";
	if (sums.total != mm->total_vm || sums.data != mm->data_vm || sums.locked != mm->locked_vm)
		return "a page counter does not agree with the VMAs";
	return NULL;
}

int vmsc_mm_validate(const struct vmsc_mm *mm, const char **what)
{
	const char *fault = find_fault(mm);

	if (what)
		*what = fault;
	return fault ? -EINVAL : 0;
}
