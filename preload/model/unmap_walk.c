/* SPDX-License-Identifier: MIT */
/*
 * unmap_walk.c - what unmapping does to one VMA or one run of them, whoever asks for it, and the iterator by
 * which both implementations walk: the descriptor's (unmap.c) and the older one (unmap_old.c).
 */
#include "internal.h"

const char *vmsc_unmap_caller_name(unsigned int caller)
{
	static const char *const names[] = {
#define X(name, text) text,
		VMSC_UNMAP_CALLERS(X)
#undef X
	};

	return caller < VMSC_NR_UNMAP_CALLERS ? names[caller] : NULL;
}

const char *vmsc_unmap_way_name(unsigned int way)
{
	static const char *const names[] = {
#define X(name, text) text,
		VMSC_UNMAP_WAYS(X)
#undef X
	};

	return way < VMSC_NR_UNMAP_WAYS ? names[way] : NULL;
}

/* mas_set(): the next walk begins at @index. */
void vmsc_mas_set(struct vmsc_mas *mas, uint64_t index)
{
	mas->index = mas->last = index;
	mas->active = false;
	mas->at = NULL;
}

/* The entry at or above @index of the side tree, which has one VMA for each number. */
static struct vmsc_node *side_entry(const struct vmsc_mas *mas, uint64_t index)
{
	struct vmsc_node *node = mas->side;

	if (index >= mas->nr_side)
		return NULL;
	if (mas->at && mas->active)
		return mas->at->next;
	while (index--)
		node = node->next;
	return node;
}

/*
 * mas_find(): the first entry not below where the iterator stands that begins at @max or below; in a walk
 * under way, the next one. NULL: there is none.
 */
struct vmsc_node *vmsc_mas_find(struct vmsc_mas *mas, uint64_t max)
{
	uint64_t from = mas->active ? mas->last + 1 : mas->index, first;
	struct vmsc_node *node;

	if (mas->active && mas->last >= max)
		return NULL;
	node = mas->side ? side_entry(mas, from) : vmsc_tree_find(mas->mm, from);
	first = node ? (mas->side ? from : node->vma.start) : 0;
	if (!node || first > max) {
		mas->index = from; /* it has walked off, into the hole behind the last entry */
		mas->last = max;
		mas->active = true;
		mas->at = NULL;
		return NULL;
	}
	mas->index = first;
	mas->last = mas->side ? first : node->vma.end - 1;
	mas->active = true;
	mas->at = node;
	return node;
}

static void emit(const struct vmsc_unmap_walk *walk, const struct vmsc_unmap_event *event)
{
	const struct vmsc_listener *listener = &walk->mm->config.listener;

	if (listener->unmap_event)
		listener->unmap_event(listener->ctx, event);
}

/*
 * hugetlb_zap_begin(): where page tables of huge pages may be shared, the range grows to whole gigabytes, as
 * far as the VMA has them.
 */
static void round_for_shared_tables(const struct vmsc_vma *vma, uint64_t *start, uint64_t *end)
{
	const uint64_t mask = VMSC_PUD_SIZE - 1;
	uint64_t from = (vma->start + mask) & ~mask, to = vma->end & ~mask;

	if (!(vma->vm_flags & VMSC_VM(HUGETLB)) || !(vma->vm_flags & VMSC_VM(MAYSHARE)))
		return;
	if (to <= from || *end <= from || *start >= to)
		return;
	if (*start > from)
		*start &= ~mask;
	if (*end < to)
		*end = (*end + mask) & ~mask;
}

/* unmap_single_vma(): what of [start, end) lies in the VMA is zapped. */
void vmsc_unmap_zap(struct vmsc_unmap_walk *walk, const struct vmsc_node *node, uint64_t start, uint64_t end,
		    bool mm_wr_locked)
{
	struct vmsc_unmap_event event = {.kind = VMSC_UNMAP_ZAP, .mm_wr_locked = mm_wr_locked};

	round_for_shared_tables(&node->vma, &start, &end);
	event.start = node->vma.start > start ? node->vma.start : start;
	event.end = node->vma.end < end ? node->vma.end : end;
	if (event.start >= event.end)
		return;
	walk->note.zapped_pages += (event.end - event.start) >> VMSC_PAGE_SHIFT;
	emit(walk, &event);
}

/* unlink_anon_vmas() and unlink_file_vma() */
void vmsc_unmap_unlink(struct vmsc_unmap_walk *walk, const struct vmsc_node *node, bool mm_wr_locked)
{
	const struct vmsc_unmap_event event = {.kind = VMSC_UNMAP_UNLINK,
					       .start = node->vma.start,
					       .end = node->vma.end,
					       .mm_wr_locked = mm_wr_locked};

	emit(walk, &event);
}

/* free_pgd_range() for a run of VMAs that are close together. */
void vmsc_unmap_free(struct vmsc_unmap_walk *walk, uint64_t start, uint64_t end, uint64_t floor,
		     uint64_t ceiling)
{
	struct vmsc_unmap_event event = {
		.kind = VMSC_UNMAP_FREE, .start = start, .end = end, .floor = floor, .ceiling = ceiling};

	vmsc_free_pgd_range(start, end, floor, ceiling, event.tables);
	vmsc_pgtable_free(walk->mm, event.tables, event.freed);
	walk->note.runs++;
	for (unsigned int level = 0; level < VMSC_NR_TABLE_LEVELS; level++) {
		walk->note.tables[level] += vmsc_pgtable_count(walk->mm, &event.tables[level], level);
		walk->note.freed[level] += event.freed[level];
	}
	emit(walk, &event);
}

/* remove_vma() */
void vmsc_unmap_remove(struct vmsc_unmap_walk *walk, struct vmsc_node *node)
{
	const struct vmsc_unmap_event event = {
		.kind = VMSC_UNMAP_REMOVE, .start = node->vma.start, .end = node->vma.end};

	emit(walk, &event);
	vmsc_node_remove(walk->mm, node);
}
