/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdlib.h>

#include "callform.h"
#include "exports.h"
#include "say.h"
#include "value.h"

/* Writes one event of the array and lets go of it. */
static void write_event(json_t *event, bool *first, FILE *out)
{
	fputs(*first ? "\n" : ",\n", out);
	*first = false;
	json_dumpf(event, out, JSON_COMPACT);
	json_decref(event);
}

static json_t *event_of(const struct vmsc_analysis *analysis, const char *name, const char *phase,
			uint64_t stamp)
{
	json_t *event = json_object();

	vmsc_json_put(event, "name", vmsc_json_text(name));
	vmsc_json_put(event, "ph", json_string(phase));
	vmsc_json_put(event, "pid", json_integer(analysis->header->pid));
	vmsc_json_put(event, "ts", json_real((double)stamp / 1e3));
	return event;
}

static json_t *name_event(const struct vmsc_analysis *analysis)
{
	struct vmsc_bytes comm = analysis->strings[VMSC_STRING_COMM];
	json_t *event = event_of(analysis, "process_name", "M", 0), *args = json_object();

	vmsc_json_put(args, "name", vmsc_json_bytes(comm.text ? comm.text : "", comm.length));
	vmsc_json_put(event, "tid", json_integer(analysis->header->pid));
	vmsc_json_put(event, "args", args);
	return event;
}

static json_t *count_event(const struct vmsc_analysis *analysis, uint64_t call)
{
	json_t *event = event_of(analysis, "VMAs", "C", vmsc_call_time(analysis, call)),
	       *args = json_object();

	vmsc_json_put(args, "VMAs", json_integer(analysis->history.count[call]));
	vmsc_json_put(event, "args", args);
	return event;
}

static json_t *call_event(const struct vmsc_report *report, uint64_t call)
{
	struct vmsc_written_call written = {.record = {.nr = 0}};
	const struct vmsc_call_record *record = &written.record;
	json_t *event, *args = json_object();
	char *name, *text, *site;

	(void)vmsc_analysis_written_call(&report->analysis, call, &written);
	name = vmsc_syscall_text(record->nr);
	text = vmsc_call_to_text(&written);
	event = event_of(&report->analysis, name, "i", record->stamp);
	site = vmsc_site_text(&report->answers, vmsc_history_site(&report->analysis.history, call));
	vmsc_json_put(event, "s", json_string("t"));
	vmsc_json_put(event, "tid", json_integer(record->tid));
	vmsc_json_put(event, "cat",
		      json_string(record->result < 0 && record->result >= -4095 ? "failed" : "vm"));
	vmsc_json_put(args, "call", vmsc_json_number(call));
	vmsc_json_put(args, "text", vmsc_json_text(text));
	vmsc_json_put(args, "result", vmsc_result_to_json(record->nr, record->result));
	vmsc_json_put(args, "site", vmsc_json_text(site));
	vmsc_json_put(event, "args", args);
	free(name);
	free(text);
	free(site);
	return event;
}

void vmsc_export_chrome(const struct vmsc_report *report, FILE *out)
{
	const struct vmsc_history *history = &report->analysis.history;
	bool first = true;
	uint64_t call;

	fputs("{\"displayTimeUnit\":\"ms\",\"otherData\":{\"schema\":\"vmascope.chrome/"
	      "1\"},\"traceEvents\":[",
	      out);
	write_event(name_event(&report->analysis), &first, out);
	write_event(count_event(&report->analysis, 0), &first, out);
	for (call = 1; call <= history->nr_calls; call++) {
		write_event(call_event(report, call), &first, out);
		if (history->count[call] != history->count[call - 1])
			write_event(count_event(&report->analysis, call), &first, out);
	}
	fputs("\n]}\n", out);
}
