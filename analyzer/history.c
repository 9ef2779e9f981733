/* SPDX-License-Identifier: MIT */
#include "history.h"

#include <stdlib.h>
#include <string.h>

#define uthash_fatal(message) vmsc_out_of_memory()
#include "callform.h"
#include "say.h"
#include "table.h"
#include <uthash.h>

enum { NR_MREMAP = 25 };

/* The site of a kind of call with a stack: by stack, which is known after the first time, and by frame. */
struct vmsc_known_site {
	char *key;
	uint32_t site;
	UT_hash_handle hh;
};

static void add_site(struct vmsc_history *history)
{
	struct vmsc_site fresh = {.nr_frames = 0};

	APPEND(history->sites, history->nr_sites, fresh);
}

void vmsc_history_begin(struct vmsc_history *history, struct vmsc_origins *origins)
{
	memset(history, 0, sizeof(*history));
	history->origins = origins;
	history->borders = vmsc_borders_new();
	add_site(history); /* VMSC_SITE_BEFORE */
	add_site(history); /* VMSC_SITE_RECORDER */
	history->count = vmsc_table_room(NULL, 0, sizeof(*history->count));
	history->site = vmsc_table_room(NULL, 0, sizeof(*history->site));
	history->count[0] = 0;
	history->site[0] = VMSC_SITE_BEFORE;
}

void vmsc_history_free(struct vmsc_history *history)
{
	struct vmsc_known_site *known, *next;

	HASH_ITER(hh, history->known, known, next)
	{
		HASH_DEL(history->known, known);
		free(known->key);
		free(known);
	}
	vmsc_borders_free(history->borders);
	free(history->sites);
	free(history->count);
	free(history->site);
	free(history->changes);
	free(history->failures);
}

/* --- sites --- */

/* The entry of @key, which is taken over; its site is NONE when it is new. */
static struct vmsc_known_site *know(struct vmsc_history *history, char *key)
{
	struct vmsc_known_site *known;

	HASH_FIND_STR(history->known, key, known);
	if (known) {
		free(key);
		return known;
	}
	known = vmsc_alloc(sizeof(*known));
	known->key = key;
	known->site = VMSC_SITE_NONE;
	HASH_ADD_KEYPTR(hh, history->known, key, strlen(key), known);
	return known;
}

/* The entry of a kind of call from these frames. */
static struct vmsc_known_site *know_frames(struct vmsc_history *history, const struct vmsc_site *site)
{
	char *key = vmsc_format("%u", site->nr), *frame, *longer;
	size_t i;

	for (i = 0; i < site->nr_frames; i++) {
		frame = vmsc_frame_text(site->frames[i]);
		longer = vmsc_format("%s %s", key, frame);
		free(frame);
		free(key);
		key = longer;
	}
	return know(history, key);
}

static uint32_t site_of_frames(struct vmsc_history *history, unsigned int nr, uint32_t stack)
{
	struct vmsc_site site = {.nr = (uint16_t)nr, .stack = stack, .first_call = history->nr_calls};
	struct vmsc_known_site *known;

	site.nr_frames = vmsc_stack_callers(vmsc_origins_stack(history->origins, stack), site.frames,
					    VMSC_SITE_FRAMES);
	known = know_frames(history, &site);
	if (known->site == VMSC_SITE_NONE) {
		if (history->nr_sites == VMSC_SITES_MAX)
			vmsc_out_of_memory();
		known->site = (uint32_t)history->nr_sites;
		APPEND(history->sites, history->nr_sites, site);
	}
	return known->site;
}

static uint32_t find_site(struct vmsc_history *history, unsigned int nr, uint32_t stack)
{
	struct vmsc_known_site *known = know(history, vmsc_format("%u#%u", nr, stack));

	if (known->site == VMSC_SITE_NONE)
		known->site = site_of_frames(history, nr, stack);
	return known->site;
}

uint32_t vmsc_history_site(const struct vmsc_history *history, uint64_t seq)
{
	return seq <= history->nr_calls ? history->site[seq] : VMSC_SITE_NONE;
}

/* --- who holds the VMAs --- */

static int at_most(int vmas)
{
	return vmas > VMSC_CHANGE_MAX ? VMSC_CHANGE_MAX : vmas < -VMSC_CHANGE_MAX ? -VMSC_CHANGE_MAX : vmas;
}

static void hold(struct vmsc_history *history, uint32_t site, int vmas)
{
	struct vmsc_site_change *last =
		history->nr_changes ? &history->changes[history->nr_changes - 1] : NULL;

	history->sites[site].vmas += vmas;
	if (last && last->call == (uint32_t)history->nr_calls && last->site == site &&
	    at_most(last->vmas + vmas) == last->vmas + vmas) {
		last->vmas += vmas;
		return;
	}
	for (int part; vmas; vmas -= part) {
		struct vmsc_site_change change = {.call = (uint32_t)history->nr_calls, .site = site};

		part = at_most(vmas);
		change.vmas = part;
		APPEND(history->changes, history->nr_changes, change);
	}
}

static uint32_t holder(const struct vmsc_history *history, const struct vmsc_border *border)
{
	return border->own ? VMSC_SITE_RECORDER : vmsc_history_site(history, border->call);
}

static struct vmsc_border *drop(struct vmsc_history *history, struct vmsc_border *border)
{
	hold(history, holder(history, border), -1);
	return vmsc_borders_remove(history->borders, border);
}

static struct vmsc_border *add(struct vmsc_history *history, const struct vmsc_vma *vma)
{
	struct vmsc_border *border = vmsc_borders_add(history->borders, vma->start);

	border->call = border->since = history->nr_calls;
	border->own = vma->traits & VMSC_VMA_OWN;
	hold(history, holder(history, border), 1);
	return border;
}

/* Why is @vma not one with @prev, and since when? */
static void look_at_reason(struct vmsc_history *history, const struct vmsc_mm *mm, struct vmsc_border *border,
			   const struct vmsc_vma *prev, const struct vmsc_vma *vma)
{
	enum vmsc_refusal reason = VMSC_REFUSED_NOT_ADJACENT;
	uint64_t bits = 0;

	if (prev && prev->end == vma->start)
		reason = vmsc_mm_why_apart(mm, prev, vma, &bits);
	if (reason == border->reason && bits == border->bits)
		return;
	border->reason = reason;
	border->bits = bits;
	border->since = history->nr_calls;
}

/* Makes the borders of [start, end], both ends included, those of @mm. */
static void follow(struct vmsc_history *history, const struct vmsc_mm *mm, uint64_t start, uint64_t end)
{
	struct vmsc_border *border = vmsc_borders_from(history->borders, start);
	struct vmsc_vma vma, prev;
	bool has_prev = vmsc_mm_prev(mm, start, &prev);
	uint64_t address = start;

	while (vmsc_mm_find(mm, address, &vma) && vma.start <= end) {
		if (vma.start >= start) {
			while (border && border->addr < vma.start)
				border = drop(history, border);
			if (!border || border->addr != vma.start)
				border = add(history, &vma);
			look_at_reason(history, mm, border, has_prev ? &prev : NULL, &vma);
			border = vmsc_borders_next(border);
		}
		prev = vma;
		has_prev = true;
		address = vma.end;
	}
	while (border && border->addr <= end)
		border = drop(history, border);
}

static void note_count(struct vmsc_history *history, const struct vmsc_mm *mm)
{
	size_t count = vmsc_mm_map_count(mm);

	history->count[history->nr_calls] = (uint32_t)count;
	if (count <= history->peak)
		return;
	history->peak = count;
	history->peak_call = history->nr_calls;
}

void vmsc_history_look(struct vmsc_history *history, const struct vmsc_mm *mm, uint64_t start, uint64_t end)
{
	follow(history, mm, start, end);
	note_count(history, mm);
}

/* --- one call --- */

static void follow_range(struct vmsc_history *history, const struct vmsc_mm *mm, uint64_t start,
			 uint64_t length)
{
	start &= ~(VMSC_PAGE_SIZE - 1);
	if (start + length >= start)
		follow(history, mm, start, start + length + VMSC_PAGE_SIZE);
}

static void follow_call(struct vmsc_history *history, const struct vmsc_mm *mm, const struct vmsc_call *call,
			const struct vmsc_outcome *outcome, bool failed)
{
	if (call->nr == NR_MREMAP) { /* its hull may span everything between two places */
		follow_range(history, mm, call->args[0], call->args[1]);
		if (!failed)
			follow_range(history, mm, (uint64_t)call->result, call->args[2]);
		return;
	}
	if (outcome->start < outcome->end)
		follow(history, mm, outcome->start, outcome->end);
	if (failed) /* what was done before the refusal stays */
		follow_range(history, mm, call->args[0], call->args[1]);
}

/* Of failures at one site. */
static bool same_kind(const struct vmsc_failures *kept, const struct vmsc_failures *fresh)
{
	return kept->error == fresh->error && kept->first.cause == fresh->first.cause &&
	       kept->first.also == fresh->first.also;
}

static void note_failure(struct vmsc_history *history, struct vmsc_mm *mm, const struct vmsc_call *call,
			 uint32_t site)
{
	struct vmsc_failures fresh = {.site = site, .count = 1, .last_call = call->seq};
	size_t i;

	fresh.error = call->result < 0 && call->result >= -4095 ? (int32_t)-call->result : 0;
	vmsc_failure_explain(&fresh.first, mm, call);
	history->sites[site].failed++;
	for (i = history->sites[site].failures; i; i = history->failures[i - 1].next) {
		if (!same_kind(&history->failures[i - 1], &fresh))
			continue;
		history->failures[i - 1].count++;
		history->failures[i - 1].last_call = call->seq;
		return;
	}
	vmsc_failure_measure(&fresh.first, mm, call);
	fresh.next = history->sites[site].failures;
	APPEND(history->failures, history->nr_failures, fresh);
	history->sites[site].failures = history->nr_failures;
}

void vmsc_history_call(struct vmsc_history *history, struct vmsc_mm *mm, const struct vmsc_call *call,
		       uint32_t stack, const struct vmsc_outcome *outcome)
{
	bool failed = vmsc_call_failed(call);
	size_t nr = history->nr_calls + 1;
	uint32_t site;

	history->count = vmsc_table_room(history->count, nr, sizeof(*history->count));
	history->site = vmsc_table_room(history->site, nr, sizeof(*history->site));
	history->nr_calls = nr;
	site = find_site(history, call->nr, stack);
	history->site[nr] = site;
	history->sites[site].calls++;
	follow_call(history, mm, call, outcome, failed);
	note_count(history, mm);
	if (failed)
		note_failure(history, mm, call, site);
}

const struct vmsc_border *vmsc_history_border(const struct vmsc_history *history, uint64_t addr)
{
	const struct vmsc_border *border = vmsc_borders_from(history->borders, addr);

	return border && border->addr == addr ? border : NULL;
}
