/* SPDX-License-Identifier: MIT */
/*
 * RFC 4180: a field with a comma, a quote or a line's end is quoted, quotes are doubled.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "callform.h"
#include "exports.h"
#include "say.h"
#include "value.h"
#include "vmaform.h"

const struct vmsc_failure *vmsc_failure_of(const struct vmsc_history *history, uint64_t seq)
{
	size_t low = 0, high = history->nr_failures, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (history->failures[middle].first.call < seq)
			low = middle + 1;
		else
			high = middle;
	}
	return low < history->nr_failures && history->failures[low].first.call == seq
		       ? &history->failures[low].first
		       : NULL;
}

static void write_field(const char *text, const char *end, FILE *out)
{
	if (!strpbrk(text, ",\"\r\n")) {
		fprintf(out, "%s%s", text, end);
		return;
	}
	fputc('"', out);
	for (; *text; text++)
		fprintf(out, *text == '"' ? "\"\"" : "%c", *text);
	fprintf(out, "\"%s", end);
}

/* Takes @text over. */
static void write_own(char *text, const char *end, FILE *out)
{
	write_field(text, end, out);
	free(text);
}

static void write_calls(const struct vmsc_report *report, FILE *out)
{
	const struct vmsc_analysis *analysis = &report->analysis;
	struct vmsc_written_call written;
	const struct vmsc_call_record *record = &written.record;
	uint64_t call;
	unsigned int i;

	fputs("call,time_ns,thread,name,arg0,arg1,arg2,arg3,arg4,arg5,result,vmas,text,site\r\n", out);
	for (call = 1; vmsc_analysis_written_call(analysis, call, &written); call++) {
		fprintf(out, "%" PRIu64 ",%" PRIu64 ",%u,", call, record->stamp, record->tid);
		write_own(vmsc_syscall_text(record->nr), ",", out);
		for (i = 0; i < 6; i++)
			fprintf(out, "0x%" PRIx64 ",", written.args[i]);
		write_own(vmsc_result_to_text(record->nr, record->result), ",", out);
		fprintf(out, "%" PRIu32 ",", analysis->history.count[call]);
		write_own(vmsc_call_to_text(&written), ",", out);
		write_own(vmsc_site_text(&report->answers, vmsc_history_site(&analysis->history, call)),
			  "\r\n", out);
	}
}

static void write_vmas(const struct vmsc_report *report, FILE *out)
{
	const struct vmsc_analysis *moment = report->answers.moment;
	const struct vmsc_border *border;
	struct vmsc_bytes label;
	size_t i;

	fputs("start,end,bytes,perms,offset,path,flags,born,border_call,apart,apart_since,site\r\n", out);
	for (i = 0; i < moment->nr_vmas; i++) {
		const struct vmsc_final_vma *final = &moment->vmas[i];
		const struct vmsc_vma *vma = &final->vma;
		char perms[8];

		border = vmsc_history_border(&moment->history, vma->start);
		label = vmsc_analysis_label(moment, final);
		vmsc_perms_text(vma->vm_flags, perms);
		fprintf(out, "0x%" PRIx64 ",0x%" PRIx64 ",%" PRIu64 ",%s,0x%" PRIx64 ",", vma->start,
			vma->end, vma->end - vma->start, perms,
			vma->file ? vma->pgoff << VMSC_PAGE_SHIFT : 0);
		write_own(vmsc_printable(label.text ? label.text : "", label.length), ",", out);
		write_own(vmsc_flags_text(vma->vm_flags), ",", out);
		fprintf(out, "%" PRIu64 ",%" PRIu64 ",", vma->born, border ? border->call : 0);
		write_own(vmsc_apart_text(final->apart, final->apart_bits), ",", out);
		fprintf(out, "%" PRIu64 ",", border ? border->since : 0);
		write_own(vmsc_site_text(&report->answers, report->answers.tiles[i].site), "\r\n", out);
	}
}

void vmsc_export_csv(const struct vmsc_report *report, enum vmsc_export_of of, FILE *out)
{
	if (of == VMSC_EXPORT_OF_CALLS)
		write_calls(report, out);
	else
		write_vmas(report, out);
}
