/* SPDX-License-Identifier: MIT */
/*
 * The address space through time, for the page's map: kinds of VMAs are numbered, addresses are numbers of
 * pages.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define uthash_fatal(message) vmsc_out_of_memory()
#include "page.h"
#include "table.h"
#include "value.h"
#include "vmaform.h"
#include <uthash.h>

#define MAX_STEPS  400
#define VMA_VISITS 3000000 /* over all steps; more VMAs, fewer steps */

/* What tells one kind of VMA from another; it is asked for each VMA at each step. */
struct traits {
	uint64_t vm_flags;
	uint32_t file, name, own, nothing;
};

struct kind {
	struct traits traits;
	uint32_t number;
	UT_hash_handle hh;
};

struct tile {
	uint64_t start, end;
	uint32_t kind, site;
};

struct layouts {
	const struct vmsc_report *report;
	struct vmsc_analysis analysis;
	struct kind *kinds;
	json_t *kind_list, *steps;
	struct tile *last, *now;
	size_t nr_last, nr_now;
};

static uint32_t kind_of(struct layouts *layouts, const struct vmsc_vma *vma)
{
	struct vmsc_final_vma final = {.vma = *vma};
	const struct vmsc_file *file =
		vma->file ? vmsc_mm_file(vmsc_replay_mm(layouts->analysis.replay), vma->file) : NULL;
	struct traits traits = {.vm_flags = vma->vm_flags, .file = vma->file, .name = vma->name};
	struct kind *kind;
	char *text;

	traits.own = vma->traits & VMSC_VMA_OWN;
	HASH_FIND(hh, layouts->kinds, &traits, sizeof(traits), kind);
	if (kind)
		return kind->number;
	final.file = file ? *file : (struct vmsc_file){.id = 0};
	text = vmsc_kind_text(&layouts->analysis, &final, false);
	kind = vmsc_alloc(sizeof(*kind));
	kind->traits = traits;
	kind->number = (uint32_t)json_array_size(layouts->kind_list);
	HASH_ADD(hh, layouts->kinds, traits, sizeof(kind->traits), kind);
	vmsc_json_append(layouts->kind_list, vmsc_json_text(text));
	free(text);
	return kind->number;
}

static void gather(struct layouts *layouts)
{
	const struct vmsc_analysis *analysis = &layouts->analysis;
	const struct vmsc_border *border = vmsc_borders_from(analysis->history.borders, 0);
	struct vmsc_vma vma;
	uint64_t address = 0;

	layouts->nr_now = 0;
	while (vmsc_mm_find(vmsc_replay_mm(analysis->replay), address, &vma)) {
		struct tile tile = {.start = vma.start, .end = vma.end, .kind = kind_of(layouts, &vma)};

		while (border && border->addr < vma.start)
			border = vmsc_borders_next(border);
		tile.site = vma.traits & VMSC_VMA_OWN
				    ? VMSC_SITE_RECORDER
				    : vmsc_history_site(&analysis->history, border ? border->call : 0);
		APPEND(layouts->now, layouts->nr_now, tile);
		address = vma.end;
	}
}

static void append_number(json_t *array, uint64_t value)
{
	vmsc_json_append(array, json_integer((json_int_t)value));
}

static void append_tile(json_t *array, const struct tile *tile)
{
	append_number(array, tile->start >> VMSC_PAGE_SHIFT);
	append_number(array, (tile->end - tile->start) >> VMSC_PAGE_SHIFT);
	append_number(array, tile->kind);
	append_number(array, tile->site);
}

/* What is gone (starts) and what is new or other (whole), since the step before. */
static void add_step(struct layouts *layouts)
{
	json_t *step = json_object(), *gone = json_array(), *fresh = json_array();
	size_t old = 0, new = 0;
	struct tile *swap;

	gather(layouts);
	while (old < layouts->nr_last || new < layouts->nr_now) {
		const struct tile *a = &layouts->last[old], *b = &layouts->now[new];
		bool has_a = old < layouts->nr_last, has_b = new < layouts->nr_now;

		if (!has_b || (has_a && a->start < b->start)) {
			append_number(gone, a->start >> VMSC_PAGE_SHIFT);
			old++;
			continue;
		}
		if (!has_a || b->start < a->start || memcmp(a, b, sizeof(*a)) != 0)
			append_tile(fresh, b);
		old += has_a && a->start == b->start;
		new ++;
	}
	vmsc_json_put(step, "call", vmsc_json_number(layouts->analysis.nr_calls));
	vmsc_json_put(step, "gone", gone);
	vmsc_json_put(step, "fresh", fresh);
	vmsc_json_append(layouts->steps, step);
	swap = layouts->last;
	layouts->last = layouts->now;
	layouts->nr_last = layouts->nr_now;
	layouts->now = swap;
	layouts->nr_now = 0;
	free(layouts->now);
	layouts->now = NULL;
}

static uint64_t steps_for(const struct vmsc_history *history)
{
	uint64_t steps = history->peak ? VMA_VISITS / history->peak : MAX_STEPS;

	steps = steps < 20 ? 20 : steps > MAX_STEPS ? MAX_STEPS : steps;
	return steps < history->nr_calls ? steps : history->nr_calls + 1;
}

static void walk(struct layouts *layouts, struct vmsc_input *input)
{
	const struct vmsc_history *history = &layouts->report->analysis.history;
	uint64_t steps = steps_for(history), step = 0, calls = 0;
	const struct vmsc_record *record;

	while ((record = vmsc_trace_next(&input->trace))) {
		if (record->type == VMSC_RECORD_CALL && calls++ * steps >= step * (history->nr_calls + 1)) {
			add_step(layouts);
			step++;
		}
		if (record->type == VMSC_RECORD_END)
			break;
		vmsc_analysis_take(&layouts->analysis, record);
	}
	add_step(layouts);
}

json_t *vmsc_layouts_json(const struct vmsc_report *report, struct vmsc_input *input)
{
	struct layouts layouts = {.report = report, .kind_list = json_array(), .steps = json_array()};
	json_t *object = json_object();
	struct kind *kind, *next;

	if (vmsc_input_rewind(input)) {
		vmsc_analysis_begin(&layouts.analysis, input->data);
		layouts.analysis.input = input;
		walk(&layouts, input);
		vmsc_analysis_free(&layouts.analysis);
	}
	vmsc_json_put(object, "kinds", layouts.kind_list);
	vmsc_json_put(object, "steps", layouts.steps);
	HASH_ITER(hh, layouts.kinds, kind, next)
	{
		HASH_DEL(layouts.kinds, kind);
		free(kind);
	}
	free(layouts.last);
	free(layouts.now);
	return object;
}
