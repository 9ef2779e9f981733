/* SPDX-License-Identifier: MIT */
/*
 * seen.c - VMAs that the kernel showed, as VMAs of the model. Files are told apart by device and inode there; the VMAs
 * of one inode are taken for one open file description, as the loader makes them.
 */
#include "internal.h"

#define SWEEP_LEAST 1024

static struct vmsc_seen_file *slot_of(struct vmsc_seen_file *slots, size_t nr_slots, const struct vmsc_seen_record *seen)
{
	uint64_t hash = (seen->inode ^ (uint64_t)seen->dev_major << 52 ^ (uint64_t)seen->dev_minor << 32) *
			UINT64_C(0x9e3779b97f4a7c15);
	size_t at = (hash >> 32) & (nr_slots - 1);

	while (slots[at].id && (slots[at].inode != seen->inode || slots[at].dev_major != seen->dev_major ||
				slots[at].dev_minor != seen->dev_minor))
		at = (at + 1) & (nr_slots - 1);
	return &slots[at];
}

/* A table of so many slots, of the files that the model knows. */
static int rebuild(struct vmsc_replay *replay, size_t nr_slots)
{
	const struct vmsc_allocator *allocator = &replay->config.allocator;
	struct vmsc_seen_files *files = &replay->files;
	struct vmsc_seen_file *slots = allocator->alloc(allocator->ctx, nr_slots * sizeof(*slots));

	if (!slots)
		return -ENOMEM;
	memset(slots, 0, nr_slots * sizeof(*slots));
	files->nr = 0;
	for (size_t i = 0; i < files->nr_slots; i++) {
		const struct vmsc_seen_file *old = &files->slots[i];
		struct vmsc_seen_record key = { .inode = old->inode, .dev_major = old->dev_major,
						.dev_minor = old->dev_minor };

		if (!vmsc_mm_file(replay->mm, old->id))
			continue;
		*slot_of(slots, nr_slots, &key) = *old;
		files->nr++;
	}
	if (files->slots)
		allocator->free(allocator->ctx, files->slots, files->nr_slots * sizeof(*slots));
	files->slots = slots;
	files->nr_slots = nr_slots;
	return 0;
}

static int grow_files(struct vmsc_replay *replay)
{
	const struct vmsc_seen_files *files = &replay->files;

	if (files->nr_slots && files->nr + 1 <= files->nr_slots / 4 * 3)
		return 0;
	return rebuild(replay, files->nr_slots ? files->nr_slots * 2 : 64);
}

/* Not while a snapshot is taken over: its files are on their way to the model. */
void vmsc_seen_sweep(struct vmsc_replay *replay)
{
	struct vmsc_seen_files *files = &replay->files;

	if (files->nr < files->sweep_at || files->nr < SWEEP_LEAST)
		return;
	vmsc_mm_forget_unmapped(replay->mm, FIRST_SEEN_FILE, LAST_SEEN_FILE);
	(void)!rebuild(replay, files->nr_slots);
	files->sweep_at = files->nr * 2 + vmsc_mm_map_count(replay->mm) / 4;
}

static bool begins_with(const char *name, size_t length, const char *with)
{
	size_t wanted = strlen(with);

	return length >= wanted && !memcmp(name, with, wanted);
}

/* Mappings that are not the program's to split: the names that arch_vma_name() and special mappings give. */
bool vmsc_seen_is_special(const char *name, size_t length)
{
	return begins_with(name, length, "[vdso]") || begins_with(name, length, "[vvar") ||
	       begins_with(name, length, "[vsyscall]") || begins_with(name, length, "[uprobes]");
}

/* Shared anonymous memory, memfds and SysV segments are files of the kernel's own tmpfs. */
static enum vmsc_file_kind kind_of(const struct vmsc_seen_record *seen, const char *name)
{
	size_t length = seen->length;
	bool shared = seen->vm_flags & VMSC_VM(MAYSHARE);

	if (begins_with(name, length, "/memfd:") || begins_with(name, length, "/SYSV") ||
	    begins_with(name, length, "/dev/shm/") || (shared && begins_with(name, length, "/dev/zero")))
		return VMSC_FILE_SHMEM;
	if (length == strlen("/dev/zero") && begins_with(name, length, "/dev/zero"))
		return VMSC_FILE_DEV_ZERO;
	return VMSC_FILE_OTHER;
}

int vmsc_seen_file(struct vmsc_replay *replay, const struct vmsc_seen_record *seen, uint32_t *id)
{
	struct vmsc_file file = { .mode = VMSC_FILE_READ | VMSC_FILE_WRITE | VMSC_FILE_UNSURE,
				  .dev_major = seen->dev_major, .dev_minor = seen->dev_minor, .inode = seen->inode };
	struct vmsc_seen_files *files = &replay->files;
	struct vmsc_seen_file *slot;
	int err;

	*id = 0;
	if (!seen->inode && !seen->dev_major && !seen->dev_minor)
		return 0;
	err = grow_files(replay);
	if (err)
		return err;
	slot = slot_of(files->slots, files->nr_slots, seen);
	if (!vmsc_mm_file(replay->mm, slot->id) && files->next < LAST_SEEN_FILE) {
		file.id = files->next;
		file.kind = kind_of(seen, vmsc_record_tail(&seen->head, sizeof(*seen)));
		err = vmsc_mm_set_file(replay->mm, &file);
		if (err)
			return err;
		files->nr += !slot->id;
		*slot = (struct vmsc_seen_file){ seen->inode, seen->dev_major, seen->dev_minor, files->next++ };
	}
	*id = slot->id;
	return 0;
}

/* An id that a parent's replay gave is not given again. */
void vmsc_seen_reserve_ids(struct vmsc_replay *replay, uint32_t file)
{
	if (file >= replay->files.next && file <= LAST_SEEN_FILE)
		replay->files.next = file + 1;
}

/* Without smaps the access rights are known; what else a plain mapping has is supposed. */
static uint64_t flags_of(const struct vmsc_replay *replay, const struct vmsc_seen_record *seen)
{
	uint64_t vm_flags = seen->vm_flags;

	if (replay->snapshot.head.flags_known)
		return vm_flags;
	vm_flags |= VMSC_VM(MAYREAD) | VMSC_VM(MAYWRITE) | VMSC_VM(MAYEXEC);
	if (vm_flags & VMSC_VM(MAYSHARE))
		vm_flags |= VMSC_VM(SHARED);
	return vm_flags;
}

/* All but the file. */
void vmsc_seen_to_vma(const struct vmsc_replay *replay, const struct vmsc_seen_record *seen, struct vmsc_vma *vma)
{
	memset(vma, 0, sizeof(*vma));
	vma->start = seen->start;
	vma->end = seen->end;
	vma->vm_flags = flags_of(replay, seen);
	vma->traits = seen->traits & (VMSC_VMA_OWN | VMSC_VMA_SPECIAL_MAPPING);
	if (!replay->snapshot.head.flags_known)
		vma->traits |= VMSC_VMA_FLAGS_UNSURE;
	vma->pgoff = (seen->inode ? seen->offset : seen->start) >> VMSC_PAGE_SHIFT;
}
