/* SPDX-License-Identifier: MIT */
/*
 * anon.c - the identity of anon_vmas: who gets one, and whose. Page faults are not system calls; they come in
 * by vmsc_mm_fault(), or are implied by calls that populate (mlock, MAP_POPULATE).
 */
#include "internal.h"

/* Could the VMA have got an anon_vma without the model having been told? */
bool vmsc_anon_unknown(const struct vmsc_node *node)
{
	return node->maybe_touched && !node->vma.anon_vma &&
	       !(node->vma.vm_flags & (VMSC_VM(SHARED) | VMSC_VM(MAYSHARE)));
}

bool vmsc_anon_possible(const struct vmsc_node *node)
{
	return node->vma.anon_vma || vmsc_anon_unknown(node);
}

/* anon_vma_compatible(): may the two share an anon_vma? Access rights may differ. */
static bool can_share(const struct vmsc_mm *mm, const struct vmsc_vma *prev, const struct vmsc_vma *next)
{
	uint64_t ignored = VMSC_VM_ACCESS | ignored_flags(mm);

	return prev->end == next->start && prev->policy == next->policy && prev->file == next->file &&
	       !((prev->vm_flags ^ next->vm_flags) & ~ignored) &&
	       next->pgoff == prev->pgoff + ((prev->end - prev->start) >> VMSC_PAGE_SHIFT);
}

static bool is_reusable(const struct vmsc_vma *vma)
{
	return vma->anon_vma && !(vma->traits & VMSC_VMA_FORKED);
}

bool vmsc_anon_may_share(const struct vmsc_mm *mm, const struct vmsc_node *prev, const struct vmsc_node *next)
{
	return can_share(mm, &prev->vma, &next->vma);
}

/* Its first page, should it be found, gives it prev's anon_vma, or next's, if that was touched before. */
bool vmsc_anon_hangs_on_next(const struct vmsc_mm *mm, const struct vmsc_node *node)
{
	const struct vmsc_node *prev = node->prev, *next = node->next;

	return prev && next && vmsc_anon_unknown(next) && can_share(mm, &node->vma, &next->vma) &&
	       is_reusable(&prev->vma) && can_share(mm, &prev->vma, &node->vma);
}

#define ANON_TRAITS (VMSC_VMA_FORKED | VMSC_VMA_ANON_VMA_UNSURE)

/* anon_vma_clone(): @vma has the anon_vma and its chain from now on. */
void vmsc_anon_adopt(struct vmsc_vma *vma, uint32_t anon_vma, uint32_t traits)
{
	vma->anon_vma = anon_vma;
	vma->traits = (vma->traits & ~(uint32_t)ANON_TRAITS) | (traits & ANON_TRAITS);
}

/*
 * __anon_vma_prepare() with find_mergeable_anon_vma(): the anon_vma of next, else of prev, where they could
 * share one; else a fresh one.
 */
void vmsc_anon_fault(struct vmsc_mm *mm, struct vmsc_node *node)
{
	const struct vmsc_vma *next = node->next ? &node->next->vma : NULL;
	const struct vmsc_vma *prev = node->prev ? &node->prev->vma : NULL;
	struct vmsc_vma *vma = &node->vma;
	uint32_t unsure = vma->traits & VMSC_VMA_BORN_BEFORE ? VMSC_VMA_ANON_VMA_UNSURE : 0;

	if (vma->anon_vma || (vma->vm_flags & (VMSC_VM(SHARED) | VMSC_VM(MAYSHARE))))
		return;
	if (next && !(is_reusable(next) && can_share(mm, vma, next)))
		next = NULL;
	if (prev && !(is_reusable(prev) && can_share(mm, prev, vma)))
		prev = NULL;
	if (next && prev && next->anon_vma != prev->anon_vma)
		unsure = VMSC_VMA_ANON_VMA_UNSURE; /* the order of the three first touches is not known */
	if (next)
		vmsc_anon_adopt(vma, next->anon_vma, unsure | (next->traits & VMSC_VMA_ANON_VMA_UNSURE));
	else if (prev)
		vmsc_anon_adopt(vma, prev->anon_vma, unsure | (prev->traits & VMSC_VMA_ANON_VMA_UNSURE));
	else
		vmsc_anon_adopt(vma, mm->next_anon_vma++, unsure);
}

int vmsc_mm_fault(struct vmsc_mm *mm, uint64_t addr)
{
	struct vmsc_node *node = vmsc_tree_find(mm, addr);

	if (!node || node->vma.start > addr)
		return -EFAULT;
	vmsc_anon_fault(mm, node);
	return 0;
}

/*
 * __mm_populate(): every page of the range is faulted in, for writing where the VMA is private and writable.
 * Stops at the first VMA without access, or of secret memory, which only its owner's accesses make present.
 * Returns: 0 or -ENOMEM, the kernel's answer where mlock() reports it.
 */
int vmsc_anon_populate(struct vmsc_mm *mm, uint64_t start, uint64_t end)
{
	struct vmsc_node *node;

	for (node = vmsc_tree_find(mm, start); node && node->vma.start < end; node = node->next) {
		uint64_t vm_flags = node->vma.vm_flags;

		if (vm_flags & (VMSC_VM(IO) | VMSC_VM(PFNMAP) | VMSC_VM(LOCKONFAULT)))
			continue;
		if (!(vm_flags & VMSC_VM_ACCESS) || (mm->refused && (vm_flags & VMSC_VM(MAYBE_GUARD))))
			return -ENOMEM;
		if (vmsc_node_is_secret(mm, node))
			return -ENOMEM;
		if (!mm->dry && (vm_flags & (VMSC_VM(WRITE) | VMSC_VM(SHARED))) == VMSC_VM(WRITE))
			vmsc_anon_fault(mm, node);
	}
	return 0;
}

/* Accessible memory below that does not grow down itself keeps a stack off by the guard gap. */
static bool is_too_near(const struct vmsc_mm *mm, const struct vmsc_node *prev, uint64_t start)
{
	if (!prev || !(prev->vma.vm_flags & VMSC_VM_ACCESS) || (prev->vma.vm_flags & VMSC_VM(GROWSDOWN)))
		return false;
	return start - prev->vma.end < mm->config.limits.stack_guard_gap;
}

/* acct_stack_growth() */
static bool may_grow_by(struct vmsc_mm *mm, const struct vmsc_node *node, uint64_t start)
{
	uint64_t bytes = node->vma.start - start;

	return bytes >> VMSC_PAGE_SHIFT <= node->vma.pgoff &&
	       vmsc_mm_may_expand(mm, node->vma.vm_flags, (int64_t)(bytes >> VMSC_PAGE_SHIFT)) &&
	       node->vma.end - start <= mm->config.limits.stack &&
	       vmsc_mm_may_lock(mm, node->vma.vm_flags, bytes) &&
	       vmsc_mm_may_commit(mm, bytes >> VMSC_PAGE_SHIFT);
}

/* expand_downwards(). A VMA that only a limit keeps from growing has its anon_vma nevertheless. */
int vmsc_mm_grow_stack(struct vmsc_mm *mm, uint64_t vma_end, uint64_t start)
{
	struct vmsc_node *node = vma_end ? vmsc_tree_find(mm, vma_end - 1) : NULL;

	if (!node || node->vma.end != vma_end || !(node->vma.vm_flags & VMSC_VM(GROWSDOWN)))
		return -EFAULT;
	if ((start & PAGE_MASK_) || start >= node->vma.start || start < mm->config.limits.mmap_min_addr)
		return -EFAULT;
	if (node->prev && node->prev->vma.end > start)
		return -EFAULT;
	if (is_too_near(mm, node->prev, start))
		return -EFAULT;
	mm->short_of_memory = true;
	mm->answered = false;
	vmsc_anon_fault(mm,
			node); /* before the start moves: a VMA that it comes to touch is no neighbour yet */
	if (!may_grow_by(mm, node, start))
		return -EFAULT;
	vmsc_node_set_range(mm, node, start, vma_end);
	return 0;
}
