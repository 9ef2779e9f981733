/* SPDX-License-Identifier: MIT */
/*
 * fuzz_export.c - any bytes as the records of a trace, in the forms of other tools: what comes out is of that
 * form, whatever names a program chose.
 */
#include "wrap.h"

#include <jansson.h>
#include <sqlite3.h>
#include <unistd.h>

#include "exports.h"

#define TEXT_MAX (64 << 20)

typedef void (*writer)(const struct vmsc_report *report, enum vmsc_export_of of, FILE *out);

static char *write_text(const struct vmsc_report *report, writer write, enum vmsc_export_of of, size_t *size)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, size);

	REQUIRE(out, "no memory");
	write(report, of, out);
	fclose(out);
	REQUIRE(*size < TEXT_MAX, "an export is too long");
	return text;
}

static void write_chrome(const struct vmsc_report *report, enum vmsc_export_of of, FILE *out)
{
	(void)of;
	vmsc_export_chrome(report, out);
}

static void check_chrome(const char *text, size_t size)
{
	json_error_t error;
	json_t *object = json_loadb(text, size, JSON_REJECT_DUPLICATES, &error);

	if (!object)
		fprintf(stderr, "%s at %d\n", error.text, error.position);
	REQUIRE(object, "Chrome's trace is no JSON");
	json_decref(object);
}

/* Every row has as many columns as the first, and quotes are closed. */
static void check_csv(const char *text, size_t size)
{
	size_t columns = 0, at = 1;
	bool quoted = false;

	for (size_t i = 0; i < size; i++) {
		if (text[i] == '"')
			quoted = !quoted;
		else if (!quoted && text[i] == ',')
			at++;
		else if (!quoted && text[i] == '\n') {
			columns = columns ? columns : at;
			REQUIRE(at == columns, "a row with another number of columns");
			at = 1;
		}
	}
	REQUIRE(!quoted && size && text[size - 1] == '\n', "CSV that does not end");
}

/* "frames number", each on one line. */
static void check_folded(const char *text, size_t size)
{
	const char *end = text + size, *line, *next, *blank;

	for (line = text; line < end; line = next + 1) {
		next = memchr(line, '\n', (size_t)(end - line));
		REQUIRE(next, "a folded line that does not end");
		for (blank = next; blank > line && blank[-1] >= '0' && blank[-1] <= '9'; blank--)
			;
		REQUIRE(blank < next && blank > line + 1 && blank[-1] == ' ',
			"a folded line without a number");
	}
}

static void write_database(const struct vmsc_report *report)
{
	char path[64];
	sqlite3_stmt *statement = NULL;
	sqlite3 *db = NULL;

	snprintf(path, sizeof(path), "/dev/shm/vmascope-fuzz-export.%d", getpid());
	REQUIRE(vmsc_export_sqlite(report, path), "the database is not written");
	REQUIRE(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK, "no database");
	REQUIRE(sqlite3_prepare_v2(db, "SELECT count(*) FROM calls", -1, &statement, NULL) == SQLITE_OK &&
			sqlite3_step(statement) == SQLITE_ROW,
		"a database without calls");
	REQUIRE((uint64_t)sqlite3_column_int64(statement, 0) == report->analysis.nr_calls,
		"calls are missing");
	sqlite3_finalize(statement);
	sqlite3_close(db);
	unlink(path);
}

static void write_all(const struct vmsc_report *report, bool database)
{
	size_t size;
	char *text = write_text(report, write_chrome, VMSC_EXPORT_OF_CALLS, &size);

	check_chrome(text, size);
	free(text);
	for (unsigned int of = VMSC_EXPORT_OF_CALLS; of <= VMSC_EXPORT_OF_BYTES; of++) {
		text = write_text(report, vmsc_export_folded, of, &size);
		check_folded(text, size);
		free(text);
	}
	for (unsigned int of = VMSC_EXPORT_OF_CALLS; of <= VMSC_EXPORT_OF_VMAS; of++) {
		text = write_text(report, vmsc_export_csv, of, &size);
		check_csv(text, size);
		free(text);
	}
	if (database)
		write_database(report);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vmsc_input input = {.path = "any"};
	struct vmsc_report report;

	if (size > VMSC_TRACE_BLOCK_SIZE / 2)
		return 0;
	input.data = input.spool.data = fuzz_wrap(data, size, &input.size);
	REQUIRE(vmsc_input_rewind(&input), "no trace");
	vmsc_report_open(&report, &input, "any");
	/* a database is a file: not each time */
	write_all(&report, vmsc_crc32c(0, data, size) % 16 == 0);
	vmsc_report_close(&report);
	vmsc_input_close(&input);
	return 0;
}
