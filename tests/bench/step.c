/* SPDX-License-Identifier: MIT */
/*
 * step.c - the model alone: a mapping is made and taken away again among many others.
 *
 *   step [--count=PAIRS] [--vmas=N]     prints the nanoseconds of a pair
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "heap.h"

enum { NR_MMAP = 9, NR_MPROTECT = 10, NR_MUNMAP = 11 };

static void step(struct vmsc_mm *mm, const struct vmsc_call *call)
{
	struct vmsc_outcome out;

	if (vmsc_mm_step(mm, call, &out) || out.wrong) {
		fprintf(stderr, "call %u went wrong\n", call->nr);
		exit(1);
	}
}

static void map(struct vmsc_mm *mm, uint64_t addr, uint64_t len, uint64_t prot)
{
	const struct vmsc_call call = {.nr = NR_MMAP,
				       .has_result = true,
				       .result = (int64_t)addr,
				       .args = {addr, len, prot, 0x22, UINT64_MAX, 0}};

	step(mm, &call);
}

static void unmap(struct vmsc_mm *mm, uint64_t addr, uint64_t len)
{
	const struct vmsc_call call = {.nr = NR_MUNMAP, .has_result = true, .args = {addr, len}};

	step(mm, &call);
}

/* As tests/bench/calls.c makes them: pages of one mapping, every other with other rights. */
static void make_vmas(struct vmsc_mm *mm, uint64_t nr)
{
	const uint64_t base = UINT64_C(0x200000000000);

	if (!nr)
		return;
	map(mm, base, nr * 2 * VMSC_PAGE_SIZE, 0);
	for (uint64_t i = 0; i < nr; i += 2) {
		const struct vmsc_call call = {.nr = NR_MPROTECT,
					       .has_result = true,
					       .args = {base + i * 2 * VMSC_PAGE_SIZE, VMSC_PAGE_SIZE, 1}};

		step(mm, &call);
	}
}

static long option(int argc, char **argv, const char *name, long otherwise)
{
	size_t length = strlen(name);

	for (int i = 1; i < argc; i++) {
		if (!strncmp(argv[i], name, length) && argv[i][length] == '=')
			return atol(argv[i] + length + 1);
	}
	return otherwise;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

int main(int argc, char **argv)
{
	const uint64_t place = UINT64_C(0x100000000000);
	long count = option(argc, argv, "--count", 300000);
	struct vmsc_mm_config config;
	struct vmsc_mm *mm;
	double begin;

	memset(&config, 0, sizeof(config));
	config.rules = vmsc_rules_of_release(6, 18);
	config.limits = (struct vmsc_limits){.max_map_count = UINT32_MAX,
					     .as = UINT64_MAX,
					     .data = UINT64_MAX,
					     .stack = 8 << 20,
					     .memlock = 8 << 20,
					     .stack_guard_gap = 1 << 20};
	mm = vmsc_mm_new(&vmsc_heap, &config);
	if (!mm)
		return 1;
	make_vmas(mm, (uint64_t)option(argc, argv, "--vmas", 0));
	begin = now();
	for (long i = 0; i < count; i++) {
		map(mm, place, VMSC_PAGE_SIZE, 3);
		unmap(mm, place, VMSC_PAGE_SIZE);
	}
	printf("%.1f\n", (now() - begin) / (double)count);
	vmsc_mm_free(mm);
	return 0;
}
