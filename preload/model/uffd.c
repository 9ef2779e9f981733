/* SPDX-License-Identifier: MIT */
/*
 * uffd.c - userfaultfd: registering and unregistering ranges, closing the context, and the calls that put
 * pages in.
 */
#include "internal.h"

#define UFFDIO_REGISTER_   UINT32_C(0xc020aa00)
#define UFFDIO_UNREGISTER_ UINT32_C(0x8010aa01)
#define UFFDIO_COPY_	   UINT32_C(0xc028aa03)
#define UFFDIO_ZEROPAGE_   UINT32_C(0xc020aa04)
#define UFFDIO_CONTINUE_   UINT32_C(0xc020aa07)
#define UFFDIO_MOVE_	   UINT32_C(0xc028aa05)

enum { MODE_MISSING = 1, MODE_WP = 2, MODE_MINOR = 4 };

static uint64_t flags_of_mode(uint64_t mode)
{
	return (mode & MODE_MISSING ? VMSC_VM(UFFD_MISSING) : 0) | (mode & MODE_WP ? VMSC_VM(UFFD_WP) : 0) |
	       (mode & MODE_MINOR ? VMSC_VM(UFFD_MINOR) : 0);
}

/* userfaultfd_register_range(); with no context and no flags, what unregistering does. */
static int set_context(struct vmsc_mm *mm, uint64_t start, uint64_t end, uint32_t uffd, uint64_t vm_flags)
{
	struct vmsc_node *node = vmsc_tree_find(mm, start);

	while (start < end && node && node->vma.start < end) {
		uint64_t from = node->vma.start > start ? node->vma.start : start;
		uint64_t until = node->vma.end < end ? node->vma.end : end;
		struct vmsc_change change = vmsc_change_of(node);
		bool done = node->vma.uffd == uffd && (node->vma.vm_flags & vm_flags) == vm_flags;
		int err = 0;

		change.uffd = uffd;
		change.by_vma_pgoff = !has_rule(mm, VMSC_RULE_UFFD_RANGE_PGOFF);
		change.vm_flags = (change.vm_flags & ~VMSC_VM_UFFD) | vm_flags;
		if (!done)
			err = vmsc_modify(mm, &node, from, until, &change);
		if (err)
			return err;
		start = until;
		if (node->vma.end <= start)
			node = node->next;
	}
	return 0;
}

/* Pages were put into the range: private VMAs there have an anon_vma. */
static void put_pages(struct vmsc_mm *mm, uint64_t start, uint64_t end)
{
	for (struct vmsc_node *node = vmsc_tree_find(mm, start); node && node->vma.start < end;
	     node = node->next)
		vmsc_anon_fault(mm, node);
}

/* userfaultfd_ioctl(). What the arguments only point to comes in range_start, range_end, mode, uffd. */
int64_t vmsc_op_ioctl(struct vmsc_mm *mm, const struct vmsc_call *call, struct vmsc_outcome *out)
{
	uint64_t start = call->range_start, end = call->range_end;
	uint32_t request = (uint32_t)call->args[1];

	if (((start | end) & PAGE_MASK_) || start >= end || (call->has_result && is_error(call->result)))
		return call->has_result ? call->result : 0;
	switch (request) {
	case UFFDIO_REGISTER_:
		vmsc_outcome_hull(out, start, end);
		return set_context(mm, start, end, call->uffd, flags_of_mode(call->mode));
	case UFFDIO_UNREGISTER_:
		vmsc_outcome_hull(out, start, end);
		return set_context(mm, start, end, 0, 0);
	case UFFDIO_COPY_:
	case UFFDIO_ZEROPAGE_:
	case UFFDIO_CONTINUE_:
	case UFFDIO_MOVE_:
		if (!mm->dry)
			put_pages(mm, start, end);
		break;
	default:
		break;
	}
	return call->has_result ? call->result : 0;
}

/* close() of the last descriptor of a userfaultfd, which the caller tells by call->uffd:
 * userfaultfd_release(). */
int64_t vmsc_op_close(struct vmsc_mm *mm, const struct vmsc_call *call, struct vmsc_outcome *out)
{
	int64_t ret = call->has_result ? call->result : 0;
	struct vmsc_node *node = mm->first;

	if (!call->uffd || mm->dry)
		return ret;
	while (node) {
		struct vmsc_change change = vmsc_change_of(node);

		if (node->vma.uffd == call->uffd) {
			change.uffd = 0;
			change.vm_flags &= ~VMSC_VM_UFFD;
			vmsc_outcome_hull(out, node->vma.start, node->vma.end);
			(void)vmsc_modify(mm, &node, node->vma.start, node->vma.end, &change);
		}
		node = node->next;
	}
	return ret;
}
