/* SPDX-License-Identifier: MIT */
/*
 * tree.c - the VMAs of an mm in address order: an AVL tree whose nodes know the greatest hole in their
 * subtree, and a list through the same nodes. Stands for the kernel's maple tree: find, prev, next, insert,
 * erase and the two gap searches, all O(log n). A hole belongs to the VMA above it; the one above the last
 * VMA belongs to nobody.
 */
#include "internal.h"

static inline int height_of(const struct vmsc_node *node)
{
	return node ? node->height : 0;
}

static inline uint64_t max_gap_of(const struct vmsc_node *node)
{
	return node ? node->max_gap : 0;
}

static inline uint64_t max_of(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* What those above know of @node's subtree, from its own hole and its children. Returns: did it change? */
static inline bool update(struct vmsc_node *node)
{
	const struct vmsc_node *left = node->left, *right = node->right;
	int height = 1 + (height_of(left) > height_of(right) ? height_of(left) : height_of(right));
	uint64_t max_gap = max_of(node->gap, max_of(max_gap_of(left), max_gap_of(right)));
	bool changed = height != node->height || max_gap != node->max_gap;

	node->height = height;
	node->max_gap = max_gap;
	return changed;
}

/* Puts @child, which may be NULL, where @node hangs. */
static void replace_child(struct vmsc_mm *mm, struct vmsc_node *node, struct vmsc_node *child)
{
	struct vmsc_node *parent = node->parent;

	if (!parent)
		mm->root = child;
	else if (parent->left == node)
		parent->left = child;
	else
		parent->right = child;
	if (child)
		child->parent = parent;
}

static struct vmsc_node *rotate_left(struct vmsc_mm *mm, struct vmsc_node *node)
{
	struct vmsc_node *pivot = node->right;

	replace_child(mm, node, pivot);
	node->right = pivot->left;
	if (node->right)
		node->right->parent = node;
	pivot->left = node;
	node->parent = pivot;
	update(node);
	update(pivot);
	return pivot;
}

static struct vmsc_node *rotate_right(struct vmsc_mm *mm, struct vmsc_node *node)
{
	struct vmsc_node *pivot = node->left;

	replace_child(mm, node, pivot);
	node->left = pivot->right;
	if (node->left)
		node->left->parent = node;
	pivot->right = node;
	node->parent = pivot;
	update(node);
	update(pivot);
	return pivot;
}

/* The subtree leans by two. Returns: its root, which is in balance then. */
static struct vmsc_node *balance(struct vmsc_mm *mm, struct vmsc_node *node)
{
	if (height_of(node->left) > height_of(node->right)) {
		if (height_of(node->left->left) < height_of(node->left->right))
			rotate_left(mm, node->left);
		return rotate_right(mm, node);
	}
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): the higher side is there */
	if (height_of(node->right->right) < height_of(node->right->left))
		rotate_right(mm, node->right);
	return rotate_left(mm, node);
}

/*
 * Balance and gaps from @node upwards, as far as anything changes, but at least up to @until (NULL: nowhere),
 * whose own hole has changed.
 */
static void repair(struct vmsc_mm *mm, struct vmsc_node *node, const struct vmsc_node *until)
{
	for (; node; node = node->parent) {
		int lean = height_of(node->left) - height_of(node->right), height = node->height;
		uint64_t max_gap = node->max_gap;

		if (node == until)
			until = NULL;
		if (lean >= -1 && lean <= 1) {
			if (!update(node) && !until)
				return;
			continue;
		}
		node = balance(mm, node);
		if (!until && node->height == height && node->max_gap == max_gap)
			return;
	}
}

/* The hole below @node, which may be NULL. */
static void measure_gap(struct vmsc_node *node)
{
	uint64_t below;

	if (!node)
		return;
	below = node->prev ? node->prev->vma.end : 0;
	node->gap = node->vma.start > below ? node->vma.start - below : 0;
}

/* The range of @node changed: its hole and the one above it did too. */
void vmsc_tree_moved(struct vmsc_mm *mm, struct vmsc_node *node)
{
	measure_gap(node);
	repair(mm, node, node);
	measure_gap(node->next);
	repair(mm, node->next, node->next);
}

/* Links @node behind @prev (NULL: in front of all). */
void vmsc_tree_insert(struct vmsc_mm *mm, struct vmsc_node *node, struct vmsc_node *prev)
{
	struct vmsc_node *next = prev ? prev->next : mm->first;

	node->prev = prev;
	node->next = next;
	node->left = node->right = node->parent = NULL;
	*(prev ? &prev->next : &mm->first) = node;
	*(next ? &next->prev : &mm->last) = node;
	if (!prev && !next) {
		mm->root = node;
	} else if (prev && !prev->right) {
		prev->right = node;
		node->parent = prev;
	} else { /* next is the leftmost of prev's right subtree, or of the whole tree */
		next->left = node; /* NOLINT(clang-analyzer-core.NullDereference): a right child is followed by it */
		node->parent = next;
	}
	measure_gap(node);
	measure_gap(next);
	update(node);
	repair(mm, node->parent, next); /* next is above node */
	mm->latest = node;
}

/* @heir takes the place of @node in the tree, with all that those above know of it. */
static void inherit_place(struct vmsc_mm *mm, struct vmsc_node *node, struct vmsc_node *heir)
{
	replace_child(mm, node, heir);
	heir->height = node->height;
	heir->max_gap = node->max_gap;
}

void vmsc_tree_erase(struct vmsc_mm *mm, struct vmsc_node *node)
{
	struct vmsc_node *next = node->next, *from;

	if (node->left && node->right) { /* next has no left child: it takes the place of node */
		from = next->parent == node ? next : next->parent;
		replace_child(mm, next, next->right);
		inherit_place(mm, node, next);
		next->left = node->left;
		next->right = node->right;
		next->left->parent = next;
		if (next->right)
			next->right->parent = next;
	} else if (node->right) { /* a leaf, and next */
		inherit_place(mm, node, next);
		from = next;
	} else {
		replace_child(mm, node, node->left);
		from = node->parent;
	}
	*(node->prev ? &node->prev->next : &mm->first) = next;
	*(next ? &next->prev : &mm->last) = node->prev;
	measure_gap(next);
	repair(mm, from, next); /* next is from or above it */
	mm->latest = next;
}

/* find_vma(): the first VMA that ends above @addr. Returns: the node or NULL. */
struct vmsc_node *vmsc_tree_find(const struct vmsc_mm *mm, uint64_t addr)
{
	struct vmsc_node *node = mm->latest, *found = NULL;

	if (node && node->vma.end > addr && (!node->prev || node->prev->vma.end <= addr))
		return node;
	for (node = mm->root; node;) {
		if (node->vma.end > addr) {
			found = node;
			node = node->left;
		} else {
			node = node->right;
		}
	}
	return found;
}

/* The last VMA that ends at or below @addr. Returns: the node or NULL. */
struct vmsc_node *vmsc_tree_prev(const struct vmsc_mm *mm, uint64_t addr)
{
	struct vmsc_node *above = vmsc_tree_find(mm, addr);

	return above ? above->prev : mm->last;
}

bool vmsc_tree_is_free(const struct vmsc_mm *mm, uint64_t start, uint64_t end)
{
	struct vmsc_node *node = vmsc_tree_find(mm, start);

	return !node || node->vma.start >= end;
}

/* The last node not behind @node with a hole of @len below it. Returns: the node or NULL. */
struct vmsc_node *vmsc_tree_gap_at_or_below(struct vmsc_node *node, uint64_t len)
{
	while (node) {
		if (node->gap >= len)
			return node;
		if (node->left && node->left->max_gap >= len) {
			node = node->left;
			while (node->right && node->right->max_gap >= len)
				node = node->right;
			continue; /* its own hole, or one further left: both are looked at above */
		}
		while (node->parent && node == node->parent->left)
			node = node->parent;
		node = node->parent;
	}
	return NULL;
}

/* The first node not before @node with a hole of @len below it. Returns: the node or NULL. */
struct vmsc_node *vmsc_tree_gap_at_or_above(struct vmsc_node *node, uint64_t len)
{
	while (node) {
		if (node->gap >= len)
			return node;
		if (node->right && node->right->max_gap >= len) {
			node = node->right;
			while (node->left && node->left->max_gap >= len)
				node = node->left;
			continue;
		}
		while (node->parent && node == node->parent->right)
			node = node->parent;
		node = node->parent;
	}
	return NULL;
}
