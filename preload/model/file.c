/* SPDX-License-Identifier: MIT */
/*
 * file.c - what is known of the open file descriptions that mappings have: a hash table by id.
 */
#include "internal.h"

static struct vmsc_file *slot_of(struct vmsc_file *files, size_t slots, uint32_t id)
{
	size_t at = (id * UINT32_C(2654435761)) & (slots - 1);

	while (files[at].id && files[at].id != id)
		at = (at + 1) & (slots - 1);
	return &files[at];
}

/* Room for one more file. Returns: 0 or -ENOMEM. */
int vmsc_mm_reserve_file(struct vmsc_mm *mm)
{
	size_t slots = mm->file_slots ? mm->file_slots * 2 : 64;
	struct vmsc_file *files;

	if (mm->file_slots && mm->nr_files + 1 <= mm->file_slots / 4 * 3)
		return 0;
	files = mm->allocator.alloc(mm->allocator.ctx, slots * sizeof(*files));
	if (!files)
		return -ENOMEM;
	memset(files, 0, slots * sizeof(*files));
	for (size_t i = 0; i < mm->file_slots; i++) {
		if (mm->files[i].id)
			*slot_of(files, slots, mm->files[i].id) = mm->files[i];
	}
	if (mm->files)
		mm->allocator.free(mm->allocator.ctx, mm->files, mm->file_slots * sizeof(*files));
	mm->files = files;
	mm->file_slots = slots;
	return 0;
}

int vmsc_mm_set_file(struct vmsc_mm *mm, const struct vmsc_file *file)
{
	struct vmsc_file *slot;
	struct vmsc_file old;
	int err;

	if (!file->id)
		return -EINVAL;
	err = vmsc_mm_reserve_file(mm);
	if (err)
		return err;
	slot = slot_of(mm->files, mm->file_slots, file->id);
	if (!slot->id)
		mm->nr_files++;
	old = *slot;
	*slot = *file;
	slot->mode |= old.mode & (FILE_ANONYMOUS | FILE_RING);
	if (!slot->segment_size)
		slot->segment_size = old.segment_size;
	if (!slot->ring)
		slot->ring = old.ring;
	return 0;
}

struct vmsc_file *vmsc_file_with_ring(struct vmsc_mm *mm, uint64_t context)
{
	for (size_t i = 0; i < mm->file_slots && context; i++) {
		if (mm->files[i].ring == context)
			return &mm->files[i];
	}
	return NULL;
}

void vmsc_file_move_ring(struct vmsc_mm *mm, uint32_t id, uint64_t addr)
{
	struct vmsc_file *file = id && mm->file_slots ? slot_of(mm->files, mm->file_slots, id) : NULL;

	if (file && file->ring)
		file->ring = addr;
}

void vmsc_file_forget_rings(struct vmsc_mm *mm)
{
	for (size_t i = 0; i < mm->file_slots; i++)
		mm->files[i].ring = 0;
}

const struct vmsc_file *vmsc_mm_file(const struct vmsc_mm *mm, uint32_t id)
{
	const struct vmsc_file *slot;

	if (!id || !mm->file_slots)
		return NULL;
	slot = slot_of(mm->files, mm->file_slots, id);
	return slot->id ? slot : NULL;
}

/* What is known of file @id; of one that nobody told, that it is some driver's. Returns: it, with id 0 for
 * none. */
struct vmsc_file vmsc_mm_file_of(const struct vmsc_mm *mm, uint32_t id)
{
	const struct vmsc_file *known = vmsc_mm_file(mm, id);
	struct vmsc_file file = {.id = id, .kind = VMSC_FILE_OTHER, .mode = VMSC_FILE_READ | VMSC_FILE_WRITE};

	if (known)
		return *known;
	if (!id)
		file.kind = VMSC_FILE_PLAIN;
	else if (id >= FIRST_INTERNAL_FILE)
		file.kind = VMSC_FILE_SHMEM;
	return file;
}

/* Does the VMA have vm_ops->close? */
bool vmsc_file_has_close_hook(const struct vmsc_mm *mm, const struct vmsc_vma *vma)
{
	const struct vmsc_file *file = vmsc_mm_file(mm, vma->file);

	return (vma->traits & VMSC_VMA_SHM) || (vma->vm_flags & VMSC_VM(HUGETLB)) ||
	       (file && (file->mode & VMSC_FILE_CLOSE_HOOK));
}

/* An id for a file that the kernel makes inside a call and that the caller has not numbered. */
uint32_t vmsc_mm_fresh_file(struct vmsc_mm *mm)
{
	return mm->dry ? mm->next_file : mm->next_file++;
}
