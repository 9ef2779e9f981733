/* SPDX-License-Identifier: MIT */
/*
 * A summary as JSON, and back. Summaries come from other machines: nothing in one is believed before it was
 * looked at.
 */
#include <stdlib.h>
#include <string.h>

#include "summary.h"
#include "value.h"

/* --- to JSON --- */

static json_t *steps_json(const uint64_t *steps, size_t nr, bool logarithmic)
{
	json_t *array = json_array(), *pair;
	size_t i;

	for (i = 0; i < nr; i++) {
		if (!steps[i])
			continue;
		pair = json_array();
		vmsc_json_append(pair, vmsc_json_number(logarithmic ? vmsc_summary_step_start(i) : i));
		vmsc_json_append(pair, vmsc_json_number(steps[i]));
		vmsc_json_append(array, pair);
	}
	return array;
}

static json_t *rows_json(const struct vmsc_summary_rows *rows,
			 const char *const columns[VMSC_SUMMARY_COLUMNS])
{
	json_t *array = json_array(), *object;
	size_t i, column;

	for (i = 0; i < rows->nr; i++) {
		object = json_object();
		vmsc_json_put(object, "name", vmsc_json_text(rows->all[i].name));
		for (column = 0; column < VMSC_SUMMARY_COLUMNS && columns[column]; column++)
			vmsc_json_put(object, columns[column], vmsc_json_number(rows->all[i].value[column]));
		vmsc_json_append(array, object);
	}
	object = json_object();
	vmsc_json_put(object, "cut", json_boolean(rows->cut));
	vmsc_json_put(object, "rows", array);
	return object;
}

static json_t *nearest_json(const struct vmsc_summary *summary)
{
	json_t *array = json_array(), *object;
	size_t i;

	for (i = 0; i < summary->nr_nearest; i++) {
		const struct vmsc_summary_trace *trace = &summary->nearest[i];

		object = json_object();
		vmsc_json_put(object, "label", vmsc_json_text(trace->label));
		vmsc_json_put(object, "program", vmsc_json_text(trace->program));
		vmsc_json_put(object, "pid", vmsc_json_number(trace->pid));
		vmsc_json_put(object, "started", vmsc_json_number(trace->started));
		vmsc_json_put(object, "peak", vmsc_json_number(trace->peak));
		vmsc_json_put(object, "limit", vmsc_json_number(trace->limit));
		vmsc_json_append(array, object);
	}
	return array;
}

json_t *vmsc_summary_json(const struct vmsc_summary *summary)
{
	json_t *object = json_object(), *tables = json_object();
	unsigned int i;

	vmsc_json_put(object, "schema", json_string(VMSC_SUMMARY_SCHEMA));
	for (i = 0; i < VMSC_NR_SUMMARY_COUNTS; i++)
		vmsc_json_put(object, vmsc_summary_count_names[i], vmsc_json_number(summary->count[i]));
	if (summary->count[VMSC_SUMMARY_traces]) {
		vmsc_json_put(object, "first", vmsc_json_number(summary->first));
		vmsc_json_put(object, "last", vmsc_json_number(summary->last));
	}
	vmsc_json_put(object, "peaks", steps_json(summary->peaks, VMSC_SUMMARY_STEPS, true));
	vmsc_json_put(object, "used", steps_json(summary->used, 101, false));
	vmsc_json_put(object, "nearest", nearest_json(summary));
	for (i = 0; i < VMSC_NR_SUMMARY_TABLES; i++)
		vmsc_json_put(tables, vmsc_summary_table_names[i],
			      rows_json(&summary->rows[i], vmsc_summary_columns[i]));
	vmsc_json_put(object, "tables", tables);
	return object;
}

/* --- and back --- */

/* A text without NUL in it; NULL: not there, or not one. The caller frees it. */
static char *read_text(const json_t *object, const char *key)
{
	size_t length = 0;
	char *text = vmsc_json_get_bytes(json_object_get(object, key), &length);

	if (text && memchr(text, '\0', length)) {
		free(text);
		return NULL;
	}
	return text;
}

static bool read_number(const json_t *object, const char *key, uint64_t *number)
{
	const json_t *value = json_object_get(object, key);

	return value && !(json_is_integer(value) && json_integer_value(value) < 0) &&
	       vmsc_json_get_u64(value, number);
}

static bool read_steps(const json_t *array, uint64_t *steps, size_t nr, bool logarithmic)
{
	uint64_t start, count;
	json_t *pair;
	size_t i;

	json_array_foreach(array, i, pair)
	{
		if (json_array_size(pair) != 2 || !vmsc_json_get_u64(json_array_get(pair, 0), &start) ||
		    !vmsc_json_get_u64(json_array_get(pair, 1), &count))
			return false;
		if (logarithmic)
			start = vmsc_summary_step(start);
		if (start >= nr || steps[start])
			return false;
		steps[start] = count;
	}
	return json_is_array(array);
}

static bool read_row(struct vmsc_summary *summary, enum vmsc_summary_table table, const json_t *row)
{
	uint64_t value[VMSC_SUMMARY_COLUMNS] = {0};
	char *name = read_text(row, "name");
	bool good = name;
	size_t i;

	for (i = 0; good && i < VMSC_SUMMARY_COLUMNS && vmsc_summary_columns[table][i]; i++)
		good = read_number(row, vmsc_summary_columns[table][i], &value[i]);
	if (good)
		vmsc_summary_row(summary, table, name, value);
	free(name);
	return good;
}

static bool read_table(struct vmsc_summary *summary, enum vmsc_summary_table table, const json_t *object)
{
	const json_t *rows = json_object_get(object, "rows"), *cut = json_object_get(object, "cut");
	json_t *row;
	size_t i;

	if (!json_is_array(rows) || json_array_size(rows) > VMSC_SUMMARY_NAMES || !json_is_boolean(cut))
		return false;
	json_array_foreach(rows, i, row)
	{
		if (!read_row(summary, table, row))
			return false;
	}
	summary->rows[table].cut |= json_is_true(cut);
	return true;
}

static bool read_nearest(struct vmsc_summary *summary, const json_t *object)
{
	struct vmsc_summary_trace trace = {.label = read_text(object, "label"),
					   .program = read_text(object, "program")};
	bool good = trace.label && trace.program && read_number(object, "pid", &trace.pid) &&
		    read_number(object, "started", &trace.started) &&
		    read_number(object, "peak", &trace.peak) && read_number(object, "limit", &trace.limit) &&
		    trace.limit;

	if (good)
		vmsc_summary_near(summary, &trace);
	free(trace.label);
	free(trace.program);
	return good;
}

static bool read_counts(struct vmsc_summary *summary, const json_t *object)
{
	unsigned int i;

	for (i = 0; i < VMSC_NR_SUMMARY_COUNTS; i++)
		if (!read_number(object, vmsc_summary_count_names[i], &summary->count[i]))
			return false;
	return !summary->count[VMSC_SUMMARY_traces] ||
	       (read_number(object, "first", &summary->first) && read_number(object, "last", &summary->last));
}

static bool read_tables(struct vmsc_summary *summary, const json_t *tables)
{
	unsigned int i;

	for (i = 0; i < VMSC_NR_SUMMARY_TABLES; i++)
		if (!read_table(summary, i, json_object_get(tables, vmsc_summary_table_names[i])))
			return false;
	return true;
}

bool vmsc_summary_read(struct vmsc_summary *summary, const json_t *object, const char **why)
{
	const char *schema = json_string_value(json_object_get(object, "schema"));
	const json_t *nearest = json_object_get(object, "nearest");
	json_t *trace;
	size_t i;

	*why = "it is no " VMSC_SUMMARY_SCHEMA;
	if (!schema || strcmp(schema, VMSC_SUMMARY_SCHEMA) != 0)
		return false;
	*why = "a count is missing or is none";
	if (!read_counts(summary, object))
		return false;
	*why = "a histogram is none";
	if (!read_steps(json_object_get(object, "peaks"), summary->peaks, VMSC_SUMMARY_STEPS, true) ||
	    !read_steps(json_object_get(object, "used"), summary->used, 101, false))
		return false;
	*why = "a table is missing or is none";
	if (!read_tables(summary, json_object_get(object, "tables")))
		return false;
	*why = "the traces nearest to the limit are none";
	json_array_foreach(nearest, i, trace)
	{
		if (!read_nearest(summary, trace))
			return false;
	}
	return json_is_array(nearest);
}
