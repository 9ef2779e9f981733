/* SPDX-License-Identifier: MIT */
/*
 * pgtable.c - page-table pages: which of them go with an unmapping (free_pgd_range()), and which are known to
 * exist. Entry points: vmsc_free_pgd_range(), vmsc_mm_populate(), vmsc_pgtable_free(), vmsc_mm_table_asks().
 *
 * A table exists from the first fault below it on. Faults are no calls; the model knows the tables that it
 * was told of, and of the others only that they go if they exist.
 */
#include "internal.h"

#define TABLES_PER_TABLE 512

/* A PMD table, 1 GiB, with a bit for each PTE table in it. */
struct vmsc_pmd_table {
	uint64_t pte[TABLES_PER_TABLE / 64];
};

/* A PUD table, 512 GiB. */
struct vmsc_pud_table {
	struct vmsc_pud_table *next;
	uint64_t base;
	struct vmsc_pmd_table *pmd[TABLES_PER_TABLE];
};

/* A P4D table, 256 TiB; nothing hangs below it here, it is only counted. */
struct vmsc_p4d_table {
	struct vmsc_p4d_table *next;
	uint64_t base;
};

/* What one table of each level maps. */
static const uint64_t table_size[VMSC_NR_TABLE_LEVELS] = {VMSC_PMD_SIZE, VMSC_PUD_SIZE, VMSC_P4D_SIZE,
							  VMSC_PGD_SIZE};

const char *vmsc_table_level_name(unsigned int level)
{
	static const char *const names[] = {
#define X(name, text) text,
		VMSC_TABLE_LEVELS(X)
#undef X
	};

	return level < VMSC_NR_TABLE_LEVELS ? names[level] : NULL;
}

/*
 * The tables of one level above PTE for the run [start, end), which holds whole PTE tables only. Those in the
 * middle map nothing else; the first and the last must not reach below the floor or above the ceiling.
 */
static struct vmsc_range tables_of_level(uint64_t start, uint64_t end, uint64_t floor, uint64_t ceiling,
					 uint64_t size)
{
	uint64_t mask = ~(size - 1), from = start & mask, last = (end - 1) & mask, to = last + size;

	if (from < floor)
		from += size;
	if (ceiling) {
		ceiling &= mask;
		if (!ceiling)
			return (struct vmsc_range){0, 0};
	}
	if (end - 1 > ceiling - 1)
		to = last;
	if (from >= to) /* nothing, or the address space's last table, whose end wraps */
		return (struct vmsc_range){0, 0};
	return (struct vmsc_range){from, to};
}

void vmsc_free_pgd_range(uint64_t start, uint64_t end, uint64_t floor, uint64_t ceiling,
			 struct vmsc_range tables[VMSC_NR_TABLE_LEVELS])
{
	const uint64_t mask = ~(VMSC_PMD_SIZE - 1);

	memset(tables, 0, VMSC_NR_TABLE_LEVELS * sizeof(*tables));
	start &= mask;
	if (start < floor) {
		start += VMSC_PMD_SIZE;
		if (!start)
			return;
	}
	if (ceiling) {
		ceiling &= mask;
		if (!ceiling)
			return;
	}
	if (end - 1 > ceiling - 1)
		end -= VMSC_PMD_SIZE;
	if (start > end - 1)
		return;
	tables[VMSC_TABLE_PTE] = (struct vmsc_range){start, (end + VMSC_PMD_SIZE - 1) & mask};
	for (unsigned int level = VMSC_TABLE_PMD; level < VMSC_NR_TABLE_LEVELS; level++)
		tables[level] = tables_of_level(start, end, floor, ceiling, table_size[level]);
}

/* With four levels the P4D table is the PGD itself, which stays. */
static bool has_p4d_tables(const struct vmsc_mm *mm)
{
	return vmsc_mm_task_size(mm) >= VMSC_PGD_SIZE;
}

uint64_t vmsc_pgtable_count(const struct vmsc_mm *mm, const struct vmsc_range *tables, unsigned int level)
{
	if (level == VMSC_TABLE_P4D && !has_p4d_tables(mm))
		return 0;
	return (tables->end - tables->start) / table_size[level];
}

static struct vmsc_pud_table *find_pud(const struct vmsc_mm *mm, uint64_t addr)
{
	struct vmsc_pud_table *pud = mm->tables.puds;

	while (pud && pud->base != (addr & ~(VMSC_P4D_SIZE - 1)))
		pud = pud->next;
	return pud;
}

static bool has_p4d(const struct vmsc_mm *mm, uint64_t addr)
{
	const struct vmsc_p4d_table *p4d = mm->tables.p4ds;

	while (p4d && p4d->base != (addr & ~(VMSC_PGD_SIZE - 1)))
		p4d = p4d->next;
	return p4d;
}

static void *alloc_zeroed(struct vmsc_mm *mm, size_t size)
{
	void *table = mm->allocator.alloc(mm->allocator.ctx, size);

	if (table)
		memset(table, 0, size);
	return table;
}

static int make_p4d(struct vmsc_mm *mm, uint64_t addr)
{
	struct vmsc_p4d_table *p4d;

	if (!has_p4d_tables(mm) || has_p4d(mm, addr))
		return 0;
	p4d = alloc_zeroed(mm, sizeof(*p4d));
	if (!p4d)
		return -ENOMEM;
	*p4d = (struct vmsc_p4d_table){mm->tables.p4ds, addr & ~(VMSC_PGD_SIZE - 1)};
	mm->tables.p4ds = p4d;
	mm->tables.nr[VMSC_TABLE_P4D]++;
	return 0;
}

static struct vmsc_pud_table *make_pud(struct vmsc_mm *mm, uint64_t addr)
{
	struct vmsc_pud_table *pud = find_pud(mm, addr);

	if (pud || make_p4d(mm, addr))
		return pud;
	pud = alloc_zeroed(mm, sizeof(*pud));
	if (!pud)
		return NULL;
	pud->base = addr & ~(VMSC_P4D_SIZE - 1);
	pud->next = mm->tables.puds;
	mm->tables.puds = pud;
	mm->tables.nr[VMSC_TABLE_PUD]++;
	return pud;
}

static struct vmsc_pmd_table *make_pmd(struct vmsc_mm *mm, uint64_t addr)
{
	struct vmsc_pud_table *pud = make_pud(mm, addr);
	struct vmsc_pmd_table **pmd;

	if (!pud)
		return NULL;
	pmd = &pud->pmd[addr / VMSC_PUD_SIZE % TABLES_PER_TABLE];
	if (*pmd)
		return *pmd;
	*pmd = alloc_zeroed(mm, sizeof(**pmd));
	if (*pmd)
		mm->tables.nr[VMSC_TABLE_PMD]++;
	return *pmd;
}

/* The tables above the entries in [start, end). @pte: with PTE tables, so no huge pages. */
static int populate(struct vmsc_mm *mm, uint64_t start, uint64_t end, bool pte)
{
	for (uint64_t addr = start & ~(VMSC_PMD_SIZE - 1); addr < end; addr += VMSC_PMD_SIZE) {
		struct vmsc_pmd_table *pmd = make_pmd(mm, addr);
		unsigned int at = addr / VMSC_PMD_SIZE % TABLES_PER_TABLE;

		if (!pmd)
			return -ENOMEM;
		if (!pte || (pmd->pte[at / 64] >> (at % 64)) & 1)
			continue;
		pmd->pte[at / 64] |= UINT64_C(1) << (at % 64);
		mm->tables.nr[VMSC_TABLE_PTE]++;
	}
	return 0;
}

int vmsc_mm_populate(struct vmsc_mm *mm, uint64_t start, uint64_t end)
{
	bool found = false;

	for (const struct vmsc_node *node = vmsc_tree_find(mm, start); node && node->vma.start < end;
	     node = node->next) {
		uint64_t from = node->vma.start > start ? node->vma.start : start;
		uint64_t to = node->vma.end < end ? node->vma.end : end;

		found = true;
		if (populate(mm, from, to, !(node->vma.vm_flags & VMSC_VM(HUGETLB))))
			return -ENOMEM;
	}
	return found ? 0 : -EFAULT;
}

uint64_t vmsc_mm_tables(const struct vmsc_mm *mm, enum vmsc_table_level level)
{
	return level < VMSC_NR_TABLE_LEVELS ? mm->tables.nr[level] : 0;
}

/* free_pmd_range(): the PTE tables of one PMD table that begin in [start, end). */
static uint64_t free_ptes(struct vmsc_pmd_table *pmd, uint64_t base, const struct vmsc_range *range)
{
	uint64_t freed = 0;

	for (unsigned int at = 0; at < TABLES_PER_TABLE; at++) {
		uint64_t addr = base + at * VMSC_PMD_SIZE, bit = UINT64_C(1) << (at % 64);

		if (addr < range->start || addr >= range->end || !(pmd->pte[at / 64] & bit))
			continue;
		pmd->pte[at / 64] &= ~bit;
		freed++;
	}
	return freed;
}

/* free_pud_range(): the PTE and PMD tables of one PUD table. */
static void free_pmds(struct vmsc_mm *mm, struct vmsc_pud_table *pud, const struct vmsc_range *tables,
		      uint64_t *freed)
{
	const struct vmsc_range *ptes = &tables[VMSC_TABLE_PTE], *pmds = &tables[VMSC_TABLE_PMD];
	uint64_t first = ptes->start > pud->base ? (ptes->start - pud->base) / VMSC_PUD_SIZE : 0;

	for (uint64_t at = first; at < TABLES_PER_TABLE; at++) {
		uint64_t base = pud->base + at * VMSC_PUD_SIZE;
		struct vmsc_pmd_table *pmd = pud->pmd[at];

		if (base >= ptes->end)
			break;
		if (!pmd)
			continue;
		freed[VMSC_TABLE_PTE] += free_ptes(pmd, base, ptes);
		if (base < pmds->start || base >= pmds->end)
			continue;
		mm->allocator.free(mm->allocator.ctx, pmd, sizeof(*pmd));
		pud->pmd[at] = NULL;
		freed[VMSC_TABLE_PMD]++;
	}
}

static void free_p4ds(struct vmsc_mm *mm, const struct vmsc_range *range, uint64_t *freed)
{
	struct vmsc_p4d_table **link = &mm->tables.p4ds;

	while (*link) {
		struct vmsc_p4d_table *p4d = *link;

		if (p4d->base < range->start || p4d->base >= range->end) {
			link = &p4d->next;
			continue;
		}
		*link = p4d->next;
		mm->allocator.free(mm->allocator.ctx, p4d, sizeof(*p4d));
		freed[VMSC_TABLE_P4D]++;
	}
}

/* Frees what is known to exist of @tables, and counts it by level in @freed. */
void vmsc_pgtable_free(struct vmsc_mm *mm, const struct vmsc_range tables[VMSC_NR_TABLE_LEVELS],
		       uint64_t freed[VMSC_NR_TABLE_LEVELS])
{
	struct vmsc_pud_table **link = &mm->tables.puds;

	memset(freed, 0, VMSC_NR_TABLE_LEVELS * sizeof(*freed));
	while (*link) {
		struct vmsc_pud_table *pud = *link;

		free_pmds(mm, pud, tables, freed);
		if (pud->base < tables[VMSC_TABLE_PUD].start || pud->base >= tables[VMSC_TABLE_PUD].end) {
			link = &pud->next;
			continue;
		}
		*link = pud->next;
		mm->allocator.free(mm->allocator.ctx, pud, sizeof(*pud));
		freed[VMSC_TABLE_PUD]++;
	}
	free_p4ds(mm, &tables[VMSC_TABLE_P4D], freed);
	for (unsigned int level = 0; level < VMSC_NR_TABLE_LEVELS; level++)
		mm->tables.nr[level] -= freed[level];
}

/* get_extent(): up to the next edge of a table of @size, at the old or at the new place. */
static uint64_t extent_of(uint64_t from, uint64_t end, uint64_t to, uint64_t size)
{
	uint64_t extent = size - (from & (size - 1)), at_target = size - (to & (size - 1));

	if (extent > end - from)
		extent = end - from;
	return extent < at_target ? extent : at_target;
}

/* A whole PMD table changes its place, if there is none at the new one. */
static bool move_pmd(struct vmsc_pmd_table **pmd, struct vmsc_mm *mm, uint64_t to)
{
	struct vmsc_pud_table *pud = make_pud(mm, to);
	struct vmsc_pmd_table **target = pud ? &pud->pmd[to / VMSC_PUD_SIZE % TABLES_PER_TABLE] : NULL;

	if (!target || *target)
		return false;
	*target = *pmd;
	*pmd = NULL;
	return true;
}

/* The entries of one PTE table, or the table itself. Returns: false when out of memory. */
static bool move_pte(struct vmsc_mm *mm, struct vmsc_pmd_table *pmd, uint64_t from, uint64_t to, bool whole)
{
	unsigned int at = from / VMSC_PMD_SIZE % TABLES_PER_TABLE,
		     new_at = to / VMSC_PMD_SIZE % TABLES_PER_TABLE;
	struct vmsc_pmd_table *target;
	uint64_t bit = UINT64_C(1) << (new_at % 64);

	if (!((pmd->pte[at / 64] >> (at % 64)) & 1))
		return true;
	target = make_pmd(mm, to);
	if (!target)
		return false;
	if (target->pte[new_at / 64] & bit)
		return true;
	target->pte[new_at / 64] |= bit;
	if (whole)
		pmd->pte[at / 64] &= ~(UINT64_C(1) << (at % 64));
	else
		mm->tables.nr[VMSC_TABLE_PTE]++;
	return true;
}

/*
 * move_page_tables(): where a whole table's range moves and the new place has none, the table goes along;
 * else the new place gets one of its own. Out of memory, what is known of the rest is given up.
 */
void vmsc_pgtable_move(struct vmsc_mm *mm, uint64_t from, uint64_t to, uint64_t length)
{
	uint64_t end = from + length, extent;

	for (; from < end; from += extent, to += extent) {
		struct vmsc_pud_table *pud = find_pud(mm, from);
		struct vmsc_pmd_table **pmd = pud ? &pud->pmd[from / VMSC_PUD_SIZE % TABLES_PER_TABLE] : NULL;

		extent = extent_of(from, end, to, VMSC_PUD_SIZE);
		if (!pmd || !*pmd || (extent == VMSC_PUD_SIZE && move_pmd(pmd, mm, to)))
			continue;
		extent = extent_of(from, end, to, VMSC_PMD_SIZE);
		if (!make_pud(mm, to) || !move_pte(mm, *pmd, from, to, extent == VMSC_PMD_SIZE)) {
			vmsc_pgtable_forget(mm);
			return;
		}
	}
}

/* MADV_DONTNEED of a part of one VMA: PTE tables with nothing else in them go at once, by release. */
void vmsc_pgtable_discard(struct vmsc_mm *mm, uint64_t start, uint64_t end)
{
	const uint64_t mask = VMSC_PMD_SIZE - 1;
	struct vmsc_range tables[VMSC_NR_TABLE_LEVELS] = {{(start + mask) & ~mask, end & ~mask}};
	uint64_t freed[VMSC_NR_TABLE_LEVELS];

	if (has_rule(mm, VMSC_RULE_PT_RECLAIM) && tables[VMSC_TABLE_PTE].start < tables[VMSC_TABLE_PTE].end)
		vmsc_pgtable_free(mm, tables, freed);
}

/* Nothing is known any more: a child's tables are its own, and copied in part. */
void vmsc_pgtable_forget(struct vmsc_mm *mm)
{
	const struct vmsc_range all[VMSC_NR_TABLE_LEVELS] = {
		{0, UINT64_MAX}, {0, UINT64_MAX}, {0, UINT64_MAX}, {0, UINT64_MAX}};
	uint64_t freed[VMSC_NR_TABLE_LEVELS];

	vmsc_pgtable_free(mm, all, freed);
}

/* What @call unmaps, by its arguments alone. Empty: nothing, or it makes page tables too. */
static struct vmsc_range unmapped_by(const struct vmsc_mm *mm, const struct vmsc_call *call)
{
	uint64_t start = call->args[0], end = start + page_align(call->args[1]);
	const struct vmsc_layout *layout = &mm->config.layout;

	switch (call->nr) {
	case NR_MUNMAP:
		break;
	case NR_MMAP:
		if (!(call->args[3] & MAP_FIXED_) || (call->args[3] & (MAP_POPULATE_ | MAP_LOCKED_)) ||
		    (mm->def_flags & VMSC_VM(LOCKED)))
			end = start;
		break;
	case NR_BRK:
		end = page_align(layout->brk);
		start = start < layout->start_brk ? end : page_align(start);
		break;
	default:
		end = start;
	}
	if ((start & PAGE_MASK_) || end > vmsc_mm_task_size(mm) || start >= end)
		return (struct vmsc_range){0, 0};
	return (struct vmsc_range){start, end};
}

/* The PTE tables that go with what lies in @gone; @first is the first VMA there. Returns: the hull. */
static struct vmsc_range freed_hull(const struct vmsc_node *first, const struct vmsc_range *gone)
{
	struct vmsc_range tables[VMSC_NR_TABLE_LEVELS], hull = {0, 0}, *ptes = &tables[VMSC_TABLE_PTE];
	const struct vmsc_node *node = first, *next;
	uint64_t floor = first->prev ? first->prev->vma.end : 0;

	if (first->vma.start < gone->start)
		floor = gone->start;
	for (; node && node->vma.start < gone->end; node = next) {
		uint64_t start = node->vma.start > gone->start ? node->vma.start : gone->start, end;

		while (node->next && node->next->vma.start < gone->end &&
		       node->next->vma.start <= node->vma.end + VMSC_PMD_SIZE)
			node = node->next;
		next = node->next;
		end = node->vma.end < gone->end ? node->vma.end : gone->end;
		vmsc_free_pgd_range(start, end, floor,
				    node->vma.end > end ? end
				    : next		? next->vma.start
							: 0,
				    tables);
		if (ptes->start == ptes->end)
			continue;
		if (!hull.end)
			hull.start = ptes->start;
		hull.end = ptes->end;
	}
	return hull;
}

static bool is_known(const struct vmsc_mm *mm, uint64_t addr)
{
	const struct vmsc_pud_table *pud = find_pud(mm, addr);
	const struct vmsc_pmd_table *pmd = pud ? pud->pmd[addr / VMSC_PUD_SIZE % TABLES_PER_TABLE] : NULL;
	unsigned int at = addr / VMSC_PMD_SIZE % TABLES_PER_TABLE;

	return pmd && (pmd->pte[at / 64] >> (at % 64)) & 1;
}

/* The part of @gone in the slot of @addr, where that slot's table stays. */
static struct vmsc_range kept_part(const struct vmsc_mm *mm, const struct vmsc_range *gone,
				   const struct vmsc_range *freed, uint64_t addr)
{
	uint64_t slot = addr & ~(VMSC_PMD_SIZE - 1), end = slot + VMSC_PMD_SIZE;

	if ((slot >= freed->start && slot < freed->end) || is_known(mm, addr))
		return (struct vmsc_range){0, 0};
	return (struct vmsc_range){slot > gone->start ? slot : gone->start,
				   end < gone->end ? end : gone->end};
}

void vmsc_mm_table_asks(const struct vmsc_mm *mm, const struct vmsc_call *call, struct vmsc_table_asks *asks)
{
	struct vmsc_range gone = unmapped_by(mm, call);
	const struct vmsc_node *node = vmsc_tree_find(mm, gone.start), *last;
	struct vmsc_range hull;

	memset(asks, 0, sizeof(*asks));
	if (!node || node->vma.start >= gone.end)
		return;
	hull = freed_hull(node, &gone);
	last = vmsc_tree_find(mm, gone.end - 1);
	if (!last || last->vma.start >= gone.end)
		last = vmsc_tree_prev(mm, gone.end);
	if (node->vma.start > gone.start)
		gone.start = node->vma.start;
	if (last->vma.end < gone.end)
		gone.end = last->vma.end;
	asks->kept[0] = kept_part(mm, &gone, &hull, gone.start);
	if ((gone.end - 1) / VMSC_PMD_SIZE != gone.start / VMSC_PMD_SIZE)
		asks->kept[1] = kept_part(mm, &gone, &hull, gone.end - 1);
	asks->freed.start = hull.start > gone.start ? hull.start : gone.start;
	asks->freed.end = hull.end < gone.end ? hull.end : gone.end;
	if (asks->freed.start >= asks->freed.end)
		asks->freed = (struct vmsc_range){0, 0};
}
