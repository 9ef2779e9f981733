/* SPDX-License-Identifier: MIT */
/*
 * The answers as JSON. Sites are written without names of functions: a report hangs on the trace alone.
 */
#include <stdlib.h>
#include <string.h>

#include "callform.h"
#include "names.h"
#include "report.h"
#include "say.h"
#include "value.h"
#include "vmaform.h"

#define LISTED_MAX 1000
#define GROWTH_MAX 200

static json_t *text_json(char *text)
{
	json_t *value = vmsc_json_text(text);

	free(text);
	return value;
}

static json_t *site_json(const struct vmsc_answers *answers, uint32_t number)
{
	const struct vmsc_history *history = &answers->end->history;
	const struct vmsc_site *site = number < history->nr_sites ? &history->sites[number] : NULL;
	json_t *object = json_object(), *callers;
	size_t i;

	if (number == VMSC_SITE_BEFORE || number == VMSC_SITE_RECORDER || !site) {
		vmsc_json_put(object, "call", json_null());
		vmsc_json_put(object, "caller",
			      json_string(number == VMSC_SITE_RECORDER ? "recorder" : "before"));
		return object;
	}
	vmsc_json_put(object, "call", text_json(vmsc_syscall_text(site->nr)));
	callers = json_array();
	for (i = 0; i < site->nr_frames; i++)
		vmsc_json_append(callers, text_json(vmsc_frame_text(site->frames[i])));
	vmsc_json_put(object, "caller",
		      site->nr_frames ? text_json(vmsc_frame_text(site->frames[0])) : json_null());
	vmsc_json_put(object, "callers", callers);
	vmsc_json_put(object, "stack", json_integer(site->stack));
	return object;
}

static json_t *holdings_json(const struct vmsc_answers *answers)
{
	json_t *array = json_array(), *object;
	size_t i;

	for (i = 0; i < answers->nr_holdings && i < LISTED_MAX; i++) {
		object = site_json(answers, answers->holdings[i].site);
		vmsc_json_put(object, "vmas", vmsc_json_number(answers->holdings[i].vmas));
		vmsc_json_put(object, "bytes", vmsc_json_number(answers->holdings[i].bytes));
		vmsc_json_append(array, object);
	}
	return array;
}

static json_t *slot_json(const struct vmsc_answers *answers, const struct vmsc_slot *slot)
{
	json_t *object = json_object();

	vmsc_json_put(object, "kind", vmsc_json_text(answers->kinds[slot->kind]));
	vmsc_json_put(object, "size", vmsc_json_number(vmsc_commonest_value(&slot->sizes)));
	vmsc_json_put(object, "min_size", vmsc_json_number(slot->min_size));
	vmsc_json_put(object, "max_size", vmsc_json_number(slot->max_size));
	vmsc_json_put(object, "bytes", vmsc_json_number(slot->bytes));
	vmsc_json_put(object, "site", site_json(answers, (uint32_t)vmsc_commonest_value(&slot->sites)));
	return object;
}

static json_t *patterns_json(const struct vmsc_answers *answers)
{
	json_t *array = json_array(), *object, *slots;
	size_t i, slot;

	for (i = 0; i < answers->nr_patterns && i < LISTED_MAX; i++) {
		const struct vmsc_pattern *pattern = &answers->patterns[i];

		object = json_object();
		slots = json_array();
		for (slot = 0; slot < pattern->period; slot++)
			vmsc_json_append(slots, slot_json(answers, &pattern->slots[slot]));
		vmsc_json_put(object, "text", text_json(vmsc_pattern_text(answers, pattern)));
		vmsc_json_put(object, "times", vmsc_json_number(pattern->times));
		vmsc_json_put(object, "vmas", vmsc_json_number(pattern->vmas));
		vmsc_json_put(object, "first",
			      vmsc_json_hex(answers->moment->vmas[pattern->first].vma.start));
		vmsc_json_put(object, "slots", slots);
		vmsc_json_append(array, object);
	}
	return array;
}

static json_t *apart_json(const struct vmsc_answers *answers, const struct vmsc_apart *all, size_t nr)
{
	json_t *array = json_array(), *object;
	size_t i;

	for (i = 0; i < nr && i < LISTED_MAX; i++) {
		object = json_object();
		vmsc_json_put(object, "reason",
			      json_string(all[i].reason ? vmsc_refusal_name(all[i].reason) : "alike"));
		vmsc_json_put(object, "flags", vmsc_flags_to_json(all[i].bits));
		vmsc_json_put(object, "pairs", vmsc_json_number(all[i].pairs));
		vmsc_json_put(object, "vmas_without",
			      vmsc_json_number(answers->moment->nr_vmas - all[i].would_merge));
		vmsc_json_put(object, "undetermined", vmsc_json_number(all[i].undetermined));
		vmsc_json_put(object, "example", vmsc_json_hex(all[i].example));
		vmsc_json_put(object, "call", vmsc_json_number(all[i].call));
		if (all[i].site != VMSC_SITE_NONE)
			vmsc_json_put(object, "site", site_json(answers, all[i].site));
		vmsc_json_append(array, object);
	}
	return array;
}

static json_t *error_json(const struct vmsc_failures *failures)
{
	const char *name = vmsc_errno_name(failures->error);

	if (!failures->error)
		return json_null();
	return name ? json_string(name) : json_integer(failures->error);
}

static json_t *failure_json(const struct vmsc_report *report, const struct vmsc_failures *failures)
{
	const struct vmsc_failure *first = &failures->first;
	json_t *object = json_object(), *also = json_array();
	unsigned int cause;

	for (cause = 0; cause < VMSC_NR_CAUSES; cause++)
		if (first->also & (1u << cause))
			vmsc_json_append(also, json_string(vmsc_cause_name(cause)));
	vmsc_json_put(object, "cause", json_string(vmsc_cause_name(first->cause)));
	vmsc_json_put(object, "also", also);
	vmsc_json_put(object, "errno", error_json(failures));
	vmsc_json_put(object, "count", vmsc_json_number(failures->count));
	vmsc_json_put(object, "first_call", vmsc_json_number(first->call));
	vmsc_json_put(object, "last_call", vmsc_json_number(failures->last_call));
	vmsc_json_put(object, "text", text_json(vmsc_analysis_call_text(&report->analysis, first->call)));
	vmsc_json_put(object, "used", vmsc_json_number(first->used));
	vmsc_json_put(object, "limit", vmsc_json_limit(first->limit));
	vmsc_json_put(object, "wanted", vmsc_json_number(first->wanted));
	vmsc_json_put(object, "where", first->where ? vmsc_json_hex(first->where) : json_null());
	vmsc_json_put(object, "site", site_json(&report->answers, failures->site));
	return object;
}

static json_t *failures_json(const struct vmsc_report *report)
{
	json_t *array = json_array();
	size_t i;

	for (i = 0; i < report->analysis.history.nr_failures && i < LISTED_MAX; i++)
		vmsc_json_append(array, failure_json(report, &report->analysis.history.failures[i]));
	return array;
}

static json_t *growth_json(const struct vmsc_report *report)
{
	const struct vmsc_history *history = &report->analysis.history;
	uint64_t step = history->nr_calls / GROWTH_MAX + 1, call;
	json_t *array = json_array(), *object;

	for (call = 0; call <= history->nr_calls; call += step) {
		object = json_object();
		vmsc_json_put(object, "call", vmsc_json_number(call));
		vmsc_json_put(object, "time", vmsc_json_number(vmsc_call_time(&report->analysis, call)));
		vmsc_json_put(object, "vmas", vmsc_json_number(history->count[call]));
		vmsc_json_append(array, object);
	}
	return array;
}

static json_t *deleted_json(const struct vmsc_answers *answers)
{
	json_t *array = json_array(), *object;
	size_t i;

	for (i = 0; i < answers->nr_deleted && i < LISTED_MAX; i++) {
		const struct vmsc_deleted *row = &answers->deleted[i];

		object = json_object();
		vmsc_json_put(object, "name", vmsc_json_text(row->name));
		vmsc_json_put(object, "vmas", vmsc_json_number(row->vmas));
		vmsc_json_put(object, "files", vmsc_json_number(row->files));
		vmsc_json_put(object, "bytes", vmsc_json_number(row->bytes));
		vmsc_json_put(object, "oldest", vmsc_json_number(row->oldest));
		vmsc_json_put(object, "newest", vmsc_json_number(row->newest));
		vmsc_json_put(object, "site", site_json(answers, row->site));
		vmsc_json_append(array, object);
	}
	return array;
}

void vmsc_answers_to_json(const struct vmsc_report *report, json_t *object)
{
	const struct vmsc_answers *answers = &report->answers;
	json_t *answer = json_object();

	vmsc_json_put(answer, "vmas", vmsc_json_number(answers->moment->nr_vmas));
	vmsc_json_put(answer, "call", vmsc_json_number(answers->moment_call));
	vmsc_json_put(answer, "held_by", holdings_json(answers));
	vmsc_json_put(answer, "patterns", patterns_json(answers));
	vmsc_json_put(answer, "apart", apart_json(answers, answers->reasons, answers->nr_reasons));
	vmsc_json_put(answer, "set_apart_by", apart_json(answers, answers->apart, answers->nr_apart));
	vmsc_json_put(object, "answer", answer);
	vmsc_json_put(object, "failures", failures_json(report));
	vmsc_json_put(object, "deleted", deleted_json(answers));
	vmsc_json_put(object, "growth", growth_json(report));
}
