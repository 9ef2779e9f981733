/* SPDX-License-Identifier: MIT */
/*
 * aio.c - io_setup() maps a ring of its own making into the program, io_destroy() takes it away. The id of a
 * context is the ring's address.
 */
#include "internal.h"

/* Where the ring lies: as the caller says, else by its size. */
static uint64_t ring_len(const struct vmsc_call *call)
{
	return call->range_end > call->range_start ? call->range_end - call->range_start
						   : page_align(call->size);
}

int64_t vmsc_op_io_setup(struct vmsc_mm *mm, const struct vmsc_call *call, struct vmsc_outcome *out)
{
	struct vmsc_mapping mapping = {
		.len = ring_len(call), .prot = PROT_READ_ | PROT_WRITE_, .flags = MAP_SHARED_};
	struct vmsc_call answered = *call;
	int64_t ret;

	if (!mapping.len || !call->has_result || is_error(call->result)) {
		mm->hidden = VMSC_HIDDEN_DRIVER;
		return call->has_result ? call->result : -EINVAL;
	}
	/* The aio file system is noexec, its files have an mremap hook and are not to be expanded. */
	mapping.file = (struct vmsc_file){.id = call->file ? call->file : vmsc_mm_fresh_file(mm),
					  .kind = VMSC_FILE_OTHER,
					  .mode = VMSC_FILE_READ | VMSC_FILE_WRITE | VMSC_FILE_NOEXEC,
					  .learned_flags = VMSC_VM(DONTEXPAND)};
	answered.result = (int64_t)call->range_start;
	answered.has_result = call->range_start;
	if (!mm->dry && !vmsc_mm_file(mm, mapping.file.id))
		(void)!vmsc_mm_set_file(mm, &mapping.file); /* room was made before the step */
	ret = vmsc_do_mmap(mm, &answered, &mapping, out);
	return is_error(ret) ? ret : 0;
}

int64_t vmsc_op_io_destroy(struct vmsc_mm *mm, const struct vmsc_call *call, struct vmsc_outcome *out)
{
	uint64_t start = call->range_start ? call->range_start : call->args[0], end = call->range_end;
	const struct vmsc_node *node = vmsc_tree_find(mm, start);

	if (call->has_result && is_error(call->result))
		return call->result;
	if (end <= start)
		end = node && node->vma.start == start ? node->vma.end : start;
	if (((start | end) & PAGE_MASK_) || start == end)
		return 0;
	vmsc_outcome_hull(out, start, end);
	(void)vmsc_unmap(mm, start, end, true);
	return 0;
}
