/* SPDX-License-Identifier: MIT */
/*
 * file.c - what is known of the open file descriptions that mappings have: a hash table by id.
 */
#include "internal.h"

#define LEAST_SLOTS 64
#define FILE_MAPPED (UINT32_C(1) << 29) /* of vmsc_file.mode, while it is looked which VMAs have */

static size_t hash_of(uint32_t id)
{
	return id * UINT32_C(2654435761);
}

static struct vmsc_file *slot_of(struct vmsc_file *files, size_t slots, uint32_t id)
{
	size_t at = hash_of(id) & (slots - 1);

	while (files[at].id && files[at].id != id)
		at = (at + 1) & (slots - 1);
	return &files[at];
}

/* Returns: 0, or -ENOMEM and nothing has changed. */
static int resize(struct vmsc_mm *mm, size_t slots)
{
	struct vmsc_file *files = mm->allocator.alloc(mm->allocator.ctx, slots * sizeof(*files));

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

/* The slot at @at becomes empty; what was put behind it because it was taken moves up. */
static void erase(struct vmsc_mm *mm, size_t at)
{
	size_t mask = mm->file_slots - 1;

	mm->nr_files--;
	for (size_t next = (at + 1) & mask; mm->files[next].id; next = (next + 1) & mask) {
		if (((next - hash_of(mm->files[next].id)) & mask) < ((next - at) & mask))
			continue; /* it would lie before its place */
		mm->files[at] = mm->files[next];
		at = next;
	}
	memset(&mm->files[at], 0, sizeof(mm->files[at]));
}

static void shrink(struct vmsc_mm *mm)
{
	if (mm->file_slots > LEAST_SLOTS && mm->nr_files < mm->file_slots / 8)
		(void)!resize(mm, mm->file_slots / 4);
}

void vmsc_mm_forget_file(struct vmsc_mm *mm, uint32_t id)
{
	struct vmsc_file *slot;

	if (!id || !mm->file_slots)
		return;
	slot = slot_of(mm->files, mm->file_slots, id);
	if (!slot->id)
		return;
	erase(mm, (size_t)(slot - mm->files));
	shrink(mm);
}

static void mark_mapped(struct vmsc_mm *mm)
{
	for (const struct vmsc_node *node = mm->first; node; node = node->next) {
		struct vmsc_file *slot = slot_of(mm->files, mm->file_slots, node->vma.file);

		if (slot->id)
			slot->mode |= FILE_MAPPED;
	}
}

void vmsc_mm_forget_unmapped(struct vmsc_mm *mm, uint32_t first, uint32_t last)
{
	if (!mm->file_slots)
		return;
	mark_mapped(mm);
	for (size_t i = 0; i < mm->file_slots;) {
		const struct vmsc_file *file = &mm->files[i];

		if (!file->id || file->id < first || file->id > last || file->mode & FILE_MAPPED ||
		    file->ring)
			i++; /* a ring's context lives without its VMA */
		else
			erase(mm, i); /* another may be here now */
	}
	for (size_t i = 0; i < mm->file_slots; i++)
		mm->files[i].mode &= ~FILE_MAPPED;
	shrink(mm);
}

/* Files that the model numbered itself: only VMAs name them. Worth while when a fair part of the table may be
 * theirs. */
static void sweep_internal(struct vmsc_mm *mm)
{
	uint32_t made = mm->next_file - mm->files_swept;

	if (made < mm->file_slots / 4 || made < mm->map_count / 4)
		return;
	vmsc_mm_forget_unmapped(mm, FIRST_INTERNAL_FILE, UINT32_MAX);
	mm->files_swept = mm->next_file;
}

static bool is_full(const struct vmsc_mm *mm)
{
	return !mm->file_slots || mm->nr_files + 1 > mm->file_slots / 4 * 3;
}

/* Room for one more file. Returns: 0 or -ENOMEM. */
int vmsc_mm_reserve_file(struct vmsc_mm *mm)
{
	if (is_full(mm))
		sweep_internal(mm);
	if (!is_full(mm))
		return 0;
	return resize(mm, mm->file_slots ? mm->file_slots * 2 : LEAST_SLOTS);
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
	slot->mode = (slot->mode & ~FILE_MAPPED) | (old.mode & (FILE_ANONYMOUS | FILE_RING));
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

/* It could not be asked for, and maps has not been read since. */
static bool is_unknown(const struct vmsc_file *file)
{
	return file->mode & VMSC_FILE_UNSURE && !file->inode && !file->dev_major && !file->dev_minor;
}

bool vmsc_mm_may_be_one_file(const struct vmsc_mm *mm, uint32_t one, uint32_t other)
{
	const struct vmsc_file *a = vmsc_mm_file(mm, one), *b = vmsc_mm_file(mm, other);

	if (!a || !b || !((a->mode | b->mode) & VMSC_FILE_UNSURE))
		return false;
	if (is_unknown(a) || is_unknown(b))
		return true;
	return a->inode == b->inode && a->dev_major == b->dev_major && a->dev_minor == b->dev_minor;
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
