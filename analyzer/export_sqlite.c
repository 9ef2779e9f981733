/* SPDX-License-Identifier: MIT */
/*
 * A database: calls, stacks with names, sites, VMAs, failures. docs/sqlite.tables.json lists its tables.
 */
#include <errno.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "callform.h"
#include "exports.h"
#include "lines.h"
#include "names.h"
#include "output.h"
#include "say.h"
#include "value.h"
#include "vmaform.h"

static const char schema[] =
	"CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT);"
	"CREATE TABLE calls (call INTEGER PRIMARY KEY, time_ns INTEGER, thread INTEGER, name TEXT, text "
	"TEXT, result TEXT,"
	" failed INTEGER, addr TEXT, arg0 TEXT, arg1 TEXT, arg2 TEXT, arg3 TEXT, arg4 TEXT, arg5 TEXT, stack "
	"INTEGER,"
	" site INTEGER, vmas INTEGER);"
	"CREATE TABLE frames (stack INTEGER, depth INTEGER, module TEXT, offset TEXT, function TEXT, file "
	"TEXT, line INTEGER,"
	" PRIMARY KEY (stack, depth));"
	"CREATE TABLE sites (site INTEGER PRIMARY KEY, text TEXT, calls INTEGER, failed INTEGER, vmas "
	"INTEGER);"
	"CREATE TABLE vmas (number INTEGER PRIMARY KEY, \"start\" TEXT, \"end\" TEXT, bytes TEXT, perms "
	"TEXT, offset TEXT,"
	" path TEXT, flags TEXT, born INTEGER, site INTEGER, border_call INTEGER, apart TEXT, apart_flags "
	"TEXT,"
	" apart_since INTEGER);"
	"CREATE TABLE failures (call INTEGER, last_call INTEGER, site INTEGER, cause TEXT, errno TEXT, count "
	"INTEGER,"
	" used TEXT, \"limit\" TEXT, wanted TEXT);"
	"CREATE INDEX calls_by_site ON calls (site);";

struct database {
	sqlite3 *db;
	sqlite3_stmt *statement;
	bool failed;
};

static void run(struct database *database, const char *sql)
{
	database->failed |= sqlite3_exec(database->db, sql, NULL, NULL, NULL) != SQLITE_OK;
}

static void prepare(struct database *database, const char *sql)
{
	sqlite3_finalize(database->statement);
	database->statement = NULL;
	database->failed |=
		sqlite3_prepare_v2(database->db, sql, -1, &database->statement, NULL) != SQLITE_OK;
}

static void bind_number(struct database *database, int at, uint64_t value)
{
	sqlite3_bind_int64(database->statement, at, (sqlite3_int64)value);
}

static void bind_hex(struct database *database, int at, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "0x%" PRIx64, value);
	sqlite3_bind_text(database->statement, at, text, -1, SQLITE_TRANSIENT);
}

static void bind_decimal(struct database *database, int at, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	sqlite3_bind_text(database->statement, at, text, -1, SQLITE_TRANSIENT);
}

/* Takes @text over; NULL is NULL. */
static void bind_own(struct database *database, int at, char *text)
{
	sqlite3_bind_text(database->statement, at, text, -1, SQLITE_TRANSIENT);
	free(text);
}

static void insert(struct database *database)
{
	database->failed |= sqlite3_step(database->statement) != SQLITE_DONE;
	sqlite3_reset(database->statement);
	sqlite3_clear_bindings(database->statement);
}

/* --- the tables --- */

static void add_meta(struct database *database, const char *key, char *value)
{
	sqlite3_bind_text(database->statement, 1, key, -1, SQLITE_TRANSIENT);
	bind_own(database, 2, value);
	insert(database);
}

static void fill_meta(struct database *database, const struct vmsc_report *report)
{
	const struct vmsc_analysis *analysis = &report->analysis;
	unsigned int what;

	prepare(database, "INSERT INTO meta VALUES (?, ?)");
	add_meta(database, "schema", vmsc_format("%s", "vmascope.sqlite/1"));
	add_meta(database, "pid", vmsc_format("%u", analysis->header->pid));
	add_meta(database, "verdict", vmsc_format("%s", vmsc_verdict_name(vmsc_analysis_verdict(analysis))));
	add_meta(database, "max_map_count",
		 vmsc_format("%" PRIu64, analysis->limits ? analysis->limits->max_map_count : 0));
	add_meta(database, "peak", vmsc_format("%" PRIu64, analysis->history.peak));
	add_meta(database, "peak_call", vmsc_format("%" PRIu64, analysis->history.peak_call));
	for (what = VMSC_STRING_COMM; what <= VMSC_STRING_RELEASE; what++)
		if (what != VMSC_STRING_ARGV && analysis->strings[what].length)
			add_meta(
				database, vmsc_string_key(what),
				vmsc_printable(analysis->strings[what].text, analysis->strings[what].length));
}

static void fill_calls(struct database *database, const struct vmsc_report *report)
{
	const struct vmsc_analysis *analysis = &report->analysis;
	struct vmsc_written_call written;
	const struct vmsc_call_record *record = &written.record;
	unsigned int i;
	uint64_t call;

	prepare(database, "INSERT INTO calls VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
	for (call = 1; vmsc_analysis_written_call(analysis, call, &written); call++) {
		bind_number(database, 1, call);
		bind_number(database, 2, record->stamp);
		bind_number(database, 3, record->tid);
		bind_own(database, 4, vmsc_syscall_text(record->nr));
		bind_own(database, 5, vmsc_call_to_text(&written));
		bind_own(database, 6, vmsc_result_to_text(record->nr, record->result));
		bind_number(database, 7, record->result < 0 && record->result >= -4095);
		if (analysis->calls[call - 1].start < analysis->calls[call - 1].end)
			bind_hex(database, 8, analysis->calls[call - 1].start);
		for (i = 0; i < 6; i++)
			bind_hex(database, 9 + (int)i, written.args[i]);
		bind_number(database, 15, record->stack);
		bind_number(database, 16, vmsc_history_site(&analysis->history, call));
		bind_number(database, 17, analysis->history.count[call]);
		insert(database);
	}
}

static void add_stack(struct database *database, const struct vmsc_report *report, uint32_t id)
{
	const struct vmsc_call_stack *stack = vmsc_origins_stack(report->analysis.origins, id);
	const struct vmsc_symbol *symbol;
	uint32_t i;

	for (i = 0; stack && i < stack->nr; i++) {
		const struct vmsc_frame *frame = &stack->frames[i];

		symbol = vmsc_symbols_find(report->answers.symbols, frame);
		bind_number(database, 1, id);
		bind_number(database, 2, i);
		if (frame->module.length)
			bind_own(database, 3, vmsc_printable(frame->module.text, frame->module.length));
		bind_hex(database, 4, frame->offset);
		if (symbol)
			bind_own(database, 5, vmsc_format("%s", symbol->function));
		if (symbol && symbol->file) {
			bind_own(database, 6, vmsc_format("%s", symbol->file));
			bind_number(database, 7, (uint64_t)symbol->line);
		}
		insert(database);
	}
}

static void fill_frames(struct database *database, const struct vmsc_report *report)
{
	const struct vmsc_analysis *analysis = &report->analysis;
	struct vmsc_written_call written;
	uint32_t done = 0, id;
	uint64_t call;

	prepare(database, "INSERT OR IGNORE INTO frames VALUES (?,?,?,?,?,?,?)");
	for (call = 1; vmsc_analysis_written_call(analysis, call, &written); call++) {
		id = written.record.stack;
		if (id <= done) /* stacks are numbered as they first come */
			continue;
		add_stack(database, report, id);
		done = id;
	}
}

static void fill_sites(struct database *database, const struct vmsc_report *report)
{
	const struct vmsc_history *history = &report->analysis.history;
	uint64_t *vmas = vmsc_alloc(history->nr_sites * sizeof(*vmas));
	uint32_t site;
	size_t i;

	for (i = 0; i < report->answers.nr_holdings; i++)
		vmas[report->answers.holdings[i].site] = report->answers.holdings[i].vmas;
	prepare(database, "INSERT INTO sites VALUES (?,?,?,?,?)");
	for (site = 0; site < history->nr_sites; site++) {
		bind_number(database, 1, site);
		bind_own(database, 2, vmsc_site_text(&report->answers, site));
		bind_number(database, 3, history->sites[site].calls);
		bind_number(database, 4, history->sites[site].failed);
		bind_number(database, 5, vmas[site]);
		insert(database);
	}
	free(vmas);
}

static void add_vma(struct database *database, const struct vmsc_report *report, size_t number)
{
	const struct vmsc_analysis *moment = report->answers.moment;
	const struct vmsc_final_vma *final = &moment->vmas[number];
	const struct vmsc_border *border = vmsc_history_border(&moment->history, final->vma.start);
	struct vmsc_bytes label = vmsc_analysis_label(moment, final);
	char perms[8];

	vmsc_perms_text(final->vma.vm_flags, perms);
	bind_number(database, 1, number);
	bind_hex(database, 2, final->vma.start);
	bind_hex(database, 3, final->vma.end);
	bind_decimal(database, 4, final->vma.end - final->vma.start);
	bind_own(database, 5, vmsc_format("%s", perms));
	bind_hex(database, 6, final->vma.file ? final->vma.pgoff << VMSC_PAGE_SHIFT : 0);
	bind_own(database, 7, vmsc_printable(label.text ? label.text : "", label.length));
	bind_own(database, 8, vmsc_flags_text(final->vma.vm_flags));
	bind_number(database, 9, final->vma.born);
	bind_number(database, 10, report->answers.tiles[number].site);
	bind_number(database, 11, border ? border->call : 0);
	bind_own(database, 12, vmsc_format("%s", final->apart ? vmsc_refusal_name(final->apart) : "alike"));
	bind_own(database, 13, vmsc_flags_text(final->apart_bits));
	bind_number(database, 14, border ? border->since : 0);
	insert(database);
}

static void fill_vmas(struct database *database, const struct vmsc_report *report)
{
	size_t i;

	prepare(database, "INSERT INTO vmas VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
	for (i = 0; i < report->answers.moment->nr_vmas; i++)
		add_vma(database, report, i);
}

static void fill_failures(struct database *database, const struct vmsc_history *history)
{
	const char *name;
	size_t i;

	prepare(database, "INSERT INTO failures VALUES (?,?,?,?,?,?,?,?,?)");
	for (i = 0; i < history->nr_failures; i++) {
		const struct vmsc_failures *failures = &history->failures[i];

		name = vmsc_errno_name(failures->error);
		bind_number(database, 1, failures->first.call);
		bind_number(database, 2, failures->last_call);
		bind_number(database, 3, failures->site);
		bind_own(database, 4, vmsc_format("%s", vmsc_cause_name(failures->first.cause)));
		if (failures->error)
			bind_own(database, 5,
				 name ? vmsc_format("%s", name) : vmsc_format("%d", failures->error));
		bind_number(database, 6, failures->count);
		bind_decimal(database, 7, failures->first.used);
		bind_decimal(database, 8, failures->first.limit);
		bind_decimal(database, 9, failures->first.wanted);
		insert(database);
	}
}

/* Made by us, not by SQLite: for its owner alone, and not where somebody laid a link. */
static bool make_empty(const char *path)
{
	FILE *out = vmsc_output_create(path);

	return out && !fclose(out);
}

bool vmsc_export_sqlite(const struct vmsc_report *report, const char *path)
{
	char *beside = vmsc_format("%s.%d.part", path, getpid());
	struct database database = {.db = NULL};

	unlink(beside);
	database.failed = !make_empty(beside) || sqlite3_open(beside, &database.db) != SQLITE_OK;
	if (!database.failed) {
		run(&database, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN");
		run(&database, schema);
		fill_meta(&database, report);
		fill_calls(&database, report);
		fill_frames(&database, report);
		fill_sites(&database, report);
		fill_vmas(&database, report);
		fill_failures(&database, &report->analysis.history);
		run(&database, "COMMIT");
	}
	if (database.failed)
		vmsc_complain("%s: can't write the database: %s", path,
			      database.db ? sqlite3_errmsg(database.db) : strerror(errno));
	sqlite3_finalize(database.statement);
	database.failed |= sqlite3_close(database.db) != SQLITE_OK;
	if (!database.failed && rename(beside, path)) {
		vmsc_complain("%s: can't write the database", path);
		database.failed = true;
	}
	if (database.failed)
		unlink(beside);
	free(beside);
	return !database.failed;
}
