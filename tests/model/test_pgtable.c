/* SPDX-License-Identifier: MIT */
/* clang-format off */
/*
 * test_pgtable.c - which page tables go with an unmapping: rows and random calls, on the model and on the
 * running kernel, where VmPTE of /proc/self/status and Rss of smaps_rollup must agree after every single
 * operation.
 *
 * An address is counted in the sizes that page tables have (q: 256 TiB): "1t2g3m4p" is one PUD table (512
 * GiB), two PMD tables (1 GiB), three PTE tables (2 MiB) and four pages from the start of a part of the
 * address space where nothing else lies. Operations, divided by ';':
 *   map A+LEN [r]       private, anonymous, over what is there; r: for reading only
 *   share A+LEN [r]     shared instead of private
 *   touch A [B …]       a page is written (read where it can't be written)
 *   unmap A+LEN
 *   move A+LEN B        mremap to a fixed place
 *   discard A+LEN       MADV_DONTNEED
 */
/* clang-format on */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pgtable.h"

#define SKIPPED	   77
#define SLOT_PAGES 512

/* What the last operation frees: tables of each level, and pages. */
struct row {
	const char *name, *script;
	unsigned int pte, pmd, pud, rss;
	unsigned int p4d; /* VmPTE does not count these: only the model tells */
	bool five;	  /* needs five levels of page tables */
	bool reclaim;	  /* needs a kernel that frees tables with nothing left in them */
};

/* clang-format off */
static const struct row rows[] = {
	/* what the row shows                                 operations                                       pte pmd pud rss */
	{ "alone: all three tables go",                       "map 0+4p; touch 0; unmap 0+4p",                  1, 1, 1, 1 },
	{ "never touched: there is no table",                 "map 0+4p; unmap 0+4p",                           0, 0, 0, 0 },
	{ "read only: the zero page has a table too",         "map 0+4p r; touch 0; unmap 0+4p",                1, 1, 1, 0 },
	{ "shared memory",                                    "share 0+4p; touch 0 1p; unmap 0+4p",             1, 1, 1, 2 },
	{ "shared memory, only read: pages all the same",     "share 0+4p r; touch 0 1p; unmap 0+4p",           1, 1, 1, 2 },
	{ "a part goes, the rest is in the same 2 MiB",       "map 0+4p; touch 0 3p; unmap 0+2p",               0, 0, 0, 1 },
	{ "the rest was never touched",                       "map 0+4p; touch 0; unmap 0+2p",                  0, 0, 0, 1 },
	{ "then the rest goes too",                           "map 0+4p; touch 0; unmap 0+2p; unmap 2p+2p",     1, 1, 1, 0 },
	{ "a hole in the middle",                             "map 0+6p; touch 0 2p 5p; unmap 2p+2p",           0, 0, 0, 1 },
	{ "neighbour below in the same 2 MiB",                "map 0+1p; map 8p+2p; touch 8p; unmap 8p+2p",     0, 0, 0, 1 },
	{ "neighbour above in the same 2 MiB",                "map 0+1p; map 8p+2p; touch 0; unmap 0+1p",       0, 0, 0, 1 },
	{ "neighbours on both sides in the same 2 MiB",       "map 0+1p; map 4p+1p; map 8p+1p; touch 4p; unmap 4p+1p", 0, 0, 0, 1 },
	{ "neighbour below in the same 1 GiB",                "map 0+1p; map 1m+1p; touch 1m; unmap 1m+1p",     1, 0, 0, 1 },
	{ "neighbour above in the same 1 GiB",                "map 0+1p; map 1m+1p; touch 0; unmap 0+1p",       1, 0, 0, 1 },
	{ "neighbour at the end of the same 1 GiB",           "map 0+1p; map 511m+1p; touch 0; unmap 0+1p",     1, 0, 0, 1 },
	{ "neighbour at the start of the next 1 GiB",         "map 0+1p; map 1g+1p; touch 0; unmap 0+1p",       1, 1, 0, 1 },
	{ "neighbour below, in the 1 GiB before",             "map 511m+1p; map 1g+1p; touch 1g; unmap 1g+1p",  1, 1, 0, 1 },
	{ "neighbour in the same 512 GiB, far away",          "map 0+1p; map 511g+1p; touch 0; unmap 0+1p",     1, 1, 0, 1 },
	{ "neighbour in the next 512 GiB",                    "map 0+1p; map 1t+1p; touch 0; unmap 0+1p",       1, 1, 1, 1 },
	{ "neighbour in the 512 GiB before",                  "map 511g+1p; map 1t+1p; touch 1t; unmap 1t+1p",  1, 1, 1, 1 },
	{ "one VMA over the edge of 2 MiB",                   "map 511p+2p; touch 511p 1m; unmap 511p+2p",      2, 1, 1, 2 },
	{ "one VMA over the edge of 1 GiB",                   "map 511m511p+2p; touch 511m511p 1g; unmap 511m511p+2p", 2, 2, 1, 2 },
	{ "one VMA over the edge of 512 GiB",                 "map 511g511m511p+2p; touch 511g511m511p 1t; unmap 511g511m511p+2p", 2, 2, 2, 2 },
	{ "over an edge, with a neighbour below",             "map 500p+1p; map 511p+2p; touch 511p 1m; unmap 511p+2p", 1, 0, 0, 2 },
	{ "over an edge, with a neighbour above",             "map 511p+2p; map 1m8p+1p; touch 511p 1m; unmap 511p+2p", 1, 0, 0, 2 },
	{ "a large VMA, touched here and there",              "map 0+2g; touch 0 3m 1g 1g511m; unmap 0+2g",     4, 2, 1, 4 },
	{ "its middle goes: whole tables only",               "map 0+4m; touch 256p 1m 2m 3m256p; unmap 256p+3m", 2, 0, 0, 3 },
	{ "its middle goes by the gigabyte",                  "map 0+4g; touch 1p 1g 2g 3g511m; unmap 256m+3g", 2, 2, 0, 2 },
	{ "three VMAs at once, with small gaps: one run",     "map 0+2p; map 4p+2p; map 8p+2p; touch 0 4p 8p; unmap 0+10p", 1, 1, 1, 3 },
	{ "two VMAs 2 MiB apart: still one run",              "map 0+1m; map 2m+1m; touch 0 2m; unmap 0+3m",    2, 1, 1, 2 },
	{ "two VMAs more than 2 MiB apart: two runs",         "map 0+1m; map 3m+1m; touch 0 3m; unmap 0+4m",    2, 1, 1, 2 },
	{ "two runs in two gigabytes",                        "map 0+1p; map 1g+1p; touch 0 1g; unmap 0+2g",    2, 2, 1, 2 },
	{ "two runs in two PUD tables",                       "map 0+1p; map 1t+1p; touch 0 1t; unmap 0+2t",    2, 2, 2, 2 },
	{ "two runs, a neighbour above in the second's 1 GiB", "map 0+1p; map 1g+1p; map 1g8m+1p; touch 0 1g; unmap 0+1g1m", 2, 1, 0, 2 },
	{ "two runs, a neighbour below in the first's 2 MiB", "map 0+1p; map 8p+1p; map 1g+1p; touch 0 8p 1g; unmap 4p+2g", 1, 1, 0, 2 },
	{ "more is unmapped than is mapped: neighbours count, not the range", "map 0+1p; map 4m+1p; map 8m+1p; touch 4m; unmap 1m+7m", 1, 0, 0, 1 },
	{ "ends inside the slot of what stays",               "map 0+4m; touch 0 1m 2m 3m; unmap 1m+1m256p",    1, 0, 0, 2 },
	{ "a table outlives the VMA that made it",            "map 0+1p; map 8p+1p; touch 0; unmap 0+1p; unmap 8p+1p", 1, 1, 1, 0 },
	{ "mapped over: the tables go first",                 "map 0+1m; touch 0 9p; map 0+1m r",               1, 1, 1, 2 },
	{ "mapped over a part: the table stays",              "map 0+1m; touch 0 9p; map 4p+8p r",              0, 0, 0, 1 },
	{ "mapped over several",                              "map 0+1m; map 1m+1m r; map 2m+1m; touch 0 1m 2m; map 0+3m", 3, 1, 1, 2 },
	{ "unmapped twice",                                   "map 0+4p; touch 0; unmap 0+4p; unmap 0+4p",      0, 0, 0, 0 },
	{ "mapped again and touched: new tables",             "map 0+4p; touch 0; unmap 0+4p; map 0+4p; touch 1p; unmap 0+4p", 1, 1, 1, 1 },
	{ "the walk in docs/model.md",                        "map 0+1m128p; map 4m128p+256p; map 5m+256p; touch 0 300p 1m 4m200p 5m; unmap 256p+4m128p", 2, 0, 0, 3 },
	{ "moved by whole tables: they go along",             "map 0+2m; touch 0 1m; move 0+2m 1g; unmap 1g+2m",  2, 1, 1, 2 },
	{ "moved into another slot, not aligned: new tables",  "map 0+4p; touch 0; move 0+4p 8m8p; unmap 8m8p+4p", 1, 1, 1, 1 },
	{ "moved away from a neighbour: its table stays",     "map 0+8p; touch 0 6p; move 0+4p 1g",             0, 0, 0, 0 },
	{ "moved to another gigabyte: the old tables go",     "map 0+4p; touch 0; move 0+4p 3g",                1, 1, 0, 0 },
	{ "moved, never touched: an upper table at most",     "map 0+1m; move 0+1m 1t; unmap 1t+1m",            0, 0, 0, 0 },
	{ "moved over something: that goes first",            "map 0+4p; map 1g+4p; touch 0 1g; move 0+4p 1g",  2, 2, 0, 1 },
	{ "discarded in part: the table stays, and goes later", "map 0+4p; touch 0; discard 0+4p; unmap 0+4p",   1, 1, 1, 0 },
	{ "discarded whole: the table goes at once",          "map 0+2m; touch 0 1m; discard 0+1m; unmap 0+2m", 1, 1, 1, 1, .reclaim = true },
	{ "discarded whole and touched again: a new table",   "map 0+2m; touch 0 1m; discard 0+1m; touch 5p; unmap 0+2m", 2, 1, 1, 2, .reclaim = true },
	{ "five levels, alone: the P4D table goes, uncounted", "map 1q+4p; touch 1q; unmap 1q+4p",              1, 1, 1, 1, .p4d = 1, .five = true },
	{ "five levels, a neighbour in the same 256 TiB",     "map 1q+4p; map 1q200t+1p; touch 1q; unmap 1q+4p", 1, 1, 1, 1, .five = true },
	{ "five levels, a neighbour in the next 256 TiB",     "map 1q+4p; map 2q+1p; touch 1q; unmap 1q+4p",    1, 1, 1, 1, .p4d = 1, .five = true },
};
/* clang-format on */

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0 /* else each touch is looked up in a shadow, which gets page tables of its own */
#endif

/* --- rows --- */

static uint64_t parse_size(const char **at)
{
	static const char units[] = "qtgmp";
	static const uint64_t sizes[] = {VMSC_PGD_SIZE, VMSC_P4D_SIZE, VMSC_PUD_SIZE, VMSC_PMD_SIZE,
					 VMSC_PAGE_SIZE};
	uint64_t size = 0;

	while (**at >= '0' && **at <= '9') {
		uint64_t number = strtoull(*at, (char **)(uintptr_t)at, 10);
		const char *unit = **at ? strchr(units, **at) : NULL;

		if (!unit)
			break;
		size += number * sizes[unit - units];
		++*at;
	}
	return size;
}

static bool run_touches(struct pgtable_world *world, const char *at)
{
	struct pgtable_op op = {.kind = OP_TOUCH};

	while (*at == ' ') {
		at++;
		op.start = BASE + parse_size(&at);
		op.end = op.start + VMSC_PAGE_SIZE;
		if (!pgtable_do(world, &op))
			return false;
	}
	return true;
}

static bool run_one(struct pgtable_world *world, const char *at)
{
	static const char *const words[] = {
		[OP_MAP] = "map",     [OP_SHARE] = "share",	[OP_TOUCH] = "touch",
		[OP_UNMAP] = "unmap", [OP_DISCARD] = "discard", [OP_MOVE] = "move"};
	size_t length = strcspn(at, " ");
	struct pgtable_op op = {.kind = OP_MAP};

	while (op.kind < OP_MOVE && (strlen(words[op.kind]) != length || strncmp(at, words[op.kind], length)))
		op.kind++;
	at += length;
	if (op.kind == OP_TOUCH)
		return run_touches(world, at);
	at++;
	op.start = BASE + parse_size(&at);
	at += *at == '+';
	op.end = op.start + parse_size(&at);
	op.read_only = *at == ' ' && at[1] == 'r';
	if (op.kind == OP_MOVE) {
		at += *at == ' ';
		op.to = BASE + parse_size(&at);
	}
	return pgtable_do(world, &op);
}

static bool check_row(struct pgtable_world *world, const struct row *row)
{
	const unsigned int want[] = {row->pte, row->pmd, row->pud, row->p4d};

	for (unsigned int level = 0; level < sizeof(want) / sizeof(want[0]); level++)
		if (world->freed[level] != want[level])
			return pgtable_fail(world, vmsc_table_level_name(level), (int64_t)world->freed[level],
					    want[level]);
	if (world->dropped != row->rss)
		return pgtable_fail(world, "pages", (int64_t)world->dropped, row->rss);
	vmsc_mm_exit(world->mm);
	return !pgtable_counted(world->mm) ||
	       pgtable_fail(world, "tables after exit_mmap", (int64_t)pgtable_counted(world->mm), 0);
}

static bool run_script(struct pgtable_world *world, const char *at)
{
	for (;; at += 2) {
		char one[160];
		size_t length = strcspn(at, ";");

		snprintf(one, sizeof(one), "%.*s", (int)length, at);
		if (!run_one(world, one))
			return false;
		at += length;
		if (!*at)
			return true;
	}
}

static bool run_row(struct pgtable_world *world, const struct row *row)
{
	if (world->kernel) {
		pgtable_begin_kernel(world);
		if (!run_script(world, row->script) || !pgtable_measure(world, row->five))
			return false;
	}
	return run_script(world, row->script) && check_row(world, row);
}

/* --- random calls: sizes and places near the edges of tables --- */

static uint64_t state;

static uint64_t draw(uint64_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % below;
}

static uint64_t some_place(void)
{
	static const uint64_t edges[] = {0, VMSC_PMD_SIZE, VMSC_PUD_SIZE, VMSC_P4D_SIZE};
	uint64_t place = draw(2) * edges[draw(4)] + draw(3) * VMSC_PUD_SIZE + draw(6) * VMSC_PMD_SIZE;

	return BASE + VMSC_PUD_SIZE + place + draw(8) * (SLOT_PAGES / 8) * VMSC_PAGE_SIZE -
	       draw(2) * VMSC_PAGE_SIZE;
}

static uint64_t some_length(void)
{
	static const uint64_t lengths[] = {VMSC_PAGE_SIZE,    8 * VMSC_PAGE_SIZE, VMSC_PMD_SIZE / 2,
					   VMSC_PMD_SIZE,     3 * VMSC_PMD_SIZE,  VMSC_PUD_SIZE,
					   2 * VMSC_PUD_SIZE, VMSC_P4D_SIZE};

	return lengths[draw(draw(4) ? 5 : 8)];
}

/* A part of one VMA, to where it does not overlap itself; else nothing is unmapped instead. */
static void random_move(struct pgtable_world *world, struct pgtable_op *op)
{
	struct vmsc_vma vma;
	uint64_t length = op->end - op->start;

	op->to = some_place();
	if (!vmsc_mm_find(world->mm, op->start, &vma)) {
		op->kind = OP_UNMAP;
		return;
	}
	if (vma.start > op->start || draw(2))
		op->start = vma.start;
	op->end = op->start + length;
	if (op->end > vma.end || draw(2))
		op->end = vma.end;
	if (op->to < op->end && op->start < op->to + (op->end - op->start))
		op->kind = OP_UNMAP;
}

/* Shared pages stay in their file; a fault beside them would bring them back too. */
static bool has_shared(const struct pgtable_world *world, const struct pgtable_op *op)
{
	struct vmsc_vma vma;
	uint64_t addr = op->start;

	while (vmsc_mm_find(world->mm, addr, &vma) && vma.start < op->end) {
		if (vma.vm_flags & VMSC_VM(MAYSHARE))
			return true;
		addr = vma.end;
	}
	return false;
}

static void random_op(struct pgtable_world *world, struct pgtable_op *op)
{
	static const int kinds[] = {OP_MAP,   OP_MAP,	OP_SHARE, OP_TOUCH, OP_TOUCH,  OP_TOUCH,
				    OP_TOUCH, OP_UNMAP, OP_UNMAP, OP_MOVE,  OP_DISCARD};

	op->kind = kinds[draw(sizeof(kinds) / sizeof(kinds[0]))];
	if (op->kind == OP_TOUCH && world->nr_touched == NR_TOUCHED)
		op->kind = OP_UNMAP;
	op->start = some_place();
	op->end = op->start + (op->kind == OP_TOUCH ? VMSC_PAGE_SIZE : some_length());
	op->read_only = !draw(4);
	if (op->kind == OP_MOVE)
		random_move(world, op);
	if (op->kind == OP_DISCARD && has_shared(world, op))
		op->kind = OP_UNMAP;
	if (op->kind == OP_TOUCH) { /* inside a VMA, if there is one near */
		struct vmsc_vma vma;

		if (vmsc_mm_find(world->mm, op->start, &vma) && vma.start > op->start)
			op->start = vma.start;
		op->end = op->start + VMSC_PAGE_SIZE;
	}
}

static bool run_ops(struct pgtable_world *world, uint64_t ops)
{
	struct pgtable_op op;

	for (uint64_t i = 0; i < ops; i++) {
		size_t length;

		random_op(world, &op);
		if (pgtable_do(world, &op))
			continue;
		length = strlen(world->problem);
		snprintf(world->problem + length, sizeof(world->problem) - length,
			 " (random operation %llu: kind %d, %#llx-%#llx, %#llx)", (unsigned long long)i,
			 (int)op.kind, (unsigned long long)op.start, (unsigned long long)op.end,
			 (unsigned long long)op.to);
		return false;
	}
	return true;
}

static bool run_random(struct pgtable_world *world, uint64_t seed, uint64_t ops)
{
	state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	pgtable_begin_kernel(world);
	return run_ops(world, 200) && pgtable_measure(world, false) && run_ops(world, ops);
}

/* --- running --- */

/* Kernel rows run in a child each: its address space is as good as new. */
static bool in_child(const struct row *row, uint64_t seed, uint64_t ops)
{
	struct pgtable_world *world =
		mmap(NULL, sizeof(*world), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	bool good;
	int status = -1;
	pid_t pid;

	if (world == MAP_FAILED)
		return false;
	memset(world, 0, sizeof(*world));
	fflush(stdout);
	pid = fork();
	if (!pid) {
		if (!pgtable_open(world, true, row && row->five, VMSC_UNMAP_WAY_DESC))
			_exit(2);
		_exit(row ? !run_row(world, row) : !run_random(world, seed, ops));
	}
	if (pid > 0)
		waitpid(pid, &status, 0);
	good = WIFEXITED(status) && !WEXITSTATUS(status);
	if (!good)
		printf("FAIL pgtable: %s\n     %s\n     <- %s\n", row ? row->name : "random operations",
		       row ? row->script : "", world->problem[0] ? world->problem : "the child died");
	munmap(world, sizeof(*world));
	return good;
}

static bool in_model(const struct row *row)
{
	static struct pgtable_world here;
	struct pgtable_world *world = &here;
	bool good = true;

	for (unsigned int way = VMSC_UNMAP_WAY_DESC; good && way <= VMSC_UNMAP_WAY_ARGS; way++) {
		good = pgtable_open(world, false, row->five, way) && run_row(world, row);
		if (!good)
			printf("FAIL pgtable by %s: %s\n     %s\n     <- %s\n", vmsc_unmap_way_name(way),
			       row->name, row->script, world->problem);
		vmsc_mm_free(world->mm);
	}
	return good;
}

static bool can_map(uint64_t addr)
{
	void *wanted = (void *)(uintptr_t)addr;
	void *at = mmap(wanted, VMSC_PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at != MAP_FAILED)
		munmap(at, VMSC_PAGE_SIZE);
	return at == wanted;
}

static bool can_run_kernel(void)
{
	int fd = open("/proc/self/smaps_rollup", O_RDONLY);

	if (fd >= 0)
		close(fd);
	return fd >= 0 && !SANITIZED && can_map(BASE);
}

int main(int argc, char **argv)
{
	const char *world = argc > 1 ? argv[1] : "";
	bool kernel = !strcmp(world, "kernel");
	size_t failed = 0, skipped = 0, nr = sizeof(rows) / sizeof(rows[0]);
	bool random = argc == 4 && !strcmp(world, "random");

	if ((kernel || random) && !can_run_kernel()) {
		puts("pgtable: no calls can be made here");
		return SKIPPED;
	}
	if (random)
		return !in_child(NULL, strtoull(argv[2], NULL, 0), strtoull(argv[3], NULL, 0));
	if (!kernel && strcmp(world, "model")) {
		fprintf(stderr, "usage: %s model|kernel, or random SEED OPERATIONS\n", argv[0]);
		return 2;
	}
	for (size_t i = 0; i < nr; i++) {
		if (kernel && ((rows[i].five && !can_map(BASE + VMSC_PGD_SIZE)) ||
			       (rows[i].reclaim && !pgtable_reclaims())))
			skipped++;
		else
			failed += !(kernel ? in_child(&rows[i], 0, 0) : in_model(&rows[i]));
	}
	printf("pgtable on %s: %zu rows hold, %zu fail, %zu skipped\n", world, nr - failed - skipped, failed,
	       skipped);
	return failed ? 1 : 0;
}
