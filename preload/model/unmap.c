/* SPDX-License-Identifier: MIT */
/*
 * unmap.c - taking VMAs away: gather (split the ends, ask whether all may go), complete (tell, remove,
 * count), and the struct unmap_desc of each of the kernel's callers, from which follows which page tables are
 * freed.
 */
#include "internal.h"

#define PMD_MASK (~(VMSC_PMD_SIZE - 1))

/*
 * free_pgd_range(), counted in slots of 2 MiB: how many hold nothing else than [start, end) between @floor
 * and
 * @ceiling (0: the top of the address space).
 */
static uint64_t slots_of_run(uint64_t start, uint64_t end, uint64_t floor, uint64_t ceiling)
{
	start &= PMD_MASK;
	if (start < floor) {
		start += VMSC_PMD_SIZE;
		if (!start)
			return 0;
	}
	if (ceiling) {
		ceiling &= PMD_MASK;
		if (!ceiling)
			return 0;
	}
	if (end - 1 > ceiling - 1)
		end -= VMSC_PMD_SIZE;
	if (start > end - 1)
		return 0;
	return ((end - 1) / VMSC_PMD_SIZE) - (start / VMSC_PMD_SIZE) + 1;
}

/* free_pgtables(): VMAs closer than 2 MiB are freed as one run. @last is the last VMA that goes. */
static uint64_t page_table_slots(const struct vmsc_node *first, const struct vmsc_node *last, uint64_t floor,
				 uint64_t ceiling)
{
	const struct vmsc_node *node = first;
	uint64_t slots = 0;

	while (node) {
		uint64_t start = node->vma.start, end = node->vma.end;

		while (node != last && node->next->vma.start <= end + VMSC_PMD_SIZE) {
			node = node->next;
			end = node->vma.end;
		}
		node = node == last ? NULL : node->next;
		slots += slots_of_run(start, end, floor, node ? node->vma.start : ceiling);
	}
	return slots;
}

/* can_modify_mm() of releases that look at seals before they begin. */
bool vmsc_is_sealed_within(const struct vmsc_mm *mm, uint64_t start, uint64_t end)
{
	for (const struct vmsc_node *node = vmsc_tree_find(mm, start); node && node->vma.start < end;
	     node = node->next) {
		if (node->vma.vm_flags & VMSC_VM(SEALED))
			return true;
	}
	return false;
}

/* Begins in the middle of *node: a hole there needs a VMA more, which the limit may forbid. */
static int gather_start(struct vmsc_mm *mm, struct vmsc_node **node, uint64_t start, uint64_t end)
{
	int err;

	if (!mm->force) {
		if (end < (*node)->vma.end && mm->map_count >= mm->config.limits.max_map_count)
			return -ENOMEM;
		if ((*node)->vma.vm_flags & VMSC_VM(SEALED))
			return -EPERM;
	}
	err = vmsc_split_nolimit(mm, *node, start);
	if (!err && !mm->dry)
		*node = (*node)->next;
	return err;
}

/*
 * vms_gather_munmap_vmas(): splits at both ends and sums up. Nothing is removed before vmsc_unmap_complete().
 *
 * Returns: 0, or what the kernel answers: -ENOMEM (limit of map_count), -EPERM (sealed), -EINVAL (may not be
 * split). Splits made before a refusal stay.
 */
int vmsc_unmap_gather(struct vmsc_mm *mm, uint64_t start, uint64_t end, struct vmsc_gather *gather)
{
	struct vmsc_node *node = vmsc_tree_find(mm, start);
	int err = 0;

	*gather = (struct vmsc_gather){.start = start, .end = end, .mm_wr_locked = true};
	if (!node || node->vma.start >= end)
		return 0;
	if (!mm->force && !has_rule(mm, VMSC_RULE_MSEAL_IN_LOOP) && vmsc_is_sealed_within(mm, start, end))
		return -EPERM;
	if (node->vma.start < start)
		err = gather_start(mm, &node, start, end);
	if (err)
		return err;
	gather->first = node;
	for (; node && node->vma.start < end; node = node->next) {
		uint64_t from = node->vma.start > start ? node->vma.start : start, pages;

		if (!mm->force && (node->vma.vm_flags & VMSC_VM(SEALED)))
			return -EPERM;
		if (node->vma.end > end) {
			err = vmsc_split_nolimit(mm, node, end);
			if (err)
				return err;
		}
		pages = ((node->vma.end < end ? node->vma.end : end) - from) >> VMSC_PAGE_SHIFT;
		gather->vmas++;
		gather->pages += pages;
		if (node->vma.vm_flags & VMSC_VM(ACCOUNT))
			gather->accounted_pages += pages;
	}
	return 0;
}

/* UNMAP of a detached side tree: it is indexed from 0, and the first VMA is already in hand. */
static struct vmsc_unmap_desc desc_of_gather(const struct vmsc_gather *gather, const struct vmsc_node *prev,
					     const struct vmsc_node *next)
{
	return (struct vmsc_unmap_desc){
		.first = gather->first->vma.start,
		.first_pgaddr = prev ? prev->vma.end : 0,
		.last_pgaddr = next ? next->vma.start : 0,
		.vma_min = gather->start,
		.vma_max = gather->end,
		.tree_max = gather->vmas,
		.tree_reset = 1,
		.mm_wr_locked = gather->mm_wr_locked,
	};
}

/* vms_clear_ptes() and vms_complete_munmap_vmas() */
void vmsc_unmap_complete(struct vmsc_mm *mm, struct vmsc_gather *gather)
{
	const struct vmsc_listener *listener = &mm->config.listener;
	struct vmsc_node *node = gather->first, *last = node, *prev, *next;

	if (!node || mm->dry)
		return;
	prev = node->prev;
	for (uint64_t i = 1; i < gather->vmas; i++)
		last = last->next;
	next = last->next;
	if (listener->unmap) {
		struct vmsc_unmap_note note = {
			.caller = VMSC_UNMAP_BY_VMS_CLEAR_PTES,
			.desc = desc_of_gather(gather, prev, next),
			.vmas = gather->vmas,
			.pages = gather->pages,
			.accounted_pages = gather->accounted_pages,
		};

		note.page_table_slots =
			page_table_slots(node, last, note.desc.first_pgaddr, note.desc.last_pgaddr);
		listener->unmap(listener->ctx, &note);
	}
	while (node != next) {
		struct vmsc_node *following = node->next;

		vmsc_node_remove(mm, node);
		node = following;
	}
}

/* do_vmi_munmap(). Returns: 0 or what the kernel answers. */
int vmsc_unmap(struct vmsc_mm *mm, uint64_t start, uint64_t end, bool mm_wr_locked)
{
	struct vmsc_gather gather;
	int err = vmsc_unmap_gather(mm, start, end, &gather);

	if (err)
		return err;
	gather.mm_wr_locked = mm_wr_locked;
	vmsc_unmap_complete(mm, &gather);
	return 0;
}

/* unmap_region() after a driver's mmap hook failed: the new VMA, not in any count yet, is taken down again.
 */
void vmsc_unmap_failed_mmap(struct vmsc_mm *mm, uint64_t start, uint64_t end)
{
	const struct vmsc_listener *listener = &mm->config.listener;
	const struct vmsc_node *prev = vmsc_tree_prev(mm, start), *next = vmsc_tree_find(mm, end);
	struct vmsc_unmap_note note = {
		.caller = VMSC_UNMAP_BY_UNMAP_REGION, .vmas = 1, .pages = (end - start) >> VMSC_PAGE_SHIFT};

	if (!listener->unmap)
		return;
	note.desc = (struct vmsc_unmap_desc){
		.first = start,
		.first_pgaddr = prev ? prev->vma.end : 0,
		.last_pgaddr = next ? next->vma.start : 0,
		.vma_min = start,
		.vma_max = end,
		.tree_max = next ? next->vma.start : 0,
		.tree_reset = end,
		.mm_wr_locked = true,
	};
	note.page_table_slots = slots_of_run(start, end, note.desc.first_pgaddr, note.desc.last_pgaddr);
	listener->unmap(listener->ctx, &note);
}

/* exit_mmap() */
void vmsc_mm_exit(struct vmsc_mm *mm)
{
	const struct vmsc_listener *listener = &mm->config.listener;
	struct vmsc_unmap_note note = {.caller = VMSC_UNMAP_BY_EXIT_MMAP, .vmas = mm->map_count};

	if (mm->first && listener->unmap) {
		note.desc = (struct vmsc_unmap_desc){.first = mm->first->vma.start,
						     .vma_max = UINT64_MAX,
						     .tree_max = UINT64_MAX,
						     .tree_reset = mm->first->vma.end};
		note.pages = mm->total_vm;
		for (const struct vmsc_node *node = mm->first; node; node = node->next) {
			if (node->vma.vm_flags & VMSC_VM(ACCOUNT))
				note.accounted_pages += pages_of(node);
		}
		note.page_table_slots = page_table_slots(mm->first, mm->last, 0, 0);
		listener->unmap(listener->ctx, &note);
	}
	while (mm->first)
		vmsc_node_remove(mm, mm->first);
}

int64_t vmsc_op_munmap(struct vmsc_mm *mm, const struct vmsc_call *call, struct vmsc_outcome *out)
{
	uint64_t start = call->args[0], len = page_align(call->args[1]), task_size = vmsc_mm_task_size(mm);

	if ((start & PAGE_MASK_) || start > task_size || call->args[1] > task_size - start || !len)
		return -EINVAL;
	vmsc_outcome_hull(out, start, start + len);
	return vmsc_unmap(mm, start, start + len, false);
}
