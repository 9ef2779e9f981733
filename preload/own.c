/* SPDX-License-Identifier: MIT */
/* own.c - see own.h. */
#include "own.h"

#include <link.h>

#include "arena.h"
#include "recorder.h"
#include "writer.h"

#include "inject.h"

#define NR_RANGES 16

struct range {
	uint64_t start, end;
};

static struct range ranges[NR_RANGES] = { { 0, 0 } };
static uint32_t nr_ranges = 0;
static const char *own_path = NULL;

void vmsc_own_add(uint64_t start, uint64_t end)
{
	if (nr_ranges < NR_RANGES)
		ranges[nr_ranges++] = (struct range){ start, end };
}

bool vmsc_own_contains(uint64_t start, uint64_t end)
{
	for (uint32_t i = 0; i < nr_ranges; i++) {
		if (ranges[i].start != vmsc_arena_base() && start >= ranges[i].start && end <= ranges[i].end)
			return true;
	}
	return vmsc_arena_owns(start, end);
}

void vmsc_own_tell(void)
{
	for (uint32_t i = 0; i < nr_ranges; i++) {
		struct vmsc_own_record record = { .start = ranges[i].start, .end = ranges[i].end };

		vmsc_writer_put(VMSC_RECORD_OWN, 0, &record, sizeof(record), NULL, 0);
	}
}

static struct range span_of(const struct dl_phdr_info *info)
{
	struct range span = { UINT64_MAX, 0 };

	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *phdr = &info->dlpi_phdr[i];
		uint64_t start = (info->dlpi_addr + phdr->p_vaddr) & ~(VMSC_PAGE_SIZE - 1);
		uint64_t end = info->dlpi_addr + phdr->p_vaddr + phdr->p_memsz;

		if (phdr->p_type != PT_LOAD)
			continue;
		end = (end + VMSC_PAGE_SIZE - 1) & ~(VMSC_PAGE_SIZE - 1);
		span.start = start < span.start ? start : span.start;
		span.end = end > span.end ? end : span.end;
	}
	return span;
}

static int find_ours(struct dl_phdr_info *info, size_t size, void *ctx)
{
	struct range span = span_of(info);

	(void)size;
	(void)ctx;
	if ((uintptr_t)vmsc_slots >= span.start && (uintptr_t)vmsc_slots < span.end) {
		own_path = info->dlpi_name;
		vmsc_rec.text_start = span.start;
		vmsc_rec.text_end = span.end;
		vmsc_own_add(span.start, span.end);
		return 1;
	}
	return 0;
}

const char *vmsc_own_find_library(void)
{
	dl_iterate_phdr(find_ours, NULL);
	return own_path;
}
