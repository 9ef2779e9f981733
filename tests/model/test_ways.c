/* SPDX-License-Identifier: MIT */
/*
 * test_ways.c - two implementations of one thing, driven by the same random calls: they must unmap, free and
 * merge the same. Where a mistake is planted in one of them, the comparison has to find it.
 *
 * One kind of calls is that of differ_calls.c, on 64 pages; the other maps, touches and unmaps at the edges of
 * page tables, over terabytes.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "differ.h"
#include "unmaplog.h"

#define NR_SEEDS 40
#define NR_CALLS 250

struct way {
	enum vmsc_merge_way merge;
	enum vmsc_unmap_way unmap;
	bool parts;
};

static const struct way ways[] = {
	{VMSC_MERGE_WAY_NEW, VMSC_UNMAP_WAY_DESC, false},
	{VMSC_MERGE_WAY_NEW, VMSC_UNMAP_WAY_ARGS, false},
	{VMSC_MERGE_WAY_CASES, VMSC_UNMAP_WAY_DESC, false},
	{VMSC_MERGE_WAY_NEW, VMSC_UNMAP_WAY_WRONG_CEILING, true},
	{VMSC_MERGE_WAY_NEW, VMSC_UNMAP_WAY_WRONG_FLOOR, true},
	{VMSC_MERGE_WAY_NEW, VMSC_UNMAP_WAY_WRONG_TREE, true},
	{VMSC_MERGE_WAY_NEW, VMSC_UNMAP_WAY_WRONG_RESET, true},
	{VMSC_MERGE_WAY_NEW, VMSC_UNMAP_WAY_WRONG_LOCK, true},
};

static const struct layout_release releases[] = {{6, 1}, {6, 6}, {6, 12}, {6, 18}, {6, 19}, {7, 0}};

/* One implementation at work. */
struct side {
	struct layout_model world;
	struct vmsc_unmap_log log;
	uint64_t cases[9];
};

static struct side mine, other;
static struct vmsc_on_paper paper;

static void on_event(void *ctx, const struct vmsc_unmap_event *event)
{
	vmsc_unmap_log_event(&((struct side *)ctx)->log, event);
}

static void on_merge(void *ctx, const struct vmsc_merge_note *note)
{
	((struct side *)ctx)->cases[note->merge_case]++;
}

static void on_note(void *ctx, const struct vmsc_unmap_note *note)
{
	vmsc_unmap_log_note(&((struct side *)ctx)->log, note);
}

static void open_side(struct side *side, vmsc_rules_t rules, const struct way *way)
{
	struct vmsc_mm_config *config;

	if (layout_model_new(&side->world, rules, 0))
		abort();
	config = vmsc_mm_config(side->world.mm);
	config->merge_way = way->merge;
	config->unmap_way = way->unmap;
	config->listener = (struct vmsc_listener){
		.merge = on_merge, .unmap = on_note, .unmap_event = on_event, .ctx = side};
}

/* Every field of every VMA: also whose anon_vma it has, and which object lives on. */
static bool same_vmas(void)
{
	struct vmsc_vma a, b;
	uint64_t addr = 0;

	for (;;) {
		bool has_a = vmsc_mm_find(mine.world.mm, addr, &a),
		     has_b = vmsc_mm_find(other.world.mm, addr, &b);

		if (!has_a || !has_b)
			return has_a == has_b;
		if (memcmp(&a, &b, sizeof(a)))
			return false;
		addr = a.end;
	}
}

/* Returns: how the two part, NULL: they don't. */
static const char *compare(int64_t one, int64_t two)
{
	static char text[300];
	char *why = vmsc_unmap_log_differs(&mine.log, &other.log, &paper);

	vmsc_unmap_log_clear(&mine.log);
	vmsc_unmap_log_clear(&other.log);
	snprintf(text, sizeof(text), "%s", why ? why : "");
	free(why);
	if (text[0])
		return text;
	if (one != two)
		return "the results differ";
	return same_vmas() ? NULL : "the VMAs differ";
}

static const char *do_both(struct layout_step *step)
{
	struct layout_step copy = *step;
	int64_t one, two;

	if (layout_model_do(&mine.world, step, &one) || layout_model_do(&other.world, &copy, &two))
		abort();
	return compare(one, two);
}

/* Near an edge of a page table, on either side of it. */
static uint64_t some_edge(struct differ_random *random)
{
	static const uint64_t sizes[] = {VMSC_PMD_SIZE, VMSC_PUD_SIZE, VMSC_P4D_SIZE};
	uint64_t size = sizes[differ_rand(random, 3)];

	return LAYOUT_BASE + (1 + differ_rand(random, 3)) * size +
	       (differ_rand(random, 5) - 2) * VMSC_PAGE_SIZE;
}

static const char *do_wide(struct differ_random *random)
{
	uint64_t start = some_edge(random), end = some_edge(random), swap = start;
	struct layout_step step = {.kind = LAYOUT_CALL};
	unsigned int what = (unsigned int)differ_rand(random, 8);

	if (end < start) {
		start = end;
		end = swap;
	}
	if (what >= 5) { /* where nothing is mapped, nothing is touched */
		(void)!vmsc_mm_populate(mine.world.mm, start, start + VMSC_PAGE_SIZE);
		(void)!vmsc_mm_populate(other.world.mm, start, start + VMSC_PAGE_SIZE);
		return compare(0, 0);
	}
	if (what < 3 && end > start + 8 * VMSC_PMD_SIZE)
		end = start + (1 + differ_rand(random, 8)) * VMSC_PAGE_SIZE;
	step.call.args[0] = start;
	step.call.args[1] = end - start;
	step.call.nr = what < 3 ? SYS_mmap : SYS_munmap;
	if (what < 3) {
		step.call.args[2] = what + 1;
		step.call.args[3] = 0x32 | 0x4000; /* private, fixed, anonymous, no reserve */
	}
	if (!what) { /* shared huge pages: not taken into runs by the older way */
		step.call.args[0] &= ~(VMSC_PMD_SIZE - 1);
		step.call.args[1] = (1 + differ_rand(random, 3)) * VMSC_PMD_SIZE;
		step.call.args[3] = 0x31 | 0x40000;
	}
	return do_both(&step);
}

static const char *exit_both(void)
{
	vmsc_mm_exit(mine.world.mm);
	vmsc_mm_exit(other.world.mm);
	return compare(0, 0);
}

static const char *run_session(const struct way *way, vmsc_rules_t rules, uint64_t seed, bool wide)
{
	static struct layout_drawing seen;
	struct differ_random random = {.state = seed * 1000003 + 1};
	const char *why = NULL;

	random.populates = seed & 1;
	random.seals = !(seed & 6) && vmsc_has_rule(rules, VMSC_RULE_MSEAL);
	open_side(&mine, rules, &ways[0]);
	open_side(&other, rules, way);
	for (size_t i = 0; !why && i < NR_CALLS; i++) {
		struct layout_step step;

		if (wide) {
			why = do_wide(&random);
			continue;
		}
		layout_model_see(&mine.world, &seen);
		differ_random(&random, &seen, &step);
		why = do_both(&step);
	}
	if (!why)
		why = exit_both();
	layout_model_free(&mine.world);
	layout_model_free(&other.world);
	vmsc_unmap_log_clear(&mine.log);
	vmsc_unmap_log_clear(&other.log);
	return why;
}

static const char *run_way(const struct way *way, const struct layout_release *release)
{
	vmsc_rules_t rules = vmsc_rules_of_release(release->major, release->minor);
	const char *why = NULL;

	memset(&paper, 0, sizeof(paper));
	for (uint64_t seed = 1; !why && seed <= NR_SEEDS; seed++) {
		why = run_session(way, rules, seed, false);
		if (!why)
			why = run_session(way, rules, seed, true);
	}
	return why;
}

/* Random calls that never get to one of the eight cases would prove nothing of it. */
static size_t untried_cases(void)
{
	size_t untried = 0;

	for (unsigned int i = 1; i <= 8; i++) {
		if (other.cases[i])
			continue;
		printf("FAIL ways: case %u of merging was never tried\n", i);
		untried++;
	}
	return untried;
}

int main(void)
{
	size_t failed = 0;

	for (size_t i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		for (size_t j = 0; j < sizeof(releases) / sizeof(releases[0]); j++) {
			const char *why = run_way(&ways[i], &releases[j]);

			if (!why == !ways[i].parts)
				continue;
			failed++;
			printf("FAIL ways: merge %s, unmap %s, rules of %u.%u: %s\n",
			       vmsc_merge_way_name(ways[i].merge), vmsc_unmap_way_name(ways[i].unmap),
			       releases[j].major, releases[j].minor, why ? why : "the mistake is not found");
		}
		printf("merge %s, unmap %s: left in the iterator differs %llu times, runs %llu times\n",
		       vmsc_merge_way_name(ways[i].merge), vmsc_unmap_way_name(ways[i].unmap),
		       (unsigned long long)paper.iterator, (unsigned long long)paper.runs);
	}
	failed += untried_cases();
	vmsc_unmap_log_free(&mine.log);
	vmsc_unmap_log_free(&other.log);
	return failed ? 1 : 0;
}
