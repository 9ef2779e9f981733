/* SPDX-License-Identifier: MIT */
/*
 * The page is page.html with the data put into it. Texts of the trace are JSON strings in which no "<" is
 * left, and the page shows them as text only.
 */
#include "page.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "callform.h"
#include "exports.h"
#include "report.h"
#include "table.h"
#include "value.h"

#define PLACE	   "@DATA@"
#define MAX_ROWS   500
#define MAX_EVENTS 2000
#define MAX_POINTS 50000 /* of the curve: more than a screen has, and than a browser draws at once */

extern const char vmsc_page_begin[], vmsc_page_end[]; /* page_html.S */

static json_t *own(char *text)
{
	json_t *value = vmsc_json_text(text);

	free(text);
	return value;
}

/* A row of a table: numbers and texts. */
static void add_row(json_t *rows, uint64_t first, uint64_t second, char *text)
{
	json_t *row = json_array();

	vmsc_json_append(row, vmsc_json_number(first));
	vmsc_json_append(row, vmsc_json_number(second));
	vmsc_json_append(row, own(text));
	vmsc_json_append(rows, row);
}

static json_t *table(const char *title, const char *first, const char *second, const char *third,
		     json_t *rows)
{
	json_t *object = json_object(), *names = json_array();

	vmsc_json_append(names, json_string(first));
	vmsc_json_append(names, json_string(second));
	vmsc_json_append(names, json_string(third));
	vmsc_json_put(object, "title", json_string(title));
	vmsc_json_put(object, "names", names);
	vmsc_json_put(object, "rows", rows);
	return object;
}

static json_t *holdings_table(const struct vmsc_answers *answers)
{
	json_t *rows = json_array();
	size_t i;

	for (i = 0; i < answers->nr_holdings && i < MAX_ROWS; i++)
		add_row(rows, answers->holdings[i].vmas, answers->holdings[i].bytes,
			vmsc_site_text(answers, answers->holdings[i].site));
	return table("who holds the VMAs", "VMAs", "bytes", "call and caller", rows);
}

static json_t *patterns_table(const struct vmsc_answers *answers)
{
	json_t *rows = json_array();
	size_t i;

	for (i = 0; i < answers->nr_patterns && i < MAX_ROWS; i++)
		add_row(rows, answers->patterns[i].times, answers->patterns[i].vmas,
			vmsc_pattern_text(answers, &answers->patterns[i]));
	return table("what repeats", "times", "VMAs", "pattern", rows);
}

static json_t *apart_table(const struct vmsc_answers *answers)
{
	json_t *rows = json_array();
	const struct vmsc_apart *apart;
	char *why, *site;
	size_t i;

	for (i = 0; i < answers->nr_apart && i < MAX_ROWS; i++) {
		apart = &answers->apart[i];
		why = vmsc_apart_text(apart->reason, apart->bits);
		site = vmsc_site_text(answers, apart->site);
		add_row(rows, apart->pairs, answers->moment->nr_vmas - apart->would_merge,
			vmsc_format("%s; set apart by %s", why, site));
		free(why);
		free(site);
	}
	return table("why neighbours are two", "pairs", "VMAs without", "reason", rows);
}

static json_t *failures_table(const struct vmsc_report *report)
{
	const struct vmsc_history *history = &report->analysis.history;
	json_t *rows = json_array();
	char *why, *site;
	size_t i;

	for (i = 0; i < history->nr_failures && i < MAX_ROWS; i++) {
		why = vmsc_failure_text(&history->failures[i].first);
		site = vmsc_site_text(&report->answers, history->failures[i].site);
		add_row(rows, history->failures[i].count, history->failures[i].first.call,
			vmsc_format("%s; %s", why, site));
		free(why);
		free(site);
	}
	return table("calls that failed", "times", "first call", "cause and caller", rows);
}

static json_t *deleted_table(const struct vmsc_answers *answers)
{
	json_t *rows = json_array();
	char *site;
	size_t i;

	for (i = 0; i < answers->nr_deleted && i < MAX_ROWS; i++) {
		site = vmsc_site_text(answers, answers->deleted[i].site);
		add_row(rows, answers->deleted[i].vmas, answers->deleted[i].bytes,
			vmsc_format("%s, from %s", answers->deleted[i].name, site));
		free(site);
	}
	return table("mapped files that are deleted", "VMAs", "bytes", "file and who mapped it", rows);
}

static json_t *tables_json(const struct vmsc_report *report)
{
	json_t *tables = json_array();

	vmsc_json_append(tables, failures_table(report));
	vmsc_json_append(tables, holdings_table(&report->answers));
	vmsc_json_append(tables, patterns_table(&report->answers));
	vmsc_json_append(tables, apart_table(&report->answers));
	vmsc_json_append(tables, deleted_table(&report->answers));
	return tables;
}

/* --- counts over time: numbers in base64, twelve bytes a point --- */

static json_t *base64(const unsigned char *bytes, size_t size)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *text = vmsc_alloc(size / 3 * 4 + 5), *out = text;
	size_t i;

	for (i = 0; i < size; i += 3) {
		uint32_t three = (uint32_t)bytes[i] << 16;

		three |= i + 1 < size ? (uint32_t)bytes[i + 1] << 8 : 0;
		three |= i + 2 < size ? bytes[i + 2] : 0;
		*out++ = digits[three >> 18];
		*out++ = digits[three >> 12 & 63];
		*out++ = i + 1 < size ? digits[three >> 6 & 63] : '=';
		*out++ = i + 2 < size ? digits[three & 63] : '=';
	}
	return own(text);
}

/* What a unit of the page's times is, in ns: they are numbers of 32 bits. */
static uint64_t time_unit(const struct vmsc_report *report)
{
	return vmsc_call_time(&report->analysis, report->analysis.history.nr_calls) / UINT32_MAX + 1;
}

static uint32_t time_of(const struct vmsc_report *report, uint64_t call)
{
	return (uint32_t)(vmsc_call_time(&report->analysis, call) / time_unit(report));
}

/* The calls of [from, to) after which there were fewest and most VMAs, in their order. Returns: how many. */
static size_t extremes(const struct vmsc_history *history, uint64_t from, uint64_t to, uint32_t calls[2])
{
	uint64_t least = from, most = from, call;

	for (call = from; call < to; call++) {
		if (history->count[call] < history->count[least])
			least = call;
		if (history->count[call] > history->count[most])
			most = call;
	}
	calls[0] = (uint32_t)(least < most ? least : most);
	calls[1] = (uint32_t)(least < most ? most : least);
	return least == most ? 1 : 2;
}

/* The points of the curve: every call, or of each of many stretches two; the first and the last in any case.
 */
static size_t points_of(const struct vmsc_history *history, uint32_t *calls)
{
	uint64_t all = history->nr_calls + 1, step = all > MAX_POINTS ? all / (MAX_POINTS / 2) + 1 : 1, from;
	size_t nr = 1;

	calls[0] = 0;
	for (from = 1; from < all; from += step)
		nr += extremes(history, from, from + step < all ? from + step : all, calls + nr);
	if (calls[nr - 1] != history->nr_calls)
		calls[nr++] = (uint32_t)history->nr_calls;
	return nr;
}

static json_t *counts_json(const struct vmsc_report *report)
{
	const struct vmsc_history *history = &report->analysis.history;
	uint32_t *calls = vmsc_alloc(3 * (MAX_POINTS + 4) * sizeof(*calls)), *times = calls + MAX_POINTS + 4,
		 *vmas = times + MAX_POINTS + 4;
	size_t nr = points_of(history, calls), i;
	json_t *object = json_object();

	for (i = 0; i < nr; i++) {
		times[i] = time_of(report, calls[i]);
		vmas[i] = history->count[calls[i]];
	}
	vmsc_json_put(object, "unit", vmsc_json_number(time_unit(report)));
	vmsc_json_put(object, "calls", base64((const void *)calls, nr * sizeof(*calls)));
	vmsc_json_put(object, "times", base64((const void *)times, nr * sizeof(*times)));
	vmsc_json_put(object, "vmas", base64((const void *)vmas, nr * sizeof(*vmas)));
	free(calls);
	return object;
}

static json_t *events_json(const struct vmsc_report *report)
{
	const struct vmsc_analysis *analysis = &report->analysis;
	json_t *array = json_array(), *event;
	struct vmsc_written_call written;
	const struct vmsc_call_record *record = &written.record;
	uint64_t call;

	for (call = 1;
	     json_array_size(array) < MAX_EVENTS && vmsc_analysis_written_call(analysis, call, &written);
	     call++) {
		if (record->result >= 0 || record->result < -4095)
			continue;
		event = json_array();
		vmsc_json_append(event, vmsc_json_number(call));
		vmsc_json_append(event, own(vmsc_call_to_text(&written)));
		vmsc_json_append(event, own(vmsc_result_to_text(record->nr, record->result)));
		vmsc_json_append(event, vmsc_json_number(time_of(report, call)));
		vmsc_json_append(array, event);
	}
	return array;
}

/* --- flame graphs: folded stacks --- */

static json_t *folded_json(const struct vmsc_report *report, enum vmsc_export_of of)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		vmsc_out_of_memory();
	vmsc_export_folded(report, of, out);
	if (fclose(out))
		vmsc_out_of_memory();
	return own(text);
}

static json_t *about_json(const struct vmsc_report *report)
{
	const struct vmsc_analysis *analysis = &report->analysis;
	struct vmsc_bytes exe = analysis->strings[VMSC_STRING_EXE];
	json_t *object = json_object();
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		vmsc_out_of_memory();
	vmsc_report_write_answer(report, out);
	if (fclose(out))
		vmsc_out_of_memory();
	vmsc_json_put(object, "exe", own(vmsc_printable(exe.text ? exe.text : "", exe.length)));
	vmsc_json_put(object, "pid", json_integer(analysis->header->pid));
	vmsc_json_put(object, "answer", own(text));
	vmsc_json_put(object, "peak", vmsc_json_number(analysis->history.peak));
	vmsc_json_put(object, "limit",
		      vmsc_json_number(analysis->limits ? analysis->limits->max_map_count : 0));
	vmsc_json_put(object, "calls", vmsc_json_number(analysis->nr_calls));
	return object;
}

static json_t *sites_json(const struct vmsc_report *report)
{
	json_t *array = json_array();
	uint32_t site;

	for (site = 0; site < report->analysis.history.nr_sites; site++)
		vmsc_json_append(array, own(vmsc_site_text(&report->answers, site)));
	return array;
}

static json_t *page_json(const struct vmsc_report *report, struct vmsc_input *input)
{
	json_t *object = json_object(), *folded = json_object();

	vmsc_json_put(folded, "vmas", folded_json(report, VMSC_EXPORT_OF_VMAS));
	vmsc_json_put(folded, "calls", folded_json(report, VMSC_EXPORT_OF_CALLS));
	vmsc_json_put(object, "schema", json_string("vmascope.page/1"));
	vmsc_json_put(object, "about", about_json(report));
	vmsc_json_put(object, "counts", counts_json(report));
	vmsc_json_put(object, "events", events_json(report));
	vmsc_json_put(object, "folded", folded);
	vmsc_json_put(object, "sites", sites_json(report));
	vmsc_json_put(object, "tables", tables_json(report));
	vmsc_json_put(object, "layouts", vmsc_layouts_json(report, input));
	return object;
}

/* A "<" stands in strings only; there it can be written otherwise, and no text ends the script that holds it.
 */
static void write_data(const json_t *data, FILE *out)
{
	char *text = json_dumps(data, JSON_COMPACT | JSON_ENSURE_ASCII), *at, *from;

	if (!text)
		vmsc_out_of_memory();
	for (from = text; (at = strchr(from, '<')); from = at + 1) {
		fwrite(from, 1, (size_t)(at - from), out);
		fputs("\\u003c", out);
	}
	fputs(from, out);
	free(text);
}

void vmsc_page_write(const struct vmsc_report *report, struct vmsc_input *input, FILE *out)
{
	const char *place =
		memmem(vmsc_page_begin, (size_t)(vmsc_page_end - vmsc_page_begin), PLACE, strlen(PLACE));
	json_t *data = page_json(report, input);

	fwrite(vmsc_page_begin, 1, (size_t)(place - vmsc_page_begin), out);
	write_data(data, out);
	place += strlen(PLACE);
	fwrite(place, 1, (size_t)(vmsc_page_end - place), out);
	json_decref(data);
}
