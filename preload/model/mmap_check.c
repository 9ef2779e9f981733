/* SPDX-License-Identifier: MIT */
/*
 * mmap_check.c - what do_mmap() asks of a request's flags and file, in the kernel's order, and the vm_flags
 * that follow.
 */
#include "internal.h"

#define ALL_MAY (VMSC_VM(MAYREAD) | VMSC_VM(MAYWRITE) | VMSC_VM(MAYEXEC))

/* Bits that MAP_SHARED_VALIDATE knows (LEGACY_MAP_MASK), MAP_SYNC aside. */
#define LEGACY_MASK                                                                                          \
	(MAP_SHARED_ | MAP_PRIVATE_ | MAP_FIXED_ | MAP_ANONYMOUS_ | 0x800u | 0x1000u | MAP_GROWSDOWN_ |      \
	 MAP_LOCKED_ | MAP_NORESERVE_ | MAP_POPULATE_ | MAP_NONBLOCK_ | MAP_STACK_ | MAP_HUGETLB_ |          \
	 MAP_32BIT_ | MAP_ABOVE4G_ | (uint32_t)MAP_HUGE_MASK_ << MAP_HUGE_SHIFT_)

static uint64_t base_flags(const struct vmsc_mm *mm, const struct vmsc_mapping *mapping)
{
	uint64_t vm_flags = mapping->vm_flags | mm->def_flags | ALL_MAY | (mapping->prot & 7);
	uint32_t flags = mapping->flags;

	if (flags & MAP_GROWSDOWN_)
		vm_flags |= VMSC_VM(GROWSDOWN);
	if (flags & MAP_LOCKED_)
		vm_flags |= VMSC_VM(LOCKED);
	if (flags & MAP_SYNC_)
		vm_flags |= VMSC_VM(SYNC);
	if ((flags & MAP_STACK_) && has_rule(mm, VMSC_RULE_MAP_STACK_NOHUGEPAGE))
		vm_flags |= VMSC_VM(NOHUGEPAGE);
	return vm_flags;
}

/* The part of the file checks that private mappings have too. Returns: 0 or what the kernel answers. */
static int check_readable(struct vmsc_mapping *mapping)
{
	uint32_t mode = mapping->file.mode;

	if (!(mode & VMSC_FILE_READ))
		return -EACCES;
	if (mode & VMSC_FILE_NOEXEC) {
		if (mapping->vm_flags & VMSC_VM(EXEC))
			return -EPERM;
		mapping->vm_flags &= ~VMSC_VM(MAYEXEC);
	}
	if (mode & VMSC_FILE_NO_MMAP)
		return -ENODEV;
	if (mapping->vm_flags & (VMSC_VM(GROWSDOWN)))
		return -EINVAL;
	return 0;
}

/* Shared and writable, of a file that is sealed against it? */
static bool is_write_sealed(const struct vmsc_mapping *mapping)
{
	return (mapping->file.mode & VMSC_FILE_SEAL_WRITE) && (mapping->vm_flags & VMSC_VM(SHARED)) &&
	       (mapping->vm_flags & VMSC_VM(WRITE));
}

int vmsc_mapping_hook_refuses(const struct vmsc_mm *mm, const struct vmsc_mapping *mapping)
{
	uint64_t huge = mapping->file.huge_page_size ? mapping->file.huge_page_size : VMSC_PMD_SIZE;

	if (is_write_sealed(mapping))
		return -EPERM;
	if (mapping->file.kind == VMSC_FILE_HUGETLB && (mapping->pgoff & ((huge - 1) >> VMSC_PAGE_SHIFT)))
		return -EINVAL;
	if (mapping->file.mode & VMSC_FILE_SECRET) {
		if (!(mapping->vm_flags & VMSC_VM(MAYSHARE)))
			return -EINVAL;
		if (!has_rule(mm, VMSC_RULE_SECRETMEM_LOCKED))
			return 0;
		return vmsc_mm_may_lock(mm, VMSC_VM(LOCKED), mapping->len) ? 0 : -EAGAIN;
	}
	return mapping->lacks_pages ? -ENOMEM : 0;
}

/* memfd_check_seals_mmap(), and what older releases have in the file's mmap hook. */
static int check_seals(const struct vmsc_mm *mm, struct vmsc_mapping *mapping)
{
	if (is_write_sealed(mapping) && has_rule(mm, VMSC_RULE_MMAP_FAIL_KEEPS_OLD))
		return -EPERM;
	if ((mapping->file.mode & VMSC_FILE_SEAL_WRITE) && has_rule(mm, VMSC_RULE_MEMFD_SEAL_READ_ONLY))
		mapping->vm_flags &= ~VMSC_VM(MAYWRITE);
	return 0;
}

static int check_shared_file(const struct vmsc_mm *mm, struct vmsc_mapping *mapping)
{
	uint32_t type = mapping->flags & MAP_TYPE_, mode = mapping->file.mode;
	int err;

	if (type == MAP_SHARED_)
		mapping->flags &= LEGACY_MASK;
	if (type == MAP_SHARED_VALIDATE_ && (mapping->flags & MAP_ABOVE4G_) &&
	    !has_rule(mm, VMSC_RULE_MAP_ABOVE4G))
		return -EOPNOTSUPP;
	if (mapping->flags & ~(uint32_t)LEGACY_MASK)
		return -EOPNOTSUPP;
	if ((mapping->prot & PROT_WRITE_) && !(mode & VMSC_FILE_WRITE))
		return -EACCES;
	mapping->vm_flags |= VMSC_VM(SHARED) | VMSC_VM(MAYSHARE);
	if (!(mode & VMSC_FILE_WRITE))
		mapping->vm_flags &= ~(VMSC_VM(MAYWRITE) | VMSC_VM(SHARED));
	err = check_readable(mapping);
	return err ? err : check_seals(mm, mapping);
}

/* file_mmap_ok(): must the end lie where the file can have bytes? The largest file of each file system is not
 * known. */
static bool is_beyond_files(const struct vmsc_mapping *mapping)
{
	uint64_t most = INT64_MAX;

	if (mapping->file.kind == VMSC_FILE_DEV_ZERO ||
	    (mapping->file.kind == VMSC_FILE_OTHER && !(mapping->file.mode & VMSC_FILE_SECRET)) ||
	    (mapping->file.mode & (VMSC_FILE_NO_MMAP | FILE_ANONYMOUS)))
		most = UINT64_MAX;
	return mapping->len > most || mapping->pgoff > (most - mapping->len) >> VMSC_PAGE_SHIFT;
}

static int check_file(const struct vmsc_mm *mm, struct vmsc_mapping *mapping)
{
	if (is_beyond_files(mapping))
		return -EOVERFLOW;
	switch (mapping->flags & MAP_TYPE_) {
	case MAP_SHARED_:
	case MAP_SHARED_VALIDATE_:
		return check_shared_file(mm, mapping);
	case MAP_PRIVATE_:
		return check_readable(mapping);
	default:
		return -EINVAL;
	}
}

static int check_anonymous(const struct vmsc_mm *mm, struct vmsc_mapping *mapping)
{
	switch (mapping->flags & MAP_TYPE_) {
	case MAP_SHARED_:
		if (mapping->vm_flags & VMSC_VM(GROWSDOWN))
			return -EINVAL;
		mapping->pgoff = 0;
		mapping->vm_flags |= VMSC_VM(SHARED) | VMSC_VM(MAYSHARE);
		return 0;
	case MAP_DROPPABLE_:
		if (!has_rule(mm, VMSC_RULE_DROPPABLE))
			return -EINVAL;
		if ((mapping->vm_flags & VMSC_VM(GROWSDOWN)) ||
		    (mapping->flags & (MAP_LOCKED_ | MAP_HUGETLB_)))
			return -EINVAL;
		mapping->vm_flags |=
			VMSC_VM(DROPPABLE) | VMSC_VM(NORESERVE) | VMSC_VM(WIPEONFORK) | VMSC_VM(DONTDUMP);
		return 0;
	case MAP_PRIVATE_:
		return 0;
	default:
		return -EINVAL;
	}
}

bool vmsc_mapping_has_file(const struct vmsc_mapping *mapping)
{
	return mapping->file.id &&
	       (!(mapping->flags & MAP_ANONYMOUS_) || mapping->file.kind == VMSC_FILE_HUGETLB);
}

int vmsc_mapping_check(const struct vmsc_mm *mm, struct vmsc_mapping *mapping)
{
	bool hugetlb = mapping->file.kind == VMSC_FILE_HUGETLB;
	int err;

	mapping->vm_flags = base_flags(mm, mapping);
	if (!mm->force) {
		if ((mapping->flags & MAP_LOCKED_) && !vmsc_mm_can_lock(mm))
			return -EPERM;
		if (!vmsc_mm_may_lock(mm, mapping->vm_flags, mapping->len))
			return -EAGAIN;
	}
	err = vmsc_mapping_has_file(mapping) ? check_file(mm, mapping) : check_anonymous(mm, mapping);
	if (err && !mm->force)
		return err;
	if ((mapping->flags & MAP_NORESERVE_) && (mm->config.limits.overcommit != 2 || hugetlb))
		mapping->vm_flags |= VMSC_VM(NORESERVE);
	if (mm->mdwe && !mm->force && (mapping->vm_flags & VMSC_VM(WRITE)) &&
	    (mapping->vm_flags & VMSC_VM(EXEC)))
		return -EACCES;
	return 0;
}
