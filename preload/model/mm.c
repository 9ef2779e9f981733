/* SPDX-License-Identifier: MIT */
/*
 * mm.c - the address space as a whole: making and freeing it, its limits and counters, and the four
 * primitives through which every change of a VMA goes, so that the counters can't drift from the VMAs.
 */
#include "internal.h"

struct vmsc_mm *vmsc_mm_new(const struct vmsc_allocator *allocator, const struct vmsc_mm_config *config)
{
	struct vmsc_mm *mm = allocator->alloc(allocator->ctx, sizeof(*mm));

	if (!mm)
		return NULL;
	memset(mm, 0, sizeof(*mm));
	mm->allocator = *allocator;
	mm->config = *config;
	mm->persona = config->layout.randomized ? 0 : ADDR_NO_RANDOMIZE_;
	mm->next_anon_vma = 1;
	mm->next_file = mm->files_swept = FIRST_INTERNAL_FILE;
	return mm;
}

static void free_list(struct vmsc_mm *mm, struct vmsc_node *node)
{
	while (node) {
		struct vmsc_node *next = node->next;

		mm->allocator.free(mm->allocator.ctx, node, sizeof(*node));
		node = next;
	}
}

void vmsc_mm_free(struct vmsc_mm *mm)
{
	struct vmsc_allocator allocator;

	if (!mm)
		return;
	allocator = mm->allocator;
	vmsc_pgtable_forget(mm);
	free_list(mm, mm->first);
	free_list(mm, mm->spare);
	if (mm->files)
		allocator.free(allocator.ctx, mm->files, mm->file_slots * sizeof(*mm->files));
	allocator.free(allocator.ctx, mm, sizeof(*mm));
}

struct vmsc_mm_config *vmsc_mm_config(struct vmsc_mm *mm)
{
	return &mm->config;
}

size_t vmsc_mm_map_count(const struct vmsc_mm *mm)
{
	return mm->map_count;
}

uint64_t vmsc_mm_total_pages(const struct vmsc_mm *mm)
{
	return mm->total_vm;
}

uint64_t vmsc_mm_task_size(const struct vmsc_mm *mm)
{
	return mm->config.layout.task_size ? mm->config.layout.task_size
					   : (UINT64_C(1) << 47) - VMSC_PAGE_SIZE;
}

/* So many nodes are at hand for the step that begins. Returns: 0 or -ENOMEM. */
int vmsc_mm_reserve(struct vmsc_mm *mm, size_t nodes)
{
	while (mm->nr_spare < nodes) {
		struct vmsc_node *node = mm->allocator.alloc(mm->allocator.ctx, sizeof(*node));

		if (!node)
			return -ENOMEM;
		node->next = mm->spare;
		mm->spare = node;
		mm->nr_spare++;
	}
	return 0;
}

/* A zeroed node out of the reserve. */
struct vmsc_node *vmsc_node_take(struct vmsc_mm *mm)
{
	struct vmsc_node *node = mm->spare;

	mm->spare = node->next;
	mm->nr_spare--;
	memset(node, 0, sizeof(*node));
	return node;
}

/* Enough for any single-VMA step; what a larger step left over goes back to the allocator. */
#define SPARE_MAX 16

static void give_back(struct vmsc_mm *mm, struct vmsc_node *node)
{
	if (mm->nr_spare >= SPARE_MAX) {
		mm->allocator.free(mm->allocator.ctx, node, sizeof(*node));
		return;
	}
	node->next = mm->spare;
	mm->spare = node;
	mm->nr_spare++;
}

/* is_data_mapping(): what RLIMIT_DATA counts. */
static bool is_data(uint64_t vm_flags)
{
	return (vm_flags & (VMSC_VM(WRITE) | VMSC_VM(SHARED) | VMSC_VM(GROWSDOWN))) == VMSC_VM(WRITE) &&
	       !(vm_flags & VMSC_VM(SHADOW_STACK));
}

static void count(struct vmsc_mm *mm, const struct vmsc_node *node, bool add)
{
	uint64_t pages = add ? pages_of(node) : -pages_of(node);

	mm->total_vm += pages;
	if (is_data(node->vma.vm_flags))
		mm->data_vm += pages;
	if (node->vma.vm_flags & VMSC_VM(LOCKED))
		mm->locked_vm += pages;
}

static void note_touchable(struct vmsc_node *node)
{
	if ((node->vma.vm_flags & (VMSC_VM(WRITE) | VMSC_VM(SHARED))) == VMSC_VM(WRITE))
		node->maybe_touched = true;
}

void vmsc_node_insert(struct vmsc_mm *mm, struct vmsc_node *node, struct vmsc_node *prev)
{
	note_touchable(node);
	vmsc_tree_insert(mm, node, prev);
	mm->map_count++;
	count(mm, node, true);
}

void vmsc_node_remove(struct vmsc_mm *mm, struct vmsc_node *node)
{
	count(mm, node, false);
	mm->map_count--;
	vmsc_tree_erase(mm, node);
	give_back(mm, node);
}

/* A new start takes pgoff along. */
void vmsc_node_set_range(struct vmsc_mm *mm, struct vmsc_node *node, uint64_t start, uint64_t end)
{
	count(mm, node, false);
	node->vma.pgoff += (start >> VMSC_PAGE_SHIFT) - (node->vma.start >> VMSC_PAGE_SHIFT);
	node->vma.start = start;
	node->vma.end = end;
	count(mm, node, true);
	vmsc_tree_moved(mm, node);
}

void vmsc_node_set_flags(struct vmsc_mm *mm, struct vmsc_node *node, uint64_t vm_flags)
{
	count(mm, node, false);
	node->vma.vm_flags = vm_flags;
	count(mm, node, true);
	note_touchable(node);
}

/* vma_is_anonymous(): no vm_ops. A private mapping of /dev/zero counts, a special mapping does not. */
bool vmsc_node_is_anonymous(const struct vmsc_mm *mm, const struct vmsc_node *node)
{
	if (node->vma.traits & VMSC_VMA_SPECIAL_MAPPING)
		return false;
	if (!node->vma.file)
		return true;
	return !(node->vma.vm_flags & (VMSC_VM(SHARED) | VMSC_VM(MAYSHARE))) &&
	       vmsc_mm_file_of(mm, node->vma.file).kind == VMSC_FILE_DEV_ZERO;
}

/* vma_is_secretmem() */
bool vmsc_node_is_secret(const struct vmsc_mm *mm, const struct vmsc_node *node)
{
	return node->vma.file && (vmsc_mm_file_of(mm, node->vma.file).mode & VMSC_FILE_SECRET);
}

/* may_expand_vm(): RLIMIT_AS and RLIMIT_DATA. @pages may be negative where a mapping replaces more than it
 * brings. */
bool vmsc_mm_may_expand(const struct vmsc_mm *mm, uint64_t vm_flags, int64_t pages)
{
	const struct vmsc_limits *limits = &mm->config.limits;

	if (mm->total_vm + (uint64_t)pages > limits->as >> VMSC_PAGE_SHIFT)
		return false;
	if (!is_data(vm_flags) ||
	    !limits->data) /* a soft limit of 0 stands for the hard one, which is high */
		return true;
	return mm->data_vm + (uint64_t)pages <= limits->data >> VMSC_PAGE_SHIFT;
}

/*
 * The limit of overcommit 2. The kernel goes by a counter that each processor tells only now and then: by so
 * much what it said may differ from the sum that can be read.
 */
static bool is_within_commit_limit(const struct vmsc_mm *mm, uint64_t bytes)
{
	const struct vmsc_limits *limits = &mm->config.limits;
	uint64_t share = (mm->total_vm << VMSC_PAGE_SHIFT) / 32, blur = limits->commit_most >> 7;
	uint64_t kept = (share < limits->commit_reserve ? share : limits->commit_reserve) + blur;

	return limits->commit_limit > kept && limits->committed < limits->commit_limit - kept &&
	       bytes < limits->commit_limit - kept - limits->committed;
}

/* __vm_enough_memory(): may so much be charged? */
bool vmsc_mm_may_commit(struct vmsc_mm *mm, uint64_t pages)
{
	const struct vmsc_limits *limits = &mm->config.limits;
	uint64_t bytes = pages << VMSC_PAGE_SHIFT;

	if (mm->force || limits->overcommit == 1 || !pages || !mm->short_of_memory)
		return true; /* what was done was charged, whatever was known of the machine's memory */
	if (limits->overcommit != 2 && limits->commit_most)
		return bytes <= limits->commit_most;
	mm->charged = true;
	return limits->overcommit != 2 || !mm->answered || !limits->commit_limit ||
	       is_within_commit_limit(mm, bytes);
}

/* mlock_future_ok(): RLIMIT_MEMLOCK for @bytes more, if they will be locked at all. */
bool vmsc_mm_may_lock(const struct vmsc_mm *mm, uint64_t vm_flags, uint64_t bytes)
{
	const struct vmsc_limits *limits = &mm->config.limits;

	if (!(vm_flags & VMSC_VM(LOCKED)) || limits->ipc_lock)
		return true;
	return mm->locked_vm + mm->locked_drift + (bytes >> VMSC_PAGE_SHIFT) <= limits->memlock >>
	       VMSC_PAGE_SHIFT;
}

/* Flags of VMAs that locking leaves alone. */
uint64_t vmsc_mm_never_locked(const struct vmsc_mm *mm)
{
	return VMSC_VM_SPECIAL | VMSC_VM(HUGETLB) |
	       (has_rule(mm, VMSC_RULE_MLOCK_SKIPS_DROPPABLE) ? VMSC_VM(DROPPABLE) : 0);
}

/* can_do_mlock() */
bool vmsc_mm_can_lock(const struct vmsc_mm *mm)
{
	return mm->config.limits.memlock || mm->config.limits.ipc_lock;
}

void vmsc_outcome_hull(struct vmsc_outcome *out, uint64_t start, uint64_t end)
{
	if (start >= end)
		return;
	if (out->start == out->end) {
		out->start = start;
		out->end = end;
		return;
	}
	if (start < out->start)
		out->start = start;
	if (end > out->end)
		out->end = end;
}

static bool is_range(uint64_t start, uint64_t end)
{
	return start < end && !((start | end) & PAGE_MASK_);
}

/* Puts a complete VMA into a free range; a node must be in reserve. What may not be split is never merged,
 * whoever says what it is: _install_special_mapping() and hugetlbfs set VM_DONTEXPAND. */
static void place_vma(struct vmsc_mm *mm, const struct vmsc_vma *vma)
{
	struct vmsc_node *node = vmsc_node_take(mm);

	node->vma = *vma;
	if ((vma->traits & VMSC_VMA_SPECIAL_MAPPING) || (vma->vm_flags & VMSC_VM(HUGETLB)))
		node->vma.vm_flags |= VMSC_VM(DONTEXPAND);
	if (vma->anon_vma >= mm->next_anon_vma)
		mm->next_anon_vma = vma->anon_vma + 1;
	if (vma->file >= mm->next_file)
		mm->next_file = vma->file + 1;
	vmsc_node_insert(mm, node, vmsc_tree_prev(mm, vma->start));
}

int vmsc_mm_insert(struct vmsc_mm *mm, const struct vmsc_vma *vma)
{
	int err;

	if (!is_range(vma->start, vma->end))
		return -EINVAL;
	if (!vmsc_tree_is_free(mm, vma->start, vma->end))
		return -EEXIST;
	err = vmsc_mm_reserve(mm, 1);
	if (err)
		return err;
	place_vma(mm, vma);
	return 0;
}

/* Are @vmas sorted, disjoint and inside [start, end)? */
static bool are_placeable(uint64_t start, uint64_t end, const struct vmsc_vma *vmas, size_t nr)
{
	for (size_t i = 0; i < nr; i++) {
		if (!is_range(vmas[i].start, vmas[i].end) || vmas[i].start < start || vmas[i].end > end)
			return false;
		start = vmas[i].end;
	}
	return true;
}

int vmsc_mm_adopt(struct vmsc_mm *mm, uint64_t start, uint64_t end, const struct vmsc_vma *vmas, size_t nr)
{
	struct vmsc_node *node;
	int err;

	if (!is_range(start, end) || !are_placeable(start, end, vmas, nr))
		return -EINVAL;
	err = vmsc_mm_reserve(mm, nr + 2);
	if (err)
		return err;
	mm->force = true; /* a special mapping that was seen to be cut is cut */
	for (node = vmsc_tree_find(mm, start); node && node->vma.start < end;) {
		struct vmsc_node *next;

		if (node->vma.start < start) {
			(void)vmsc_split_nolimit(mm, node, start);
			node = node->next;
		}
		if (node->vma.end > end)
			(void)vmsc_split_nolimit(mm, node, end);
		next = node->next;
		vmsc_node_remove(mm, node);
		node = next;
	}
	mm->force = false;
	err = vmsc_mm_reserve(mm, nr);
	for (size_t i = 0; !err && i < nr; i++)
		place_vma(mm, &vmas[i]);
	return err;
}

bool vmsc_mm_find(const struct vmsc_mm *mm, uint64_t addr, struct vmsc_vma *vma)
{
	const struct vmsc_node *node = vmsc_tree_find(mm, addr);

	if (node)
		*vma = node->vma;
	return node;
}

bool vmsc_mm_prev(const struct vmsc_mm *mm, uint64_t addr, struct vmsc_vma *vma)
{
	const struct vmsc_node *node = vmsc_tree_prev(mm, addr);

	if (node)
		*vma = node->vma;
	return node;
}
