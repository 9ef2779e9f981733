/* SPDX-License-Identifier: MIT */
/*
 * addr.c - where the kernel puts a mapping whose address is its own choice: get_unmapped_area() and what it
 * calls.
 */
#include "internal.h"

#define MAP_32BIT_LOW  UINT64_C(0x40000000)
#define MAP_32BIT_HIGH UINT64_C(0x80000000)
#define LOW_4G	       (UINT64_C(1) << 32)

/* vm_start_gap(): where the guard gap of a stack begins, else the VMA itself. */
uint64_t vmsc_place_start_gap(const struct vmsc_mm *mm, const struct vmsc_node *node)
{
	uint64_t gap = 0;

	if (node->vma.vm_flags & VMSC_VM(GROWSDOWN))
		gap = mm->config.limits.stack_guard_gap;
	else if (node->vma.vm_flags & VMSC_VM(SHADOW_STACK))
		gap = VMSC_PAGE_SIZE;
	return node->vma.start > gap ? node->vma.start - gap : 0;
}

/* The hint is taken if it is free; only the VMA above has a say. */
static bool is_hint_usable(const struct vmsc_mm *mm, uint64_t hint, uint64_t len)
{
	const struct vmsc_node *node;
	uint64_t task_size = vmsc_mm_task_size(mm);

	if (!hint || len > task_size || hint > task_size - len)
		return false;
	node = vmsc_tree_find(mm, hint);
	return !node || hint + len <= vmsc_place_start_gap(mm, node);
}

/* A hole [start, end) clipped to the search's limits, and the VMA above it. */
struct hole {
	uint64_t start, end;
	const struct vmsc_node *above;
};

static bool clip(struct hole *hole, uint64_t low, uint64_t high, uint64_t len)
{
	if (hole->start < low)
		hole->start = low;
	if (hole->end > high)
		hole->end = high;
	return hole->end > hole->start && hole->end - hole->start >= len;
}

/* The highest hole of @len in [low, high). */
static bool find_hole_down(const struct vmsc_mm *mm, uint64_t low, uint64_t high, uint64_t len,
			   struct hole *hole)
{
	struct vmsc_node *node = vmsc_tree_find(mm, high - 1);

	if (!node) {
		*hole = (struct hole){mm->last ? mm->last->vma.end : 0, high, NULL};
		if (clip(hole, low, high, len))
			return true;
		node = mm->last;
	}
	for (; node; node = node->prev) {
		node = vmsc_tree_gap_at_or_below(node, len);
		if (!node || node->vma.start <= low)
			return false;
		*hole = (struct hole){node->prev ? node->prev->vma.end : 0, node->vma.start, node};
		if (clip(hole, low, high, len))
			return true;
	}
	return false;
}

/* The lowest hole of @len in [low, high). */
static bool find_hole_up(const struct vmsc_mm *mm, uint64_t low, uint64_t high, uint64_t len,
			 struct hole *hole)
{
	struct vmsc_node *node = vmsc_tree_find(mm, low);

	for (; node; node = node->next) {
		node = vmsc_tree_gap_at_or_above(node, len);
		if (!node)
			break;
		*hole = (struct hole){node->prev ? node->prev->vma.end : 0, node->vma.start, node};
		if (clip(hole, low, high, len))
			return true;
		if (hole->start >= high)
			return false;
	}
	*hole = (struct hole){mm->last ? mm->last->vma.end : 0, high, NULL};
	return clip(hole, low, high, len);
}

/* unmapped_area_topdown(). Returns: the address, 0 for none. */
static uint64_t search_down(const struct vmsc_mm *mm, const struct vmsc_place *place, uint64_t low,
			    uint64_t high)
{
	uint64_t mask = place->align ? place->align - 1 : 0;
	struct hole hole;

	while (high > low && find_hole_down(mm, low, high, place->len + mask, &hole)) {
		uint64_t gap = hole.above ? vmsc_place_start_gap(mm, hole.above) : UINT64_MAX;

		if (gap >= hole.end)
			return (hole.end - place->len) & ~mask;
		high = gap;
	}
	return 0;
}

/* unmapped_area(). Returns: the address, 0 for none. */
static uint64_t search_up(const struct vmsc_mm *mm, const struct vmsc_place *place, uint64_t low,
			  uint64_t high)
{
	uint64_t mask = place->align ? place->align - 1 : 0;
	struct hole hole;

	while (high > low && find_hole_up(mm, low, high, place->len + mask, &hole)) {
		uint64_t addr = (hole.start + mask) & ~mask;

		if (!hole.above || vmsc_place_start_gap(mm, hole.above) >= addr + place->len)
			return addr;
		low = hole.above->vma.end;
	}
	return 0;
}

/* arch_get_unmapped_area(): bottom-up, the rule of a legacy address space and the last resort of the other
 * one. */
static uint64_t place_up(const struct vmsc_mm *mm, const struct vmsc_place *place)
{
	uint64_t low = mm->config.layout.legacy_base, high = vmsc_mm_task_size(mm);

	if (place->flags & MAP_32BIT_) {
		if (mm->config.layout.randomized)
			return 0;
		low = MAP_32BIT_LOW;
		high = MAP_32BIT_HIGH;
	}
	if (place->hint <= high - place->len && place->len <= high &&
	    is_hint_usable(mm, place->hint, place->len))
		return place->hint;
	return low ? search_up(mm, place, low, high) : 0;
}

/* arch_get_unmapped_area_topdown(). Returns: the address, 0: no room or no prediction. */
static uint64_t place_plain(const struct vmsc_mm *mm, const struct vmsc_place *place)
{
	const struct vmsc_layout *layout = &mm->config.layout;
	uint64_t low = VMSC_PAGE_SIZE, addr = 0;

	if (place->len > vmsc_mm_task_size(mm))
		return 0;
	if (layout->legacy || (place->flags & MAP_32BIT_))
		return place_up(mm, place);
	if (is_hint_usable(mm, place->hint, place->len))
		return place->hint;
	if (!layout->mmap_base)
		return 0;
	if ((place->flags & MAP_ABOVE4G_) && has_rule(mm, VMSC_RULE_MAP_ABOVE4G))
		low = LOW_4G;
	if (low < mm->config.limits.mmap_min_addr)
		low = mm->config.limits.mmap_min_addr;
	addr = search_down(mm, place, low, layout->mmap_base);
	return addr ? addr : place_up(mm, place);
}

/* __thp_get_unmapped_area(): aligned so that whole 2 MiB of the object fall on 2 MiB of address. 0: does not
 * apply. */
static uint64_t place_thp(const struct vmsc_mm *mm, const struct vmsc_place *place)
{
	uint64_t off = place->pgoff << VMSC_PAGE_SHIFT, end = off + place->len;
	uint64_t off_aligned = (off + VMSC_PMD_SIZE - 1) & ~(VMSC_PMD_SIZE - 1), addr, sub;
	struct vmsc_place padded = *place;

	if (end <= off_aligned || end - off_aligned < VMSC_PMD_SIZE)
		return 0;
	padded.len += VMSC_PMD_SIZE;
	if (padded.len < place->len || off + padded.len < off)
		return 0;
	addr = place_plain(mm, &padded);
	if (!addr || addr == place->hint)
		return addr;
	sub = (off - addr) & (VMSC_PMD_SIZE - 1);
	if (!sub && !mm->config.layout.legacy && has_rule(mm, VMSC_RULE_THP_TOPDOWN_SUB0))
		return addr + VMSC_PMD_SIZE;
	return addr + sub;
}

/* Does the release align this request although nobody's get_unmapped_area asks for it? */
static bool is_thp_placed(const struct vmsc_mm *mm, const struct vmsc_place *place)
{
	if (!has_rule(mm, VMSC_RULE_THP_ALIGN_ANON))
		return false;
	if (place->file.id && !has_rule(mm, VMSC_RULE_THP_ALIGN_FILE_NO_OP))
		return false;
	if (has_rule(mm, VMSC_RULE_THP_ALIGN_MULTIPLE) && (place->len & (VMSC_PMD_SIZE - 1)))
		return false;
	return !place->hint || !has_rule(mm, VMSC_RULE_THP_ALIGN_NO_HINT);
}

static uint64_t dispatch(const struct vmsc_mm *mm, const struct vmsc_place *place)
{
	struct vmsc_place anon = *place;
	uint64_t addr = 0;

	switch (place->file.id ? place->file.kind : (uint32_t)VMSC_FILE_PLAIN) {
	case VMSC_FILE_THP_ALIGNED:
		addr = place_thp(mm, place);
		break;
	case VMSC_FILE_PLAIN:
	case VMSC_FILE_OTHER:
		if (!place->file.id)
			anon.pgoff = 0; /* the offset of anonymous memory means nothing */
		if (is_thp_placed(mm, &anon))
			addr = place_thp(mm, &anon);
		break;
	case VMSC_FILE_DEV_ZERO:
		if (!(place->flags & MAP_SHARED_) && has_rule(mm, VMSC_RULE_THP_ALIGN_DEV_ZERO))
			addr = place_thp(mm, place);
		break;
	default: /* shmem with its huge policy off, hugetlbfs (aligned by place->align) */
		break;
	}
	return addr ? addr : place_plain(mm, place);
}

/*
 * __get_unmapped_area() without MAP_FIXED. Returns: the address; 0 where no prediction is possible (base not
 * known, or drawn at random); -ENOMEM where there is no room.
 */
int64_t vmsc_place_find(const struct vmsc_mm *mm, const struct vmsc_place *place)
{
	const struct vmsc_layout *layout = &mm->config.layout;
	bool known = layout->legacy ? layout->legacy_base : layout->mmap_base;
	struct vmsc_place aligned = *place;
	uint64_t addr;

	if (place->len > vmsc_mm_task_size(mm))
		return -ENOMEM;
	if (place->align && has_rule(mm, VMSC_RULE_HUGETLB_HINT_UP))
		aligned.hint += place->align - 1;
	if (place->align)
		aligned.hint &= ~(place->align - 1);
	addr = dispatch(mm, &aligned);
	if (addr)
		return (int64_t)addr;
	if (!known || !layout->legacy_base || ((place->flags & MAP_32BIT_) && layout->randomized))
		return 0;
	return -ENOMEM;
}
