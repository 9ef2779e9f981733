/* SPDX-License-Identifier: MIT */
/*
 * mremap.c - shrink, grow in place, move: do_mremap(), move_vma(), copy_vma(). A move is a copy that may
 * merge at its destination, followed by an unmapping of the source, which by then may be a part of the copy.
 */
#include "internal.h"

struct remap {
	const struct vmsc_call *call;
	struct vmsc_outcome *out;
	uint64_t addr, old_len, new_len, new_addr;
	uint64_t delta; /* by which the length changes, either way */
	uint32_t flags;
};

static bool implies_new_addr(const struct remap *remap)
{
	return remap->flags & (MREMAP_FIXED_ | MREMAP_DONTUNMAP_);
}

/* Checks that need no VMA. Returns: 0 or what the kernel answers. */
static int check_params(const struct vmsc_mm *mm, const struct remap *remap)
{
	uint64_t task_size = vmsc_mm_task_size(mm);

	if (remap->flags & ~(uint32_t)(MREMAP_MAYMOVE_ | MREMAP_FIXED_ | MREMAP_DONTUNMAP_))
		return -EINVAL;
	if ((remap->addr & PAGE_MASK_) || !remap->new_len)
		return -EINVAL;
	if (remap->new_len > task_size && has_rule(mm, VMSC_RULE_MREMAP_MULTI))
		return -EINVAL;
	if (!implies_new_addr(remap))
		return 0;
	if (!(remap->flags & MREMAP_MAYMOVE_))
		return -EINVAL;
	if ((remap->flags & MREMAP_DONTUNMAP_) && remap->old_len != remap->new_len)
		return -EINVAL;
	if ((remap->flags & MREMAP_DONTUNMAP_) && !has_rule(mm, VMSC_RULE_MREMAP_MULTI) &&
	    remap->call->args[1] != remap->call->args[2]) /* compared before they are rounded up to pages */
		return -EINVAL;
	return 0;
}

/* Older releases look at the source first, at where it goes to next, and unmap that before they look closely.
 */
static bool is_source_asked_late(const struct vmsc_mm *mm, const struct remap *remap)
{
	return implies_new_addr(remap) && !has_rule(mm, VMSC_RULE_MREMAP_MULTI);
}

/* Checks of a new address that the caller gave. Returns: 0 or what the kernel answers. */
static int check_target(const struct vmsc_mm *mm, const struct remap *remap)
{
	uint64_t task_size = vmsc_mm_task_size(mm);

	if (!implies_new_addr(remap))
		return 0;
	if (remap->new_len > task_size || remap->new_addr > task_size - remap->new_len ||
	    (remap->new_addr & PAGE_MASK_))
		return -EINVAL;
	if (remap->addr + remap->old_len > remap->new_addr && remap->new_addr + remap->new_len > remap->addr)
		return -EINVAL;
	if (!mm->force && mm->map_count + 2 + 3 >= mm->config.limits.max_map_count)
		return -ENOMEM;
	return 0;
}

/* align_hugetlb(): lengths grow to whole huge pages, addresses must be some. Returns: 0 or what the kernel
 * answers. */
static int align_huge(const struct vmsc_mm *mm, struct remap *remap, uint64_t size)
{
	remap->old_len = (remap->old_len + size - 1) & ~(size - 1);
	remap->new_len = (remap->new_len + size - 1) & ~(size - 1);
	remap->delta = 0; /* it is not charged for */
	if (mm->force)
		return 0;
	if (((remap->addr | remap->new_addr) & (size - 1)) || remap->new_len > remap->old_len)
		return -EINVAL;
	return 0;
}

/* Checks of the VMA at remap->addr that come first. Returns: 0 or what the kernel answers. */
static int check_kind(const struct vmsc_mm *mm, struct remap *remap, const struct vmsc_node *node)
{
	uint64_t size = vmsc_huge_size(mm, node);

	if ((node->vma.vm_flags & VMSC_VM(SEALED)) && !mm->force)
		return -EPERM;
	return size ? align_huge(mm, remap, size) : 0;
}

/* vma_to_resize() and its successors. Returns: 0 or what the kernel answers. */
static int check_resize(const struct vmsc_mm *mm, const struct remap *remap, const struct vmsc_node *node)
{
	uint64_t vm_flags = node->vma.vm_flags, delta;
	uint64_t kept = remap->old_len < remap->new_len ? remap->old_len : remap->new_len;

	if (mm->force)
		return 0;
	if (remap->new_len <= remap->old_len && !implies_new_addr(remap))
		return 0;
	if (!remap->old_len && !(vm_flags & (VMSC_VM(SHARED) | VMSC_VM(MAYSHARE))))
		return -EINVAL;
	if ((remap->flags & MREMAP_DONTUNMAP_) && (vm_flags & (VMSC_VM(DONTEXPAND) | VMSC_VM(PFNMAP))))
		return -EINVAL;
	if (kept > node->vma.end - remap->addr) /* a tail that only goes may cross into other VMAs */
		return -EFAULT;
	if (remap->new_len <= remap->old_len)
		return 0;
	if (vm_flags & (VMSC_VM(DONTEXPAND) | VMSC_VM(PFNMAP)))
		return -EFAULT;
	delta = remap->new_len - remap->old_len;
	if (!vmsc_mm_may_lock(mm, vm_flags, delta))
		return -EAGAIN;
	if (!vmsc_mm_may_expand(mm, vm_flags, (int64_t)(delta >> VMSC_PAGE_SHIFT)))
		return -ENOMEM;
	return 0;
}

/* Before 6.15 MREMAP_DONTUNMAP keeps the moved part of its source apart from all else. */
static bool is_dontunmap_old(const struct vmsc_mm *mm)
{
	return !has_rule(mm, VMSC_RULE_DONTUNMAP_LOCKED_DRIFT);
}

/* Where the source would be one of the neighbours that join: then it is left alone, before 6.12 with the
 * other one. */
static void keep_apart(struct vmsc_mm *mm, const struct vmsc_node *source, struct vmsc_merge *merge)
{
	int side = merge->prev == source ? LEFT : RIGHT;

	if (merge->prev != source && merge->next != source)
		return;
	if (!has_rule(mm, VMSC_RULE_NEW_MERGE_PREV_FIRST) &&
	    vmsc_merge_refusal(mm, merge, side) == VMSC_REFUSED_NONE)
		merge->prev = merge->next = NULL;
	if (merge->prev == source)
		merge->prev = NULL;
	if (merge->next == source)
		merge->next = NULL;
}

/*
 * copy_vma(): the source's attributes at the destination, merged with what is there or as a VMA of their own.
 * Unfaulted anonymous memory forgets where it came from. Returns: the VMA that holds the copy.
 */
static struct vmsc_node *copy_vma(struct vmsc_mm *mm, const struct vmsc_node *source,
				  const struct remap *remap, uint64_t new_addr)
{
	bool apart = (remap->flags & MREMAP_DONTUNMAP_) && is_dontunmap_old(mm);

	struct vmsc_merge merge = {.caller = VMSC_MERGE_BY_COPY_VMA, .start = new_addr};
	bool maybe_touched = source->maybe_touched;
	struct vmsc_vma copy = source->vma;
	struct vmsc_node *node;

	copy.start = new_addr;
	copy.end = new_addr + remap->new_len;
	copy.pgoff += (remap->addr - source->vma.start) >> VMSC_PAGE_SHIFT;
	copy.born = mm->seq;
	if (!copy.anon_vma && vmsc_node_is_anonymous(mm, source))
		copy.pgoff = new_addr >> VMSC_PAGE_SHIFT;
	vmsc_merge_copy(&merge, &copy);
	merge.end = copy.end;
	merge.pgoff = copy.pgoff;
	merge.prev = vmsc_tree_prev(mm, new_addr);
	merge.next = vmsc_tree_find(mm, copy.end);
	merge.unasked = remap->out->address_asked && new_addr != remap->out->address_predicted;
	if (apart)
		keep_apart(mm, source, &merge);
	node = vmsc_merge_new_vma(mm, &merge);
	if (!node) {
		node = vmsc_node_take(mm);
		node->vma = copy;
		vmsc_node_insert(mm, node, vmsc_tree_prev(mm, new_addr));
	}
	node->maybe_touched |= maybe_touched;
	if (node->vma.uffd) { /* without UFFD_FEATURE_EVENT_REMAP the context stays behind */
		vmsc_node_set_flags(mm, node, node->vma.vm_flags & ~VMSC_VM_UFFD);
		node->vma.uffd = 0;
	}
	return node;
}

/* The range becomes a VMA of its own, where it may be split. Returns: the VMA that begins with it. */
static struct vmsc_node *split_off(struct vmsc_mm *mm, struct vmsc_node *source, const struct remap *remap)
{
	uint64_t end = remap->addr + remap->old_len;

	if (source->vma.start < remap->addr && !vmsc_split_nolimit(mm, source, remap->addr))
		source = source->next;
	if (source->vma.end > end)
		(void)!vmsc_split_nolimit(mm, source, end);
	return source;
}

/* dontunmap_complete(): the source stays, empty; if the range was all of it, also without its anon_vma. */
static void keep_source(struct vmsc_mm *mm, const struct remap *remap, const struct vmsc_node *copy)
{
	struct vmsc_node *source = vmsc_tree_find(mm, remap->addr);
	uint64_t vm_flags;

	if (!source)
		return;
	vm_flags = source->vma.vm_flags;
	if ((vm_flags & VMSC_VM(LOCKED)) && has_rule(mm, VMSC_RULE_DONTUNMAP_LOCKED_DRIFT))
		mm->locked_drift += pages_of(source);
	if (has_rule(mm, VMSC_RULE_DONTUNMAP_CLEARS_ACCOUNT))
		vm_flags &= ~VMSC_VM(ACCOUNT);
	vmsc_node_set_flags(mm, source, vm_flags & ~LOCKED_MASK);
	if (source != copy && source->vma.start == remap->addr &&
	    source->vma.end == remap->addr + remap->old_len) {
		vmsc_anon_adopt(&source->vma, 0, 0);
		source->maybe_touched = false; /* its page tables went with the copy */
		if (has_rule(mm, VMSC_RULE_DONTUNMAP_OWN_PGOFF) && vmsc_node_is_anonymous(mm, source) &&
		    !source->vma.file)
			source->vma.pgoff = source->vma.start >> VMSC_PAGE_SHIFT;
		vmsc_node_set_flags(mm, source, source->vma.vm_flags);
	}
}

/* vrm_calc_charge(), and what older releases account for a move: may it be charged? */
static bool may_charge(struct vmsc_mm *mm, const struct remap *remap, const struct vmsc_node *source)
{
	bool grows = remap->new_len > remap->old_len;
	uint64_t bytes = grows || has_rule(mm, VMSC_RULE_MREMAP_SHRINK_CHARGE) ? remap->delta : 0;

	if (remap->flags & MREMAP_DONTUNMAP_)
		bytes = remap->new_len;
	return !(source->vma.vm_flags & VMSC_VM(ACCOUNT)) || vmsc_mm_may_commit(mm, bytes >> VMSC_PAGE_SHIFT);
}

/* move_vma(). Returns: the new address, or what the kernel answers. */
static int64_t move_vma(struct vmsc_mm *mm, const struct remap *remap, uint64_t new_addr)
{
	struct vmsc_node *source = vmsc_tree_find(mm, remap->addr);
	const struct vmsc_node *copy;
	uint64_t end = remap->addr + remap->old_len;
	bool is_locked;

	if (!source || source->vma.start > remap->addr)
		return -EFAULT;
	if (!mm->force) {
		if (mm->map_count + 3 >= mm->config.limits.max_map_count)
			return -ENOMEM;
		if ((source->vma.traits & VMSC_VMA_SPECIAL_MAPPING) &&
		    (source->vma.start != remap->addr || source->vma.end != end))
			return -EINVAL;
		if (!may_charge(mm, remap, source))
			return -ENOMEM;
	}
	if (mm->dry)
		return (int64_t)new_addr;
	vmsc_outcome_hull(remap->out, new_addr, new_addr + remap->new_len);
	vmsc_outcome_hull(remap->out, remap->addr, end);
	if ((remap->flags & MREMAP_DONTUNMAP_) && (source->vma.vm_flags & VMSC_VM(LOCKED)) &&
	    is_dontunmap_old(mm))
		source = split_off(mm, source, remap);
	vmsc_file_move_ring(mm, source->vma.file, new_addr);
	copy = copy_vma(mm, source, remap, new_addr);
	vmsc_pgtable_move(mm, remap->addr, new_addr, remap->old_len);
	/* Before the source goes: the copy may have merged with it. */
	is_locked = copy->vma.vm_flags & VMSC_VM(LOCKED);
	if (remap->flags & MREMAP_DONTUNMAP_)
		keep_source(mm, remap, copy);
	else if (remap->old_len)
		(void)vmsc_unmap(mm, remap->addr, end, true);
	if (remap->new_len > remap->old_len && is_locked)
		(void)vmsc_anon_populate(mm, new_addr + remap->old_len, new_addr + remap->new_len);
	return (int64_t)new_addr;
}

/* The tail that shrinking takes away: do_munmap() of it. Returns: 0 or what the kernel answers. */
static int cut_tail(struct vmsc_mm *mm, const struct remap *remap, bool mm_wr_locked)
{
	uint64_t start = remap->addr + remap->new_len, len = remap->old_len - remap->new_len;
	uint64_t task_size = vmsc_mm_task_size(mm);

	if (start > task_size || len > task_size - start)
		return -EINVAL;
	return vmsc_unmap(mm, start, start + len, mm_wr_locked);
}

int64_t vmsc_mremap_place(const struct vmsc_mm *mm, const struct vmsc_node *node,
			  const struct vmsc_call *call, uint64_t new_len)
{
	struct vmsc_place place = {.hint = call->args[3] & MREMAP_DONTUNMAP_ ? call->args[4] : 0,
				   .len = new_len,
				   .flags = node->vma.vm_flags & VMSC_VM(MAYSHARE) ? MAP_SHARED_ : 0,
				   .file = vmsc_mm_file_of(mm, node->vma.file)};

	place.pgoff = node->vma.pgoff + ((call->args[0] - node->vma.start) >> VMSC_PAGE_SHIFT);
	if (place.file.kind == VMSC_FILE_HUGETLB)
		place.align = place.file.huge_page_size ? place.file.huge_page_size : VMSC_PMD_SIZE;
	return vmsc_place_find(mm, &place);
}

/* The place of a move without MREMAP_FIXED: the recorded one, else the kernel's choice. */
static int64_t choose_new_addr(struct vmsc_mm *mm, const struct remap *remap)
{
	const struct vmsc_node *node = vmsc_tree_find(mm, remap->addr);
	int64_t found = vmsc_mremap_place(mm, node, remap->call, remap->new_len);
	int err;

	remap->out->address_asked = true;
	remap->out->address_predicted = is_error(found) ? 0 : (uint64_t)found;
	if (remap->call->has_result && !is_error(remap->call->result)) {
		uint64_t addr = (uint64_t)remap->call->result, task_size = vmsc_mm_task_size(mm);

		if ((addr & PAGE_MASK_) || remap->new_len > task_size || addr > task_size - remap->new_len)
			return -EINVAL;
		if (!vmsc_tree_is_free(mm, addr, addr + remap->new_len)) {
			mm->contradiction = true;
			return -EINVAL;
		}
		return (int64_t)addr;
	}
	if (!found)
		mm->hidden = VMSC_HIDDEN_ADDRESS;
	if (found <= 0 || mm->force)
		return found ? found : -ENOMEM;
	err = vmsc_mm_refuses_low(mm, (uint64_t)found); /* mremap does not round its hint up, as mmap does */
	return err ? err : found;
}

static int check_vma(const struct vmsc_mm *mm, struct remap *remap, const struct vmsc_node *node)
{
	int err = check_kind(mm, remap, node);

	return err || is_source_asked_late(mm, remap) ? err : check_resize(mm, remap, node);
}

/* A copy (old length 0) may have been told to go where its source is: that is gone by now. */
static bool is_source_in_target(const struct remap *remap)
{
	return (remap->flags & MREMAP_FIXED_) && remap->addr - remap->new_addr < remap->new_len;
}

/* The driver's mremap hook, when all else is done: a ring of io_setup() can only be moved while its context
 * lives, in the process that has it. */
static bool is_refused_by_driver(struct vmsc_mm *mm, const struct remap *remap, const struct vmsc_node *node)
{
	const struct vmsc_file file = vmsc_mm_file_of(mm, node->vma.file);

	if (file.mode & FILE_RING)
		return !file.ring;
	if (!remap->call->has_result || remap->call->result != -EINVAL || file.kind != VMSC_FILE_OTHER ||
	    (file.mode & VMSC_FILE_SECRET))
		return false;
	mm->hidden = VMSC_HIDDEN_DRIVER;
	return true;
}

/* mremap_to() of one VMA. Returns: the new address, or what the kernel answers. */
static int64_t remap_to(struct vmsc_mm *mm, struct remap *remap)
{
	const struct vmsc_node *node;
	int64_t new_addr = (int64_t)remap->new_addr;
	bool late = is_source_asked_late(mm, remap);
	int err = late ? check_target(mm, remap) : 0;

	if (err)
		return err;
	if (remap->flags & MREMAP_FIXED_) {
		err = vmsc_unmap(mm, remap->new_addr, remap->new_addr + remap->new_len, true);
		if (err)
			return err;
		if (!late && is_source_in_target(remap))
			return -EFAULT;
	}
	if (remap->old_len > remap->new_len) {
		err = cut_tail(mm, remap, true);
		if (err)
			return err;
		remap->old_len = remap->new_len;
	}
	node = vmsc_tree_find(mm, remap->addr);
	if (!node || node->vma.start > remap->addr || is_source_in_target(remap))
		return -EFAULT;
	err = late ? check_resize(mm, remap, node) : 0;
	if (err)
		return err;
	if ((remap->flags & MREMAP_DONTUNMAP_) && !mm->force &&
	    !vmsc_mm_may_expand(mm, node->vma.vm_flags, (int64_t)(remap->old_len >> VMSC_PAGE_SHIFT)))
		return -ENOMEM;
	if (is_refused_by_driver(mm, remap, node))
		return -EINVAL;
	err = (remap->flags & MREMAP_FIXED_) && !mm->force ? vmsc_mm_refuses_low(mm, remap->new_addr) : 0;
	if (err)
		return err;
	if (!(remap->flags & MREMAP_FIXED_))
		new_addr = choose_new_addr(mm, remap);
	if (is_error(new_addr))
		return new_addr;
	return move_vma(mm, remap, (uint64_t)new_addr);
}

/* vma_expandable(): it ends where the range ends, and what follows is free. */
static bool can_expand(const struct vmsc_mm *mm, const struct vmsc_node *node, const struct remap *remap)
{
	uint64_t end = remap->addr + remap->new_len;

	return node->vma.end == remap->addr + remap->old_len && end <= vmsc_mm_task_size(mm) &&
	       (!node->next || node->next->vma.start >= end);
}

/* expand_vma() in place, by a merge of the new part with the VMA itself and with next. */
static int64_t expand(struct vmsc_mm *mm, struct vmsc_node *node, const struct remap *remap)
{
	struct vmsc_merge merge = {.caller = VMSC_MERGE_BY_VMA_EXPAND, .prev = node};
	uint64_t end = remap->addr + remap->new_len, old_end = node->vma.end;

	if (!may_charge(mm, remap, node))
		return -ENOMEM;
	if (mm->dry)
		return (int64_t)remap->addr;
	merge.next = node->next;
	vmsc_merge_copy(&merge, &node->vma);
	merge.start = old_end;
	merge.end = end;
	merge.pgoff = node->vma.pgoff + pages_of(node);
	if (!vmsc_merge_new_vma(mm, &merge)) {
		if (merge.refused[LEFT] != VMSC_REFUSED_CLOSE_HOOK && !mm->force)
			return -ENOMEM;
		vmsc_node_set_range(mm, node, node->vma.start, end);
	}
	vmsc_outcome_hull(remap->out, old_end, end);
	if (merge.vm_flags & VMSC_VM(LOCKED))
		(void)vmsc_anon_populate(mm, old_end, end);
	return (int64_t)remap->addr;
}

/* Grows without MREMAP_FIXED: in place, else somewhere else. */
static int64_t grow(struct vmsc_mm *mm, struct vmsc_node *node, struct remap *remap)
{
	bool recorded = remap->call->has_result && !is_error(remap->call->result);
	bool in_place = can_expand(mm, node, remap);

	if (recorded && in_place != ((uint64_t)remap->call->result == remap->addr)) {
		mm->contradiction = true;
		in_place = !in_place;
		if (in_place && (node->vma.end != remap->addr + remap->old_len ||
				 vmsc_unmap(mm, node->vma.end, remap->addr + remap->new_len, true)))
			return -ENOMEM;
	}
	if (in_place)
		return expand(mm, node, remap);
	if (!(remap->flags & MREMAP_MAYMOVE_) && !mm->force)
		return -ENOMEM;
	return remap_to(mm, remap);
}

/* vma_multi_allowed(): placed by a rule that can't keep distances, or watched: only as the one VMA of a
 * range. */
static bool is_movable_with_others(const struct vmsc_mm *mm, const struct vmsc_vma *vma)
{
	bool zero = !(vma->vm_flags & VMSC_VM(MAYSHARE)) &&
		    vmsc_mm_file_of(mm, vma->file).kind == VMSC_FILE_DEV_ZERO;

	return !vma->uffd && !(vma->traits & VMSC_VMA_SHM) && !zero;
}

/* remap_move(): every VMA in the range, keeping the distances between them. */
static int64_t move_range(struct vmsc_mm *mm, const struct remap *whole)
{
	uint64_t end = whole->addr + whole->old_len, target = whole->new_addr, last_end = whole->addr;
	const struct vmsc_node *node = vmsc_tree_find(mm, whole->addr);
	int64_t first = -EFAULT;

	while (node && node->vma.start < end && last_end < end) {
		struct remap part = *whole;
		uint64_t until = node->vma.end < end ? node->vma.end : end;
		bool alone = !is_movable_with_others(mm, &node->vma);
		int64_t ret;

		if (node->vma.start > last_end && first == -EFAULT)
			return -EFAULT;
		if (alone && (first != -EFAULT || node->vma.end < end))
			return -EFAULT;
		part.addr = node->vma.start > last_end ? node->vma.start : last_end;
		part.old_len = part.new_len = until - part.addr;
		part.delta = 0;
		part.new_addr = target + (part.addr - last_end);
		ret = check_vma(mm, &part, node);
		if (!ret)
			ret = remap_to(mm, &part);
		if (is_error(ret))
			return ret;
		if (first == -EFAULT)
			first = ret;
		target = part.new_addr + part.new_len;
		last_end = until;
		node = vmsc_tree_find(mm, until);
	}
	return first;
}

static int64_t remap_one(struct vmsc_mm *mm, struct remap *remap)
{
	struct vmsc_node *node = vmsc_tree_find(mm, remap->addr);
	int err;

	if (!node || node->vma.start > remap->addr)
		return -EFAULT;
	err = check_vma(mm, remap, node);
	if (err)
		return err;
	if (!mm->force && !has_rule(mm, VMSC_RULE_MSEAL_IN_LOOP) &&
	    vmsc_is_sealed_within(mm, remap->addr, remap->addr + remap->old_len))
		return -EPERM;
	if (implies_new_addr(remap))
		return remap_to(mm, remap);
	if (remap->new_len > remap->old_len)
		return grow(mm, node, remap);
	if (remap->new_len < remap->old_len) {
		vmsc_outcome_hull(remap->out, remap->addr + remap->new_len, remap->addr + remap->old_len);
		err = cut_tail(mm, remap, false);
		if (err)
			return err;
	}
	return (int64_t)remap->addr;
}

int64_t vmsc_op_mremap(struct vmsc_mm *mm, const struct vmsc_call *call, struct vmsc_outcome *out)
{
	struct remap remap = {.call = call,
			      .out = out,
			      .addr = call->args[0],
			      .old_len = page_align(call->args[1]),
			      .new_len = page_align(call->args[2]),
			      .new_addr = call->args[4],
			      .flags = (uint32_t)call->args[3]};
	int err = check_params(mm, &remap);

	remap.delta =
		remap.new_len > remap.old_len ? remap.new_len - remap.old_len : remap.old_len - remap.new_len;
	if (!err && !is_source_asked_late(mm, &remap))
		err = check_target(mm, &remap);
	if (err)
		return err;
	if ((remap.flags & MREMAP_FIXED_) && remap.old_len == remap.new_len &&
	    has_rule(mm, VMSC_RULE_MREMAP_MULTI))
		return move_range(mm, &remap);
	return remap_one(mm, &remap);
}
