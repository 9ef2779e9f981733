/* SPDX-License-Identifier: MIT */
/*
 * madvise.c - advice that changes vm_flags, advice that is refused by them, and advice that only moves pages.
 */
#include "internal.h"

/* clang-format off */
enum {
	ADV_NORMAL = 0, ADV_RANDOM = 1, ADV_SEQUENTIAL = 2, ADV_WILLNEED = 3, ADV_DONTNEED = 4, ADV_FREE = 8,
	ADV_REMOVE = 9, ADV_DONTFORK = 10, ADV_DOFORK = 11, ADV_MERGEABLE = 12, ADV_UNMERGEABLE = 13,
	ADV_HUGEPAGE = 14, ADV_NOHUGEPAGE = 15, ADV_DONTDUMP = 16, ADV_DODUMP = 17, ADV_WIPEONFORK = 18,
	ADV_KEEPONFORK = 19, ADV_COLD = 20, ADV_PAGEOUT = 21, ADV_POPULATE_READ = 22, ADV_POPULATE_WRITE = 23,
	ADV_DONTNEED_LOCKED = 24, ADV_COLLAPSE = 25, ADV_HWPOISON = 100, ADV_SOFT_OFFLINE = 101,
	ADV_GUARD_INSTALL = 102, ADV_GUARD_REMOVE = 103,
};

struct advice {
	uint8_t advice;
	bool changes_flags;
	uint64_t set, clear;
};

static const struct advice advices[] = {
	{ ADV_NORMAL, true, 0, VMSC_VM(RAND_READ) | VMSC_VM(SEQ_READ) },
	{ ADV_RANDOM, true, VMSC_VM(RAND_READ), VMSC_VM(SEQ_READ) },
	{ ADV_SEQUENTIAL, true, VMSC_VM(SEQ_READ), VMSC_VM(RAND_READ) },
	{ ADV_DONTFORK, true, VMSC_VM(DONTCOPY), 0 },
	{ ADV_DOFORK, true, 0, VMSC_VM(DONTCOPY) },
	{ ADV_MERGEABLE, true, VMSC_VM(MERGEABLE), 0 },
	{ ADV_UNMERGEABLE, true, 0, VMSC_VM(MERGEABLE) },
	{ ADV_HUGEPAGE, true, VMSC_VM(HUGEPAGE), VMSC_VM(NOHUGEPAGE) },
	{ ADV_NOHUGEPAGE, true, VMSC_VM(NOHUGEPAGE), VMSC_VM(HUGEPAGE) },
	{ ADV_DONTDUMP, true, VMSC_VM(DONTDUMP), 0 },
	{ ADV_DODUMP, true, 0, VMSC_VM(DONTDUMP) },
	{ ADV_WIPEONFORK, true, VMSC_VM(WIPEONFORK), 0 },
	{ ADV_KEEPONFORK, true, 0, VMSC_VM(WIPEONFORK) },
	{ ADV_WILLNEED, false, 0, 0 },
	{ ADV_DONTNEED, false, 0, 0 },
	{ ADV_FREE, false, 0, 0 },
	{ ADV_REMOVE, false, 0, 0 },
	{ ADV_COLD, false, 0, 0 },
	{ ADV_PAGEOUT, false, 0, 0 },
	{ ADV_POPULATE_READ, false, 0, 0 },
	{ ADV_POPULATE_WRITE, false, 0, 0 },
	{ ADV_DONTNEED_LOCKED, false, 0, 0 },
	{ ADV_COLLAPSE, false, 0, 0 },
	{ ADV_HWPOISON, false, 0, 0 },
	{ ADV_SOFT_OFFLINE, false, 0, 0 },
	{ ADV_GUARD_INSTALL, false, 0, 0 },
	{ ADV_GUARD_REMOVE, false, 0, 0 },
};
/* clang-format on */

static const struct advice *find_advice(const struct vmsc_mm *mm, uint64_t number)
{
	if ((number == ADV_GUARD_INSTALL || number == ADV_GUARD_REMOVE) &&
	    !has_rule(mm, VMSC_RULE_GUARD_INSTALL))
		return NULL;
	for (size_t i = 0; i < sizeof(advices) / sizeof(advices[0]); i++) {
		if (advices[i].advice == number)
			return &advices[i];
	}
	return NULL;
}

/* is_ro_anon() went by the file, can_madvise_modify() goes by what the memory is. */
static bool is_anonymous_private(const struct vmsc_mm *mm, const struct vmsc_node *node)
{
	bool anonymous =
		has_rule(mm, VMSC_RULE_MSEAL_DEV_ZERO) ? vmsc_node_is_anonymous(mm, node) : !node->vma.file;

	return anonymous && !(node->vma.vm_flags & (VMSC_VM(SHARED) | VMSC_VM(MAYSHARE)));
}

/* can_madvise_modify(): discarding from a sealed VMA that can't be written is refused. */
static bool is_sealed_against(const struct vmsc_mm *mm, const struct vmsc_node *node, int advice)
{
	switch (advice) {
	case ADV_DONTNEED:
	case ADV_FREE:
	case ADV_DONTNEED_LOCKED:
	case ADV_REMOVE:
	case ADV_DONTFORK:
	case ADV_WIPEONFORK:
	case ADV_GUARD_INSTALL:
		return (node->vma.vm_flags & VMSC_VM(SEALED)) && is_anonymous_private(mm, node) &&
		       !(node->vma.vm_flags & VMSC_VM(WRITE));
	default:
		return false;
	}
}

/* Refusals of advice that changes vm_flags. */
static int check_change(const struct vmsc_mm *mm, const struct vmsc_node *node, int advice)
{
	uint64_t vm_flags = node->vma.vm_flags;

	switch (advice) {
	case ADV_DOFORK:
		return vm_flags & VMSC_VM(IO) ? -EINVAL : 0;
	case ADV_WIPEONFORK:
		return node->vma.file || (vm_flags & VMSC_VM(SHARED)) ? -EINVAL : 0;
	case ADV_KEEPONFORK:
		return vm_flags & VMSC_VM(DROPPABLE) ? -EINVAL : 0;
	case ADV_DODUMP:
		if ((vm_flags & VMSC_VM_SPECIAL) && !(vm_flags & VMSC_VM(HUGETLB)))
			return -EINVAL;
		return vm_flags & VMSC_VM(DROPPABLE) ? -EINVAL : 0;
	default:
		(void)mm;
		return 0;
	}
}

/* Has a page of 2 MiB room in the VMA? */
static bool has_huge_page(const struct vmsc_node *node)
{
	uint64_t start = (node->vma.start + VMSC_PMD_SIZE - 1) & ~(VMSC_PMD_SIZE - 1);

	return node->vma.end >= VMSC_PMD_SIZE && start <= node->vma.end - VMSC_PMD_SIZE;
}

/* Refusals of advice about pages from @start on, where they follow from the VMA. */
static int check_pages(const struct vmsc_mm *mm, const struct vmsc_node *node, uint64_t start, int advice)
{
	uint64_t vm_flags = node->vma.vm_flags;
	uint64_t no_lru = VMSC_VM(LOCKED) | VMSC_VM(PFNMAP) | VMSC_VM(HUGETLB);

	switch (advice) {
	case ADV_DONTNEED:
	case ADV_DONTNEED_LOCKED:
		if (vm_flags & VMSC_VM(HUGETLB))
			return start & (vmsc_huge_size(mm, node) - 1) ? -EINVAL : 0;
		if (advice == ADV_DONTNEED && (vm_flags & VMSC_VM(LOCKED)))
			return -EINVAL;
		return vm_flags & VMSC_VM(PFNMAP) ? -EINVAL : 0;
	case ADV_FREE:
		return (vm_flags & no_lru) || !vmsc_node_is_anonymous(mm, node) ? -EINVAL : 0;
	case ADV_COLD:
	case ADV_PAGEOUT:
		return vm_flags & no_lru ? -EINVAL : 0;
	case ADV_REMOVE:
		if (vm_flags & VMSC_VM(LOCKED) || !node->vma.file)
			return -EINVAL;
		if (!(vm_flags & VMSC_VM(SHARED)))
			return -EACCES;
		if (!(vm_flags &
		      (has_rule(mm, VMSC_RULE_REMOVE_MAYWRITE) ? VMSC_VM(MAYWRITE) : VMSC_VM(WRITE))))
			return -EACCES;
		return vmsc_node_is_secret(mm, node) ? -EOPNOTSUPP : 0; /* it has no fallocate() */
	case ADV_COLLAPSE:
		return has_huge_page(node) ? 0 : -EINVAL;
	case ADV_GUARD_INSTALL:
		if (vm_flags & (VMSC_VM_SPECIAL | VMSC_VM(HUGETLB) | VMSC_VM(LOCKED)))
			return -EINVAL;
		return vmsc_node_is_anonymous(mm, node) || has_rule(mm, VMSC_RULE_GUARD_INSTALL_FILE)
			       ? 0
			       : -EINVAL;
	case ADV_GUARD_REMOVE:
		return vm_flags & (VMSC_VM_SPECIAL | VMSC_VM(HUGETLB)) ? -EINVAL : 0;
	default:
		return 0;
	}
}

/* madvise_guard_install(): the flag is the whole VMA's, set without a split or a merge. */
static void install_guard(struct vmsc_mm *mm, struct vmsc_node *node)
{
	bool sticky = has_rule(mm, VMSC_RULE_STICKY_GUARD);

	if (!sticky || vmsc_node_is_anonymous(mm, node))
		vmsc_anon_fault(mm, node);
	if (sticky)
		vmsc_node_set_flags(mm, node, node->vma.vm_flags | VMSC_VM(MAYBE_GUARD));
}

/* madvise_vma_behavior() of [start, end) of *node. Returns: 0 or what the kernel answers. */
static int advise_part(struct vmsc_mm *mm, struct vmsc_node **node, uint64_t start, uint64_t end,
		       const struct advice *advice)
{
	struct vmsc_change change = vmsc_change_of(*node);
	int err = 0;

	if (!mm->force) {
		if (is_sealed_against(mm, *node, advice->advice))
			return -EPERM;
		err = advice->changes_flags ? check_change(mm, *node, advice->advice)
					    : check_pages(mm, *node, start, advice->advice);
	}
	if (err)
		return err;
	if (!advice->changes_flags) {
		if (advice->advice == ADV_GUARD_INSTALL && !mm->dry)
			install_guard(mm, *node);
		if ((advice->advice == ADV_DONTNEED || advice->advice == ADV_DONTNEED_LOCKED) && !mm->dry)
			vmsc_pgtable_discard(mm, start, end);
		return 0;
	}
	if (advice->advice == ADV_MERGEABLE || advice->advice == ADV_UNMERGEABLE) {
		uint64_t never = VMSC_VM(SHARED) | VMSC_VM(MAYSHARE) | VMSC_VM_SPECIAL | VMSC_VM(HUGETLB) |
				 VMSC_VM(DROPPABLE);

		if (change.vm_flags & never)
			return 0;
	}
	change.vm_flags = (change.vm_flags & ~advice->clear) | advice->set;
	if (change.vm_flags == (*node)->vma.vm_flags)
		return 0;
	err = vmsc_modify(mm, node, start, end, &change);
	return err == -ENOMEM ? -EAGAIN : err;
}

/* madvise_walk_vmas(): holes are skipped, remembered, and told at the end. */
static int advise_range(struct vmsc_mm *mm, uint64_t start, uint64_t end, const struct advice *advice)
{
	struct vmsc_node *node = vmsc_tree_find(mm, start);
	int hole = 0;

	while (start < end) {
		uint64_t until;
		int err;

		if (!node || node->vma.start >= end)
			return -ENOMEM;
		if (node->vma.start > start) {
			hole = -ENOMEM;
			start = node->vma.start;
		}
		until = node->vma.end < end ? node->vma.end : end;
		err = advise_part(mm, &node, start, until, advice);
		if (err)
			return err;
		start = until;
		if (node->vma.end <= start)
			node = node->next;
	}
	return hole;
}

/* faultin_page_range(): pages come, until the first VMA that has none to give. */
static int populate(struct vmsc_mm *mm, uint64_t start, uint64_t end, bool write)
{
	struct vmsc_node *node = vmsc_tree_find(mm, start);
	int hole = 0;

	while (start < end) {
		uint64_t vm_flags;

		if (!node || node->vma.start >= end)
			return -ENOMEM;
		if (node->vma.start > start && has_rule(mm, VMSC_RULE_POPULATE_STOPS))
			return -ENOMEM;
		if (node->vma.start > start)
			hole = -ENOMEM;
		vm_flags = node->vma.vm_flags;
		if ((vm_flags & (VMSC_VM(IO) | VMSC_VM(PFNMAP))) || vmsc_node_is_secret(mm, node))
			return -EINVAL;
		if (!(vm_flags & (write ? VMSC_VM(WRITE) : VMSC_VM(READ))))
			return -EINVAL;
		if (mm->refused && (vm_flags & VMSC_VM(MAYBE_GUARD)))
			return -EFAULT;
		if (write && !mm->dry)
			vmsc_anon_fault(mm, node);
		start = node->vma.end;
		node = node->next;
	}
	return hole;
}

/* Advice whose success lies in the pages, not in the VMAs: the recorded answer is as good as any. */
static bool is_about_pages(uint64_t advice)
{
	return advice == ADV_WILLNEED || advice == ADV_COLLAPSE || advice == ADV_HWPOISON ||
	       advice == ADV_SOFT_OFFLINE || advice == ADV_COLD || advice == ADV_PAGEOUT ||
	       advice == ADV_REMOVE || advice == ADV_POPULATE_READ || advice == ADV_POPULATE_WRITE;
}

/* can_modify_mm_madv() of releases that look at seals before they begin. */
static bool is_sealed_before(const struct vmsc_mm *mm, uint64_t start, uint64_t end, int advice)
{
	if (mm->force || has_rule(mm, VMSC_RULE_MSEAL_IN_LOOP))
		return false;
	for (const struct vmsc_node *node = vmsc_tree_find(mm, start); node && node->vma.start < end;
	     node = node->next)
		if (is_sealed_against(mm, node, advice))
			return true;
	return false;
}

/* do_madvise() */
static int64_t advise(struct vmsc_mm *mm, const struct vmsc_range *range, uint32_t number,
		      const struct vmsc_call *call, struct vmsc_outcome *out)
{
	uint64_t start = range->start, wanted = range->end - start, len = page_align(wanted),
		 end = start + len;
	const struct advice *advice = find_advice(mm, number);
	int64_t ret;

	if (!advice || (start & PAGE_MASK_) || (wanted && !len) || end < start)
		return -EINVAL;
	if (end == start)
		return 0;
	if (is_sealed_before(mm, start, end, advice->advice))
		return -EPERM;
	vmsc_outcome_hull(out, start, end);
	if (number == ADV_POPULATE_READ || number == ADV_POPULATE_WRITE)
		ret = populate(mm, start, end, number == ADV_POPULATE_WRITE);
	else
		ret = advise_range(mm, start, end, advice);
	if (is_about_pages(number) && call->has_result)
		ret = call->result;
	return ret;
}

int64_t vmsc_op_madvise(struct vmsc_mm *mm, const struct vmsc_call *call, struct vmsc_outcome *out)
{
	const struct vmsc_range range = {call->args[0], call->args[0] + call->args[1]};

	return advise(mm, &range, (uint32_t)call->args[2], call, out);
}

/* process_madvise_remote_valid() */
static bool is_for_others(uint32_t advice)
{
	return advice == ADV_COLD || advice == ADV_PAGEOUT || advice == ADV_WILLNEED ||
	       advice == ADV_COLLAPSE;
}

/* A success, or a failure after some of the ranges, that only the recorded answer tells. */
static int64_t advise_several(struct vmsc_mm *mm, const struct vmsc_call *call, const struct advice *advice,
			      struct vmsc_outcome *out)
{
	if (!advice)
		return -EINVAL;
	if (advice->changes_flags) { /* the ranges are not told, only their hull */
		vmsc_outcome_hull(out, call->range_start, page_align(call->range_end));
		mm->hidden = VMSC_HIDDEN_DRIVER;
	}
	return call->has_result ? call->result : (int64_t)call->size;
}

/* import_iovec(): what lies beyond all user addresses is no range, and no more than this is read or written
 * at once. */
#define MAX_RW_COUNT_ UINT64_C(0x7ffff000)

static bool is_accessible(const struct vmsc_mm *mm, uint64_t start, uint64_t size)
{
	uint64_t top = vmsc_mm_task_size(mm);

	return size <= top && start <= top - size;
}

/*
 * process_madvise(), of which only what is about this address space is told (range_start, range_end).
 * Returns: how many bytes were advised, or what the kernel answers.
 */
int64_t vmsc_op_process_madvise(struct vmsc_mm *mm, const struct vmsc_call *call, struct vmsc_outcome *out)
{
	struct vmsc_range range = {call->range_start, call->range_end};
	uint64_t size = call->size ? call->size : range.end - range.start;
	uint32_t number = (uint32_t)call->args[3];
	int64_t ret;

	if ((uint32_t)call->args[4] || size > INT64_MAX)
		return -EINVAL;
	if (size == range.end - range.start && size > MAX_RW_COUNT_) {
		size = MAX_RW_COUNT_;
		range.end = range.start + size;
	}
	if (!is_accessible(mm, range.start, range.end - range.start))
		return -EFAULT;
	if (!has_rule(mm, VMSC_RULE_PROCESS_MADVISE_SELF)) {
		if (call->has_result && call->result == -EPERM) {
			mm->hidden = VMSC_HIDDEN_DRIVER; /* CAP_SYS_NICE */
			return call->result;
		}
		if (!is_for_others(number))
			return -EINVAL;
	}
	if (range.start == range.end)
		return call->has_result ? call->result : 0;
	if (size != range.end - range.start)
		return advise_several(mm, call, find_advice(mm, number), out);
	ret = advise(mm, &range, number, call, out);
	return ret ? ret : (int64_t)size;
}
