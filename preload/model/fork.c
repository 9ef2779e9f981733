/* SPDX-License-Identifier: MIT */
/*
 * fork.c - dup_mmap(): what the child's address space looks like.
 */
#include "internal.h"

/* The child's VMA has an anon_vma of its own besides its parent's. */
static void fork_anon_vma(struct vmsc_mm *mm, struct vmsc_node *node)
{
	if (node->vma.vm_flags & VMSC_VM(WIPEONFORK))
		vmsc_anon_adopt(&node->vma, 0, 0);
	else if (node->vma.anon_vma)
		vmsc_anon_adopt(&node->vma, mm->next_anon_vma++,
				VMSC_VMA_FORKED | (node->vma.traits & VMSC_VMA_ANON_VMA_UNSURE));
}

int vmsc_mm_fork(struct vmsc_mm *mm)
{
	struct vmsc_node *node = mm->first;

	while (node) {
		struct vmsc_node *next = node->next;

		if (node->vma.vm_flags & VMSC_VM(DONTCOPY)) {
			vmsc_node_remove(mm, node);
		} else {
			vmsc_node_set_flags(mm, node, node->vma.vm_flags & ~(LOCKED_MASK | VMSC_VM_UFFD));
			node->vma.uffd = 0;
			fork_anon_vma(mm, node);
		}
		node = next;
	}
	vmsc_file_forget_rings(mm);
	vmsc_pgtable_forget(mm);
	mm->def_flags &= VMSC_VM(NOHUGEPAGE);
	mm->locked_drift = 0;
	if (mm->mdwe & 2) /* PR_MDWE_NO_INHERIT */
		mm->mdwe = 0;
	return 0;
}
