/* SPDX-License-Identifier: MIT */
/*
 * mmap.c - do_mmap() and mmap_region(): the address, what is unmapped for it, and the new VMA or the merge
 * that makes it unnecessary.
 */
#include "internal.h"

/* ksm_vma_flags(): VM_MERGEABLE where PR_SET_MEMORY_MERGE wants it and the VMA suits. */
uint64_t vmsc_ksm_flag(const struct vmsc_mm *mm, uint64_t vm_flags)
{
	uint64_t unsuitable =
		VMSC_VM(SHARED) | VMSC_VM(MAYSHARE) | VMSC_VM_SPECIAL | VMSC_VM(HUGETLB) | VMSC_VM(DROPPABLE);

	return mm->merge_any && !(vm_flags & unsuitable) ? VMSC_VM(MERGEABLE) : 0;
}

/* Since KSM_EARLY_FLAG it is set before the merge, where no old-style mmap hook follows. */
static bool is_ksm_early(const struct vmsc_mm *mm, const struct vmsc_file *file)
{
	return has_rule(mm, VMSC_RULE_KSM_EARLY_FLAG) &&
	       (!file->id || file->kind == VMSC_FILE_SHMEM || file->kind == VMSC_FILE_THP_ALIGNED);
}

static void fill_merge(struct vmsc_merge *merge, const struct vmsc_mm *mm, const struct vmsc_mapping *mapping)
{
	merge->start = mapping->addr;
	merge->end = mapping->addr + mapping->len;
	merge->pgoff = mapping->pgoff;
	merge->vm_flags = mapping->vm_flags;
	merge->file = mapping->file.id;
	merge->prev = vmsc_tree_prev(mm, mapping->addr);
	merge->next = vmsc_tree_find(mm, mapping->addr + mapping->len);
	merge->unasked = mapping->unasked;
}

/* mmap_prepare: the hook is asked before the merge. The old mappings are gone by then all the same. */
static bool is_prepared(const struct vmsc_mm *mm, const struct vmsc_file *file)
{
	return (file->mode & VMSC_FILE_SECRET) && has_rule(mm, VMSC_RULE_SECRETMEM_PREPARE);
}

/* What the mmap hook of the file's driver adds to vm_flags. */
static uint64_t driver_flags(const struct vmsc_mm *mm, const struct vmsc_mapping *mapping)
{
	const struct vmsc_file *file = &mapping->file;
	uint64_t vm_flags = mapping->vm_flags;

	if (file->kind == VMSC_FILE_HUGETLB)
		vm_flags |= VMSC_VM(HUGETLB) | VMSC_VM(DONTEXPAND);
	else if (file->mode & VMSC_FILE_SECRET)
		vm_flags |=
			VMSC_VM(DONTDUMP) | (has_rule(mm, VMSC_RULE_SECRETMEM_LOCKED) ? VMSC_VM(LOCKED) : 0);
	else if (file->kind == VMSC_FILE_OTHER)
		vm_flags |= file->learned_flags;
	if ((file->mode & VMSC_FILE_SEAL_WRITE) && (vm_flags & VMSC_VM(SHARED)) &&
	    !has_rule(mm, VMSC_RULE_MEMFD_SEAL_READ_ONLY))
		vm_flags &= ~VMSC_VM(MAYWRITE);
	return vm_flags;
}

static struct vmsc_node *new_vma(struct vmsc_mm *mm, const struct vmsc_mapping *mapping)
{
	struct vmsc_node *node = vmsc_node_take(mm);

	node->vma = (struct vmsc_vma){
		.start = mapping->addr,
		.end = mapping->addr + mapping->len,
		.vm_flags = mapping->vm_flags,
		.pgoff = mapping->pgoff,
		.born = mm->seq,
		.file = mapping->file.id,
		.traits = mapping->traits,
	};
	if (node->vma.vm_flags & vmsc_mm_never_locked(mm))
		node->vma.vm_flags &= ~LOCKED_MASK;
	vmsc_node_insert(mm, node, vmsc_tree_prev(mm, mapping->addr));
	return node;
}

/*
 * The range is free now: merge, else make a VMA, asking the driver and, by release, trying once more with the
 * flags that the driver left. Returns: the VMA that holds the range.
 */
static struct vmsc_node *map_range(struct vmsc_mm *mm, struct vmsc_mapping *mapping)
{
	struct vmsc_merge merge = {.caller = VMSC_MERGE_BY_MMAP_REGION};
	struct vmsc_node *node;
	uint64_t vm_flags;

	if (is_prepared(mm, &mapping->file))
		mapping->vm_flags = driver_flags(mm, mapping);
	if (is_ksm_early(mm, &mapping->file))
		mapping->vm_flags |= vmsc_ksm_flag(mm, mapping->vm_flags);
	fill_merge(&merge, mm, mapping);
	node = vmsc_merge_new_vma(mm, &merge);
	if (node)
		return node;
	vm_flags = driver_flags(mm, mapping);
	if (vm_flags != mapping->vm_flags) {
		mapping->vm_flags = vm_flags;
		merge = (struct vmsc_merge){.caller = VMSC_MERGE_BY_MMAP_RETRY};
		fill_merge(&merge, mm, mapping);
		if (has_rule(mm, VMSC_RULE_MMAP_RETRY_MERGE) && merge.prev)
			node = vmsc_merge_new_vma(mm, &merge);
		if (node)
			return node;
	}
	mapping->vm_flags |= vmsc_ksm_flag(mm, mapping->vm_flags);
	return new_vma(mm, mapping);
}

/* accountable_mapping() */
static bool is_accountable(const struct vmsc_mapping *mapping)
{
	return mapping->file.kind != VMSC_FILE_HUGETLB &&
	       (mapping->vm_flags & (VMSC_VM(NORESERVE) | VMSC_VM(SHARED) | VMSC_VM(WRITE))) ==
		       VMSC_VM(WRITE);
}

/* What is private and writable is charged for; shared anonymous memory too, as a file (shmem_zero_setup()),
 * with the old mappings gone. @replaced: pages that are given back meanwhile. */
static bool may_charge(struct vmsc_mm *mm, const struct vmsc_mapping *mapping, uint64_t replaced)
{
	uint64_t pages = mapping->len >> VMSC_PAGE_SHIFT;

	if (is_accountable(mapping))
		return vmsc_mm_may_commit(mm, pages - replaced);
	return !(mapping->file.mode & FILE_ANONYMOUS) || (mapping->vm_flags & VMSC_VM(NORESERVE)) ||
	       vmsc_mm_may_commit(mm, pages);
}

/*
 * mmap_region(). Returns: the address or what the kernel answers. Where the old mappings go first (before
 * MMAP_FAIL_KEEPS_OLD) the limits are looked at before that, so neither way loses them for a limit.
 */
static int64_t mmap_region(struct vmsc_mm *mm, struct vmsc_mapping *mapping)
{
	uint64_t end = mapping->addr + mapping->len;
	bool splits_first = has_rule(mm, VMSC_RULE_MMAP_FAIL_KEEPS_OLD), dry = mm->dry;
	struct vmsc_gather gather;
	struct vmsc_node *node;
	bool charged;
	int err;

	if (!splits_first) { /* sum up without a change */
		mm->dry = true;
		err = vmsc_unmap_gather(mm, mapping->addr, end, &gather);
		mm->dry = dry;
		if (!err && !mm->force &&
		    !vmsc_mm_may_expand(mm, mapping->vm_flags,
					(int64_t)(mapping->len >> VMSC_PAGE_SHIFT) - (int64_t)gather.pages))
			return -ENOMEM;
	}
	err = vmsc_unmap_gather(mm, mapping->addr, end, &gather);
	if (err)
		return splits_first || has_rule(mm, VMSC_RULE_MSEAL) ? err : -ENOMEM;
	if (splits_first && !mm->force &&
	    !vmsc_mm_may_expand(mm, mapping->vm_flags,
				(int64_t)(mapping->len >> VMSC_PAGE_SHIFT) - (int64_t)gather.pages))
		return -ENOMEM;
	charged = may_charge(mm, mapping, splits_first ? gather.accounted_pages : 0);
	if (splits_first && !charged && is_accountable(mapping))
		return -ENOMEM;
	err = mm->force ? 0 : charged ? vmsc_mapping_hook_refuses(mm, mapping) : -ENOMEM;
	if (mm->dry)
		return err ? err : (int64_t)mapping->addr;
	vmsc_unmap_clear_ptes(mm, &gather); /* before anything is merged or made */
	vmsc_unmap_complete(mm, &gather);
	if (err) { /* with the old mappings gone */
		if (charged)
			vmsc_unmap_failed_mmap(mm, mapping->addr, end);
		return err;
	}
	if (is_accountable(mapping))
		mapping->vm_flags |= VMSC_VM(ACCOUNT);
	node = map_range(mm, mapping);
	if (has_rule(mm, VMSC_RULE_SOFT_DIRTY))
		vmsc_node_set_flags(mm, node, node->vma.vm_flags | VMSC_VM(SOFTDIRTY));
	return (int64_t)mapping->addr;
}

/* cap_mmap_addr() */
int vmsc_mm_refuses_low(struct vmsc_mm *mm, uint64_t addr)
{
	const struct vmsc_limits *limits = &mm->config.limits;

	if (addr >= (limits->fixed_min_addr ? limits->fixed_min_addr : limits->mmap_min_addr))
		return 0;
	if (!limits->fixed_min_addr)
		mm->hidden = VMSC_HIDDEN_ADDRESS; /* CAP_SYS_RAWIO may do it */
	return -EPERM;
}

/* MAP_FIXED: the address must be one. Returns: 0 or what the kernel answers. */
static int check_fixed(struct vmsc_mm *mm, const struct vmsc_mapping *mapping)
{
	uint64_t task_size = vmsc_mm_task_size(mm), huge = mapping->file.huge_page_size;

	if (mapping->file.kind == VMSC_FILE_HUGETLB && huge && (mapping->addr & (huge - 1)))
		return -EINVAL;
	if (mapping->len > task_size)
		return -ENOMEM;
	if (is_error((int64_t)mapping->addr)) /* passed on as if it were one */
		return (int)(int64_t)mapping->addr;
	if (mapping->addr > task_size - mapping->len)
		return -ENOMEM;
	if (mapping->addr & PAGE_MASK_)
		return -EINVAL;
	return mm->force ? 0 : vmsc_mm_refuses_low(mm, mapping->addr);
}

/* The kernel's choice of an address, or its recorded one. Returns: 0 with mapping->addr set, or an errno. */
static int choose_address(struct vmsc_mm *mm, const struct vmsc_call *call, struct vmsc_mapping *mapping,
			  struct vmsc_outcome *out)
{
	struct vmsc_place place = {.hint = mapping->addr,
				   .len = mapping->len,
				   .pgoff = mapping->pgoff,
				   .flags = mapping->flags,
				   .file = mapping->file};
	int64_t found;

	if (mapping->file.kind == VMSC_FILE_HUGETLB)
		place.align = mapping->file.huge_page_size ? mapping->file.huge_page_size : VMSC_PMD_SIZE;
	found = vmsc_place_find(mm, &place);
	out->address_asked = true;
	out->address_predicted = is_error(found) ? 0 : (uint64_t)found;
	if (call->has_result && !is_error(call->result)) {
		uint64_t addr = (uint64_t)call->result, task_size = vmsc_mm_task_size(mm);

		if ((addr & PAGE_MASK_) || mapping->len > task_size || addr > task_size - mapping->len)
			return -EINVAL;
		if (!vmsc_tree_is_free(mm, addr, addr + mapping->len))
			mm->contradiction = true;
		mapping->addr = addr;
		mapping->unasked = addr != out->address_predicted;
		return 0;
	}
	if (!found)
		mm->hidden = VMSC_HIDDEN_ADDRESS;
	mapping->addr = (uint64_t)found;
	return is_error(found) ? (int)found : found ? 0 : -ENOMEM;
}

/* Rounds a hint as round_hint_to_min() does. */
static uint64_t round_hint(const struct vmsc_mm *mm, uint64_t hint)
{
	hint &= ~PAGE_MASK_;
	if (hint && hint < mm->config.limits.mmap_min_addr)
		hint = page_align(mm->config.limits.mmap_min_addr);
	return hint;
}

/*
 * do_mmap(), and mm_populate() behind it. The checks come in the kernel's order; nothing is changed before
 * the last has passed. Returns: the address, or the kernel's negative errno.
 */
int64_t vmsc_do_mmap(struct vmsc_mm *mm, const struct vmsc_call *call, struct vmsc_mapping *mapping,
		     struct vmsc_outcome *out)
{
	bool populate, private_anonymous;
	int64_t ret;
	int err;

	if (!mapping->len)
		return -EINVAL;
	if (!(mapping->file.mode & VMSC_FILE_NOEXEC))
		mapping->prot |= (uint32_t)exec_of_read(mm, mapping->prot);
	if (mapping->flags & MAP_FIXED_NOREPLACE_)
		mapping->fixed = true;
	if (!mapping->fixed)
		mapping->addr = round_hint(mm, mapping->addr);
	mapping->len = page_align(mapping->len);
	if (!mapping->len)
		return -ENOMEM;
	if (mapping->pgoff + (mapping->len >> VMSC_PAGE_SHIFT) < mapping->pgoff)
		return -EOVERFLOW;
	if (mm->map_count > mm->config.limits.max_map_count && !mm->force)
		return -ENOMEM;
	err = mapping->fixed ? check_fixed(mm, mapping) : choose_address(mm, call, mapping, out);
	if (err)
		return err;
	if ((mapping->flags & MAP_FIXED_NOREPLACE_) && !mm->force &&
	    !vmsc_tree_is_free(mm, mapping->addr, mapping->addr + mapping->len))
		return -EEXIST;
	private_anonymous = !vmsc_mapping_has_file(mapping) && (mapping->flags & MAP_TYPE_) != MAP_SHARED_;
	populate = (mapping->flags & (MAP_POPULATE_ | MAP_NONBLOCK_)) == MAP_POPULATE_;
	err = vmsc_mapping_check(mm, mapping);
	if (err)
		return err;
	if (private_anonymous)
		mapping->pgoff = mapping->addr >> VMSC_PAGE_SHIFT;
	vmsc_outcome_hull(out, mapping->addr, mapping->addr + mapping->len);
	populate |= (mapping->vm_flags & VMSC_VM(LOCKED)) !=
		    0; /* a VMA that is locked on fault is left out by itself */
	ret = mmap_region(mm, mapping);
	if (!is_error(ret) && !mm->dry && populate)
		(void)vmsc_anon_populate(mm, mapping->addr, mapping->addr + mapping->len);
	return ret;
}

/* Room was made before the step. What the recorder told of the file stays. */
static void know_file(struct vmsc_mm *mm, const struct vmsc_file *file)
{
	const struct vmsc_file *known = vmsc_mm_file(mm, file->id);
	struct vmsc_file all = known ? *known : *file;

	all.mode |= file->mode & FILE_ANONYMOUS;
	if (!mm->dry)
		(void)!vmsc_mm_set_file(mm, &all);
}

/* What the pool lacked before the call, others may have given back meanwhile, or what the call itself
 * replaces. */
static void ask_pool(struct vmsc_mm *mm, const struct vmsc_call *call, struct vmsc_mapping *mapping)
{
	bool done = call->has_result && !is_error(call->result);

	if (!call->size || (mapping->flags & MAP_NORESERVE_))
		return;
	mapping->lacks_pages = !done;
	if (done)
		mm->hidden = VMSC_HIDDEN_MEMORY;
}

/* The file behind an anonymous request that has one: shared memory and huge pages. */
static void make_implicit_file(struct vmsc_mm *mm, const struct vmsc_call *call, struct vmsc_mapping *mapping)
{
	uint32_t shift = (mapping->flags >> MAP_HUGE_SHIFT_) & MAP_HUGE_MASK_;
	bool huge = mapping->flags & MAP_HUGETLB_;
	uint64_t huge_size;

	mapping->file = (struct vmsc_file){.kind = VMSC_FILE_PLAIN};
	if (!huge && (mapping->flags & MAP_TYPE_) != MAP_SHARED_)
		return;
	huge_size = mm->config.limits.huge_page_size ? mm->config.limits.huge_page_size : VMSC_PMD_SIZE;
	mapping->file.id = call->file ? call->file : vmsc_mm_fresh_file(mm);
	mapping->file.mode = VMSC_FILE_READ | VMSC_FILE_WRITE;
	mapping->file.kind = VMSC_FILE_SHMEM;
	if (huge) {
		mapping->file.kind = VMSC_FILE_HUGETLB;
		mapping->file.huge_page_size = shift ? UINT64_C(1) << shift : huge_size;
		mapping->len = (mapping->len + mapping->file.huge_page_size - 1) &
			       ~(mapping->file.huge_page_size - 1);
		ask_pool(mm, call, mapping);
	} else {
		mapping->file.mode |= FILE_ANONYMOUS;
	}
	know_file(mm, &mapping->file);
}

/* Shared memory of /dev/zero is shared anonymous memory: a file of its own each time. */
static void make_zero_file(struct vmsc_mm *mm, struct vmsc_mapping *mapping)
{
	struct vmsc_file *file = &mapping->file;
	uint32_t type = mapping->flags & MAP_TYPE_;

	if (type != MAP_SHARED_ && type != MAP_SHARED_VALIDATE_)
		return;
	if (file->kind != VMSC_FILE_DEV_ZERO)
		return;
	*file = (struct vmsc_file){
		.id = vmsc_mm_fresh_file(mm), .kind = VMSC_FILE_SHMEM, .mode = file->mode | FILE_ANONYMOUS};
	know_file(mm, file);
}

/* Errors that the checks before the driver's mmap hook give too. */
static bool may_be_early(int64_t result)
{
	return result == -ENOMEM || result == -EAGAIN || result == -ENODEV || result == -EACCES ||
	       result == -EOVERFLOW || result == -EBADF || result == -ETXTBSY || result == -EEXIST;
}

/* All checks passed and yet the kernel refused: it was the driver, and the old mappings are gone. */
static void fail_in_driver(struct vmsc_mm *mm, const struct vmsc_call *call,
			   const struct vmsc_mapping *mapping)
{
	uint64_t end = mapping->addr + mapping->len;

	if (call->has_result && !may_be_early(call->result)) {
		mm->dry = false;
		(void)vmsc_unmap(mm, mapping->addr, end, true);
		mm->dry = true;
	}
	vmsc_unmap_failed_mmap(mm, mapping->addr, end);
}

int64_t vmsc_op_mmap(struct vmsc_mm *mm, const struct vmsc_call *call, struct vmsc_outcome *out)
{
	struct vmsc_mapping mapping = {.addr = call->args[0],
				       .len = call->args[1],
				       .prot = (uint32_t)call->args[2],
				       .flags = (uint32_t)call->args[3],
				       .pgoff = call->args[5] >> VMSC_PAGE_SHIFT};
	int64_t ret;

	mapping.fixed = mapping.flags & MAP_FIXED_;
	if (call->args[5] & PAGE_MASK_)
		return -EINVAL;
	if (mapping.flags & MAP_ANONYMOUS_) {
		make_implicit_file(mm, call, &mapping);
	} else {
		if (!call->file && !mm->force)
			return -EBADF;
		mapping.file = vmsc_mm_file_of(mm, call->file ? call->file : vmsc_mm_fresh_file(mm));
		make_zero_file(mm, &mapping);
		if (mapping.file.kind == VMSC_FILE_HUGETLB) {
			uint64_t huge =
				mapping.file.huge_page_size ? mapping.file.huge_page_size : VMSC_PMD_SIZE;

			mapping.len = (mapping.len + huge - 1) & ~(huge - 1);
		} else if ((mapping.flags & MAP_HUGETLB_) && !mm->force) {
			return -EINVAL;
		}
	}
	ret = vmsc_do_mmap(mm, call, &mapping, out);
	if (mm->dry && !is_error(ret) && mapping.fixed && mapping.file.kind == VMSC_FILE_OTHER &&
	    mapping.file.id)
		fail_in_driver(mm, call, &mapping);
	return ret;
}
