/* SPDX-License-Identifier: MIT */
#include "why.h"

#include <stdio.h>
#include <stdlib.h>

#include "callform.h"
#include "value.h"
#include "vmaform.h"

static json_t *stack_json(const struct vmsc_inquiry *inquiry, uint64_t call)
{
	const struct vmsc_call_stack *stack = vmsc_analysis_stack(&inquiry->analysis, call);
	json_t *array = json_array();
	char *frame;
	uint32_t i;

	for (i = 0; stack && i < stack->nr; i++) {
		frame = vmsc_frame_text(&stack->frames[i]);
		vmsc_json_append(array, vmsc_json_text(frame));
		free(frame);
	}
	return array;
}

static json_t *call_json(const struct vmsc_inquiry *inquiry, uint64_t call)
{
	struct vmsc_written_call written;
	json_t *object = json_object();
	char *text;

	vmsc_json_put(object, "call", vmsc_json_number(call));
	if (!vmsc_analysis_written_call(&inquiry->analysis, call, &written))
		return object;
	text = vmsc_call_to_text(&written);
	vmsc_json_put(object, "text", vmsc_json_text(text));
	vmsc_json_put(object, "result", vmsc_result_to_json(written.record.nr, written.record.result));
	vmsc_json_put(object, "thread", json_integer(written.record.tid));
	vmsc_json_put(object, "time", vmsc_json_number(written.record.stamp));
	vmsc_json_put(object, "stack", stack_json(inquiry, call));
	free(text);
	return object;
}

static json_t *story_json(const struct vmsc_inquiry *inquiry, const struct vmsc_story *story)
{
	json_t *array = json_array(), *object;
	size_t i;

	for (i = 0; i < story->nr_events; i++) {
		const struct vmsc_event *event = &story->events[i];

		object = call_json(inquiry, event->call);
		vmsc_json_put(object, "event", json_string(vmsc_event_name(event->kind)));
		vmsc_json_put(object, "before", event->had ? vmsc_vma_to_json(&event->before) : json_null());
		vmsc_json_put(object, "after", event->has ? vmsc_vma_to_json(&event->after) : json_null());
		vmsc_json_append(array, object);
	}
	return array;
}

static json_t *border_json(const struct vmsc_inquiry *inquiry, const struct vmsc_final_vma *next)
{
	const struct vmsc_border *border = vmsc_history_border(&inquiry->analysis.history, next->vma.start);
	const char *unknown = vmsc_why_doubt(&inquiry->analysis, next - 1, next);
	char *why = vmsc_why_sentence(next - 1, next);
	json_t *object = json_object();

	vmsc_json_put(object, "lower", vmsc_vma_to_json(&next[-1].vma));
	vmsc_json_put(object, "upper", vmsc_vma_to_json(&next->vma));
	vmsc_json_put(object, "reason", json_string(next->apart ? vmsc_refusal_name(next->apart) : "alike"));
	vmsc_json_put(object, "flags", vmsc_flags_to_json(next->apart_bits));
	vmsc_json_put(object, "why", vmsc_json_text(why));
	vmsc_json_put(object, "undetermined", unknown ? json_string(unknown) : json_null());
	vmsc_json_put(object, "set_apart_by", border ? call_json(inquiry, border->since) : json_null());
	vmsc_json_put(object, "border_made_by", border ? call_json(inquiry, border->call) : json_null());
	free(why);
	return object;
}

static json_t *borders_json(const struct vmsc_inquiry *inquiry, const struct vmsc_question *question)
{
	const struct vmsc_final_vma *first = inquiry->analysis.vmas,
				    *last = first + inquiry->analysis.nr_vmas;
	const struct vmsc_final_vma *from = vmsc_why_vma(&inquiry->analysis, question->addrs[0]), *to, *swap;
	json_t *array = json_array();

	to = question->nr > 1 ? vmsc_why_vma(&inquiry->analysis, question->addrs[1]) : from;
	if (!from || !to)
		return array;
	if (from > to) {
		swap = from;
		from = to;
		to = swap;
	}
	if (question->nr == 1 && from > first) /* the border below too, and the one above */
		from--;
	if (question->nr == 1 && to + 1 < last)
		to++;
	for (; from < to; from++)
		vmsc_json_append(array, border_json(inquiry, from + 1));
	return array;
}

void vmsc_why_write_json(const struct vmsc_inquiry *inquiry, const struct vmsc_question *question)
{
	json_t *object = json_object(), *addresses = json_array(), *one;
	const struct vmsc_final_vma *final;
	size_t i;

	for (i = 0; i < question->nr; i++) {
		final = vmsc_why_vma(&inquiry->analysis, question->addrs[i]);
		one = json_object();
		vmsc_json_put(one, "address", vmsc_json_hex(question->addrs[i]));
		vmsc_json_put(one, "vma", final ? vmsc_vma_to_json(&final->vma) : json_null());
		vmsc_json_put(one, "history", story_json(inquiry, &inquiry->stories[i]));
		vmsc_json_append(addresses, one);
	}
	vmsc_json_put(object, "schema", json_string("vmascope.why/1"));
	vmsc_json_put(object, "unmapped_by",
		      inquiry->unmapped_by ? vmsc_json_number(inquiry->unmapped_by) : json_null());
	vmsc_json_put(object, "addresses", addresses);
	vmsc_json_put(object, "borders", borders_json(inquiry, question));
	json_dumpf(object, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(object);
}
