/* SPDX-License-Identifier: MIT */
/*
 * unmap.c - taking VMAs away: gather (split the ends, ask whether all may go), clear (zap, free page tables),
 * complete (remove, count), and the struct unmap_desc of each of the kernel's callers, by which unmap_vmas()
 * and free_pgtables() walk. The older way, without the descriptor, is in unmap_old.c.
 */
#include "internal.h"

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

	*gather = (struct vmsc_gather){.start = start, .end = end, .mm_wr_locked = true, .clear_ptes = true};
	if (!node || node->vma.start >= end)
		return 0;
	if (!mm->force && !has_rule(mm, VMSC_RULE_MSEAL_IN_LOOP) && vmsc_is_sealed_within(mm, start, end))
		return -EPERM;
	gather->splits = node->vma.start < start;
	if (gather->splits)
		err = gather_start(mm, &node, start, end);
	if (err)
		return err;
	gather->first = node;
	gather->prev = node->prev;
	for (; node && node->vma.start < end; node = node->next) {
		uint64_t from = node->vma.start > start ? node->vma.start : start, pages;

		if (!mm->force && (node->vma.vm_flags & VMSC_VM(SEALED)))
			return -EPERM;
		if (node->vma.end > end) {
			err = vmsc_split_nolimit(mm, node, end);
			if (err)
				return err;
			gather->splits++;
		}
		pages = ((node->vma.end < end ? node->vma.end : end) - from) >> VMSC_PAGE_SHIFT;
		gather->vmas++;
		gather->pages += pages;
		if (node->vma.vm_flags & VMSC_VM(ACCOUNT))
			gather->accounted_pages += pages;
	}
	gather->next = node;
	return 0;
}

/* vms_clear_ptes(): a detached side tree is indexed from 0, and the first VMA is already in hand. */
static struct vmsc_unmap_desc desc_of_gather(const struct vmsc_gather *gather)
{
	return (struct vmsc_unmap_desc){
		.side_tree = true,
		.first = gather->first->vma.start,
		.first_pgaddr = gather->prev ? gather->prev->vma.end : 0,
		.last_pgaddr = gather->next ? gather->next->vma.start : 0,
		.vma_min = gather->start,
		.vma_max = gather->end,
		.tree_max = gather->vmas,
		.tree_reset = 1,
		.mm_wr_locked = gather->mm_wr_locked,
	};
}

/* UNMAP_REGION(): a VMA that is in no tree yet, between prev and next. */
static struct vmsc_unmap_desc desc_of_failed(const struct vmsc_node *node, const struct vmsc_node *prev,
					     const struct vmsc_node *next)
{
	return (struct vmsc_unmap_desc){
		.first = node->vma.start,
		.first_pgaddr = prev ? prev->vma.end : 0,
		.last_pgaddr = next ? next->vma.start : 0,
		.vma_min = node->vma.start,
		.vma_max = node->vma.end,
		.tree_max = next ? next->vma.start : 0,
		.tree_reset = node->vma.end,
		.mm_wr_locked = true,
	};
}

/* unmap_all_init(): FIRST_USER_ADDRESS and USER_PGTABLES_CEILING are 0 here. */
static struct vmsc_unmap_desc desc_of_all(const struct vmsc_node *first)
{
	return (struct vmsc_unmap_desc){
		.first = first->vma.start,
		.vma_max = UINT64_MAX,
		.tree_max = UINT64_MAX,
		.tree_reset = first->vma.end,
	};
}

/* The mistakes that a comparison of the two ways has to find. */
static void plant_mistake(enum vmsc_unmap_way way, struct vmsc_unmap_desc *desc)
{
	switch (way) {
	case VMSC_UNMAP_WAY_WRONG_CEILING:
		desc->last_pgaddr = desc->vma_max;
		break;
	case VMSC_UNMAP_WAY_WRONG_FLOOR:
		desc->first_pgaddr = desc->vma_min;
		break;
	case VMSC_UNMAP_WAY_WRONG_TREE:
		desc->tree_max--;
		break;
	case VMSC_UNMAP_WAY_WRONG_RESET:
		desc->tree_reset = desc->side_tree ? 0 : desc->first;
		break;
	default:
		break;
	}
}

static void unmap_vmas(struct vmsc_unmap_walk *walk, struct vmsc_node *first)
{
	const struct vmsc_unmap_desc *desc = &walk->note.desc;

	for (struct vmsc_node *node = first; node; node = vmsc_mas_find(&walk->mas, desc->tree_max - 1))
		vmsc_unmap_zap(walk, node, desc->vma_min, desc->vma_max, desc->mm_wr_locked);
	walk->note.left[0] = walk->mas.index;
}

/* free_pgtables(): VMAs less than a PTE table apart are one run. A run's ceiling is where the next begins. */
static void free_pgtables(struct vmsc_unmap_walk *walk, struct vmsc_node *first)
{
	const struct vmsc_unmap_desc *desc = &walk->note.desc;
	struct vmsc_node *node = first;

	while (node) {
		struct vmsc_node *next = vmsc_mas_find(&walk->mas, desc->tree_max - 1);
		uint64_t start = node->vma.start;

		vmsc_unmap_unlink(walk, node, desc->mm_wr_locked);
		while (next && next->vma.start <= node->vma.end + VMSC_PMD_SIZE) {
			node = next;
			next = vmsc_mas_find(&walk->mas, desc->tree_max - 1);
			vmsc_unmap_unlink(walk, node, desc->mm_wr_locked);
		}
		vmsc_unmap_free(walk, start, node->vma.end, desc->first_pgaddr,
				next ? next->vma.start : desc->last_pgaddr);
		node = next;
	}
	walk->note.left[1] = walk->mas.index;
}

/* unmap_region() by the descriptor in the note; the iterator was set by the caller. */
static void unmap_region(struct vmsc_unmap_walk *walk, struct vmsc_node *first)
{
	unmap_vmas(walk, first);
	vmsc_mas_set(&walk->mas, walk->note.desc.tree_reset);
	free_pgtables(walk, first);
}

static void begin(struct vmsc_unmap_walk *walk, struct vmsc_mm *mm, enum vmsc_unmap_caller caller,
		  const struct vmsc_unmap_desc *desc)
{
	memset(walk, 0, sizeof(*walk));
	walk->mm = mm;
	walk->mas.mm = mm;
	walk->note.caller = caller;
	walk->note.desc = *desc;
	plant_mistake(mm->config.unmap_way, &walk->note.desc);
	if (caller == VMSC_UNMAP_BY_EXIT_MMAP)
		return;
	walk->note.call = mm->seq;
	walk->note.nr = mm->nr;
}

/* What is told shows the descriptor as it was filled, before exit_mmap() got the lock for writing. */
static void tell(const struct vmsc_unmap_walk *walk)
{
	const struct vmsc_listener *listener = &walk->mm->config.listener;

	if (listener->unmap)
		listener->unmap(listener->ctx, &walk->note);
}

/*
 * vms_clear_ptes(). An mmap over something calls it before it merges or makes the new VMA; completing calls
 * it again, and then nothing is left to do.
 */
void vmsc_unmap_clear_ptes(struct vmsc_mm *mm, struct vmsc_gather *gather)
{
	struct vmsc_unmap_walk walk;
	struct vmsc_unmap_desc desc;

	if (!gather->first || mm->dry || !gather->clear_ptes || mm->config.vmas_only)
		return;
	desc = desc_of_gather(gather);
	begin(&walk, mm, VMSC_UNMAP_BY_VMS_CLEAR_PTES, &desc);
	walk.note.vmas = gather->vmas;
	walk.note.pages = gather->pages;
	walk.note.accounted_pages = gather->accounted_pages;
	walk.note.splits = gather->splits;
	walk.mas.side = gather->first;
	walk.mas.nr_side = gather->vmas;
	vmsc_mas_set(&walk.mas, 1);
	if (mm->config.unmap_way == VMSC_UNMAP_WAY_ARGS)
		vmsc_unmap_old_clear_ptes(&walk, gather);
	else
		unmap_region(&walk, gather->first);
	gather->clear_ptes = false;
	tell(&walk);
}

static void remove_gathered(struct vmsc_mm *mm, const struct vmsc_gather *gather)
{
	struct vmsc_node *node = gather->first, *next;

	for (uint64_t i = 0; i < gather->vmas; i++, node = next) {
		next = node->next;
		vmsc_node_remove(mm, node);
	}
}

/* A third walk of the side tree, from its start. */
static void remove_walking(struct vmsc_mm *mm, const struct vmsc_gather *gather)
{
	struct vmsc_unmap_walk walk = {.mm = mm,
				       .mas = {.mm = mm, .side = gather->first, .nr_side = gather->vmas}};
	struct vmsc_node *node, *next;

	vmsc_mas_set(&walk.mas, 0);
	for (node = vmsc_mas_find(&walk.mas, UINT64_MAX); node; node = next) {
		next = vmsc_mas_find(&walk.mas, UINT64_MAX);
		vmsc_unmap_remove(&walk, node);
	}
}

/* vms_complete_munmap_vmas() */
void vmsc_unmap_complete(struct vmsc_mm *mm, struct vmsc_gather *gather)
{
	if (!gather->first || mm->dry)
		return;
	vmsc_unmap_clear_ptes(mm, gather);
	if (mm->config.vmas_only)
		remove_gathered(mm, gather);
	else
		remove_walking(mm, gather);
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

/* unmap_region() after a driver's mmap hook failed: the new VMA, not in any count yet, is taken down. */
void vmsc_unmap_failed_mmap(struct vmsc_mm *mm, uint64_t start, uint64_t end)
{
	const struct vmsc_node *prev = vmsc_tree_prev(mm, start), *next = vmsc_tree_find(mm, end);
	struct vmsc_node node = {.vma = {.start = start, .end = end}};
	struct vmsc_unmap_desc desc = desc_of_failed(&node, prev, next);
	struct vmsc_unmap_walk walk;

	if (mm->config.vmas_only)
		return;
	begin(&walk, mm, VMSC_UNMAP_BY_UNMAP_REGION, &desc);
	walk.note.vmas = 1;
	walk.note.pages = (end - start) >> VMSC_PAGE_SHIFT;
	vmsc_mas_set(&walk.mas, end);
	if (mm->config.unmap_way == VMSC_UNMAP_WAY_ARGS)
		vmsc_unmap_old_failed(&walk, &node, prev, next);
	else
		unmap_region(&walk, &node);
	tell(&walk);
}

/* The two passes of exit_mmap(); between them the lock is taken for writing, and the descriptor says so. */
static void clear_all(struct vmsc_unmap_walk *walk, struct vmsc_node *first)
{
	vmsc_mas_set(&walk->mas, first->vma.end);
	unmap_vmas(walk, first);
	if (walk->mm->config.unmap_way != VMSC_UNMAP_WAY_WRONG_LOCK)
		walk->note.desc.mm_wr_locked = true;
	vmsc_mas_set(&walk->mas, walk->note.desc.tree_reset);
	free_pgtables(walk, first);
	walk->note.desc.mm_wr_locked = false;
}

/* exit_mmap(). Everything goes; the third walk, tear_down_vmas(), restarts at the end of the first VMA too.
 */
void vmsc_mm_exit(struct vmsc_mm *mm)
{
	struct vmsc_node *node = mm->first, *next;
	struct vmsc_unmap_walk walk;
	struct vmsc_unmap_desc desc;

	if (!node)
		return;
	desc = desc_of_all(node);
	begin(&walk, mm, VMSC_UNMAP_BY_EXIT_MMAP, &desc);
	walk.note.vmas = mm->map_count;
	walk.note.pages = mm->total_vm;
	for (next = node; next; next = next->next) {
		if (next->vma.vm_flags & VMSC_VM(ACCOUNT))
			walk.note.accounted_pages += pages_of(next);
	}
	if (mm->config.unmap_way == VMSC_UNMAP_WAY_ARGS)
		vmsc_unmap_old_exit(&walk, node);
	else
		clear_all(&walk, node);
	tell(&walk);
	vmsc_mas_set(&walk.mas, node->vma.end);
	for (; node; node = next) {
		next = vmsc_mas_find(&walk.mas, UINT64_MAX);
		vmsc_unmap_remove(&walk, node);
	}
}

int64_t vmsc_op_munmap(struct vmsc_mm *mm, const struct vmsc_call *call, struct vmsc_outcome *out)
{
	uint64_t start = call->args[0], len = page_align(call->args[1]), task_size = vmsc_mm_task_size(mm);

	if ((start & PAGE_MASK_) || start > task_size || call->args[1] > task_size - start || !len)
		return -EINVAL;
	vmsc_outcome_hull(out, start, start + len);
	return vmsc_unmap(mm, start, start + len, false);
}
