/* SPDX-License-Identifier: MIT */
/*
 * shm.c - System V shared memory: shmat() maps a fresh file, shmdt() takes all its pieces away.
 */
#include "internal.h"

enum { SHM_RDONLY_ = 010000, SHM_RND_ = 020000, SHM_REMAP_ = 040000, SHM_EXEC_ = 0100000 };

/* do_shmat() */
int64_t vmsc_op_shmat(struct vmsc_mm *mm, const struct vmsc_call *call, struct vmsc_outcome *out)
{
	uint32_t flags = (uint32_t)call->args[2];
	struct vmsc_mapping mapping = {.addr = call->args[1],
				       .len = call->size,
				       .prot = PROT_READ_ | PROT_WRITE_,
				       .flags = MAP_SHARED_,
				       .traits = VMSC_VMA_SHM};

	if (mapping.addr & PAGE_MASK_) {
		if (!(flags & SHM_RND_))
			return -EINVAL;
		mapping.addr &= ~PAGE_MASK_;
	}
	mapping.fixed = call->args[1];
	if (!mapping.addr && (flags & SHM_REMAP_))
		return -EINVAL;
	if (!mapping.len) { /* no such segment: not a question of VMAs */
		mm->hidden = VMSC_HIDDEN_DRIVER;
		return call->has_result ? call->result : -EINVAL;
	}
	mapping.file = (struct vmsc_file){.id = call->file ? call->file : vmsc_mm_fresh_file(mm),
					  .kind = VMSC_FILE_SHMEM,
					  .mode = VMSC_FILE_READ | VMSC_FILE_WRITE | VMSC_FILE_CLOSE_HOOK};
	if (flags & SHM_RDONLY_) {
		mapping.prot = PROT_READ_;
		mapping.file.mode &= ~(uint32_t)VMSC_FILE_WRITE;
	}
	if (flags & SHM_EXEC_)
		mapping.prot |= PROT_EXEC_;
	if (mapping.addr && !(flags & SHM_REMAP_) && !mm->force) {
		uint64_t end = mapping.addr + mapping.len;

		if (end < mapping.addr || !vmsc_tree_is_free(mm, mapping.addr, end))
			return -EINVAL;
	}
	if (!mm->dry) {
		const struct vmsc_file *known = vmsc_mm_file(mm, mapping.file.id);
		struct vmsc_file file = known ? *known : mapping.file;

		file.segment_size = page_align(mapping.len);
		(void)!vmsc_mm_set_file(mm, &file); /* room was made before the step */
	}
	return vmsc_do_mmap(mm, call, &mapping, out);
}

/* Is it the piece of the attachment at @addr that lies where it was attached? */
static bool is_piece(const struct vmsc_node *node, uint64_t addr)
{
	return (node->vma.traits & VMSC_VMA_SHM) && node->vma.start - addr == node->vma.pgoff
										      << VMSC_PAGE_SHIFT;
}

/* ksys_shmdt(): the first piece found decides which file; its pieces in place go, as far as the segment reaches. */
int64_t vmsc_op_shmdt(struct vmsc_mm *mm, const struct vmsc_call *call, struct vmsc_outcome *out)
{
	uint64_t addr = call->args[0];
	uint64_t size = UINT64_MAX;
	struct vmsc_node *node;
	uint32_t file = 0;

	if (addr & PAGE_MASK_)
		return -EINVAL;
	for (node = vmsc_tree_find(mm, addr); node && (!file || node->vma.end - addr <= size);) {
		struct vmsc_node *next = node->next;

		if (is_piece(node, addr) && (!file || node->vma.file == file)) {
			file = node->vma.file;
			size = vmsc_mm_file_of(mm, file).segment_size;
			size = size ? size : UINT64_MAX;
			vmsc_outcome_hull(out, node->vma.start, node->vma.end);
			(void)vmsc_unmap(mm, node->vma.start, node->vma.end, true);
		}
		node = next;
	}
	return file ? 0 : -EINVAL;
}
