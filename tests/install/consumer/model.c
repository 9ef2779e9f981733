/* SPDX-License-Identifier: MIT */
/* Asks the model where 6.12 would put two mappings, and whether they become one VMA. */
#include <stdio.h>
#include <stdlib.h>

#include <vmascope/model.h>

static void *take(void *ctx, size_t size)
{
	(void)ctx;
	return malloc(size);
}

static void give(void *ctx, void *ptr, size_t size)
{
	(void)ctx, (void)size;
	free(ptr);
}

int main(void)
{
	struct vmsc_allocator allocator = {take, give, NULL};
	struct vmsc_mm_config config = {.rules = vmsc_rules_of_release(6, 12)};
	struct vmsc_call call = {.nr = 9, .args = {0, 8192, 3, 0x22, (uint64_t)-1, 0}}; /* mmap, anonymous */
	struct vmsc_outcome out[2];
	struct vmsc_mm *mm;

	config.limits = (struct vmsc_limits){.max_map_count = 65530, .as = UINT64_MAX, .data = UINT64_MAX};
	config.layout = (struct vmsc_layout){.task_size = 0x7ffffffff000, .mmap_base = 0x7ffff7fff000};
	mm = vmsc_mm_new(&allocator, &config);
	if (!mm || vmsc_mm_step(mm, &call, &out[0]) || vmsc_mm_step(mm, &call, &out[1]))
		return 1;
	printf("%#llx %#llx %zu VMA\n", (unsigned long long)out[0].predicted,
	       (unsigned long long)out[1].predicted, vmsc_mm_map_count(mm));
	vmsc_mm_free(mm);
	return 0;
}
