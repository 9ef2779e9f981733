/* SPDX-License-Identifier: MIT */
/*
 * protect.c - mprotect() and pkey_mprotect(): VMA by VMA, up to the first hole or refusal; what was done
 * stays done.
 */
#include "internal.h"

#define NO_PKEY UINT64_MAX

struct protection {
	uint64_t start, end;
	uint64_t access; /* VM_READ, VM_WRITE, VM_EXEC wanted */
	uint64_t pkey;	 /* or NO_PKEY: keep */
};

/* VM_ACCOUNT by mprotect_fixup(): charged when it becomes writable, given back by an unfaulted VMA (newer
 * kernels). */
static uint64_t account(const struct vmsc_mm *mm, const struct vmsc_node *node, uint64_t vm_flags)
{
	uint64_t old = node->vma.vm_flags;

	if (vm_flags & VMSC_VM(WRITE))
		return old & VMSC_VM_NOT_CHARGED ? vm_flags : vm_flags | VMSC_VM(ACCOUNT);
	if (has_rule(mm, VMSC_RULE_MPROTECT_UNACCOUNT) && (old & VMSC_VM(ACCOUNT)) && !node->vma.anon_vma &&
	    vmsc_node_is_anonymous(mm, node))
		vm_flags &= ~VMSC_VM(ACCOUNT);
	return vm_flags;
}

static uint64_t wanted_flags(const struct vmsc_mm *mm, const struct vmsc_node *node,
			     const struct protection *protection)
{
	uint64_t vm_flags = (node->vma.vm_flags & ~VMSC_VM_ACCESS) | protection->access;

	if (node->vma.vm_flags & VMSC_VM(MAYEXEC))
		vm_flags |= exec_of_read(mm, protection->access);
	if (protection->pkey != NO_PKEY)
		vm_flags = (vm_flags & ~VMSC_VM_PKEY) | ((protection->pkey & 15) << VMSC_PKEY_SHIFT);
	return vm_flags;
}

static int check(struct vmsc_mm *mm, const struct vmsc_node *node, uint64_t vm_flags, uint64_t pages)
{
	uint64_t old = node->vma.vm_flags;

	if (mm->mdwe && (vm_flags & VMSC_VM(EXEC)) && (!(old & VMSC_VM(EXEC)) || (vm_flags & VMSC_VM(WRITE))))
		return -EACCES;
	if ((vm_flags & ~(vm_flags >> 4)) & VMSC_VM_ACCESS) /* VM_MAYx is VM_x << 4 */
		return -EACCES;
	if (old & VMSC_VM(SEALED))
		return -EPERM;
	if (vm_flags != old && (vm_flags & VMSC_VM(WRITE)) &&
	    !vmsc_mm_may_expand(mm, vm_flags, (int64_t)pages) && vmsc_mm_may_expand(mm, old, (int64_t)pages))
		return -ENOMEM;
	if (vm_flags != old && (vm_flags & VMSC_VM(WRITE)) && !(old & VMSC_VM_NOT_CHARGED) &&
	    !vmsc_mm_may_commit(mm, pages))
		return -ENOMEM;
	return 0;
}

/* mprotect_fixup() of [start, end) of *node. Returns: 0 or what the kernel answers. */
static int protect_part(struct vmsc_mm *mm, struct vmsc_node **node, uint64_t start, uint64_t end,
			const struct protection *protection)
{
	struct vmsc_change change = vmsc_change_of(*node);
	uint64_t old = change.vm_flags;
	int err;

	change.vm_flags = wanted_flags(mm, *node, protection);
	if (!mm->force) {
		err = check(mm, *node, change.vm_flags, (end - start) >> VMSC_PAGE_SHIFT);
		if (err)
			return err;
	}
	if (change.vm_flags == old)
		return 0;
	change.vm_flags = account(mm, *node, change.vm_flags);
	err = vmsc_modify(mm, node, start, end, &change);
	if (err || mm->dry)
		return err;
	if ((old & (VMSC_VM(WRITE) | VMSC_VM(SHARED) | LOCKED_MASK)) == VMSC_VM(LOCKED) &&
	    (change.vm_flags & VMSC_VM(WRITE)))
		(void)vmsc_anon_populate(mm, start, end); /* locked, and private pages become possible */
	return 0;
}

/* The loop of do_mprotect_pkey(). */
static int protect_range(struct vmsc_mm *mm, const struct protection *protection, struct vmsc_outcome *out)
{
	struct vmsc_node *node = vmsc_tree_find(mm, protection->start);
	uint64_t at = protection->start;

	while (at < protection->end) {
		uint64_t end;
		int err;

		if (!node || node->vma.start >= protection->end)
			return -ENOMEM;
		if (node->vma.start > at) {
			if (!mm->force)
				return -ENOMEM;
			at = node->vma.start;
		}
		end = node->vma.end < protection->end ? node->vma.end : protection->end;
		err = protect_part(mm, &node, at, end, protection);
		if (err)
			return err;
		vmsc_outcome_hull(out, at, end);
		at = end;
		if (node->vma.end <= at)
			node = node->next;
	}
	return 0;
}

int64_t vmsc_op_mprotect(struct vmsc_mm *mm, const struct vmsc_call *call, struct vmsc_outcome *out)
{
	struct protection protection = {.start = call->args[0], .pkey = NO_PKEY};
	uint64_t prot = call->args[2], grows = prot & (PROT_GROWSDOWN_ | PROT_GROWSUP_);
	const struct vmsc_node *node;

	prot &= ~grows;
	if (grows == (PROT_GROWSDOWN_ | PROT_GROWSUP_) || (protection.start & PAGE_MASK_))
		return -EINVAL;
	if (!call->args[1])
		return 0;
	protection.end = protection.start + page_align(call->args[1]);
	if (protection.end <= protection.start)
		return -ENOMEM;
	if (prot & ~(uint64_t)(PROT_READ_ | PROT_WRITE_ | PROT_EXEC_ | PROT_SEM_))
		return -EINVAL;
	protection.access = prot & 7;
	if (call->nr == NR_PKEY_MPROTECT && (int32_t)call->args[3] >= 0)
		protection.pkey = call->args[3];
	node = vmsc_tree_find(mm, protection.start);
	if (!node)
		return -ENOMEM;
	if (grows) {
		if (node->vma.start >= (grows == PROT_GROWSUP_ ? protection.start + 1 : protection.end))
			return -ENOMEM;
		if (grows == PROT_GROWSUP_ || !(node->vma.vm_flags & VMSC_VM(GROWSDOWN)))
			return -EINVAL;
		protection.start = node->vma.start;
	}
	if (!mm->force && !has_rule(mm, VMSC_RULE_MSEAL_IN_LOOP) &&
	    vmsc_is_sealed_within(mm, protection.start, protection.end))
		return -EPERM;
	return protect_range(mm, &protection, out);
}
