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

static void remember_ring(struct vmsc_mm *mm, const struct vmsc_mapping *mapping, uint64_t addr)
{
	const struct vmsc_file *known = vmsc_mm_file(mm, mapping->file.id);
	struct vmsc_file file = known ? *known : mapping->file;

	if (mm->dry)
		return;
	file.mode |= FILE_RING;
	file.ring = addr;
	file.segment_size = mapping->len;
	(void)!vmsc_mm_set_file(mm, &file); /* room was made before the step */
}

int64_t vmsc_op_io_setup(struct vmsc_mm *mm, const struct vmsc_call *call, struct vmsc_outcome *out)
{
	struct vmsc_mapping mapping = {
		.len = ring_len(call), .prot = PROT_READ_ | PROT_WRITE_, .flags = MAP_SHARED_};
	struct vmsc_call answered = *call;
	int64_t ret;

	if (!mapping.len || (call->has_result && is_error(call->result))) {
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
	ret = vmsc_do_mmap(mm, &answered, &mapping, out);
	if (is_error(ret))
		return ret;
	remember_ring(mm, &mapping, (uint64_t)ret);
	return 0;
}

/* The ring of a context that nobody saw begin: as the caller says, else what is mapped there. */
static void find_range(struct vmsc_mm *mm, const struct vmsc_call *call, uint64_t *start, uint64_t *end)
{
	const struct vmsc_node *node;

	*start = call->range_start ? call->range_start : call->args[0];
	*end = call->range_end;
	node = *end <= *start ? vmsc_tree_find(mm, *start) : NULL;
	if (node && node->vma.start == *start)
		*end = node->vma.end;
}

/* kill_ioctx(): as many pages go as the ring had at first, from where it lies now, whatever is mapped there. */
int64_t vmsc_op_io_destroy(struct vmsc_mm *mm, const struct vmsc_call *call, struct vmsc_outcome *out)
{
	struct vmsc_file *file = vmsc_file_with_ring(mm, call->args[0]);
	uint64_t start, end;

	if (call->has_result && is_error(call->result))
		return call->result;
	if (file) {
		start = file->ring;
		end = start + file->segment_size;
	} else {
		find_range(mm, call, &start, &end);
	}
	if (mm->dry || ((start | end) & PAGE_MASK_) || start >= end)
		return 0;
	if (file)
		file->ring = 0;
	vmsc_outcome_hull(out, start, end);
	(void)vmsc_unmap(mm, start, end, true);
	return 0;
}
