/* SPDX-License-Identifier: MIT */
/*
 * fuzz_report.c - any bytes as the records of a trace, analysed and reported as the commands do it: the
 * report as text and as JSON.
 */
#include "wrap.h"

#include "lines.h"
#include "report.h"

#define TEXT_MAX (64 << 20)

static void write_texts(const struct vmsc_report *report)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	REQUIRE(out, "no memory");
	vmsc_report_write_text(report, out);
	vmsc_report_write_differences(&report->analysis, out, 100);
	REQUIRE(vmsc_report_write_json(report, out), "the report is not written");
	fclose(out);
	REQUIRE(size < TEXT_MAX, "the report is too long");
	free(text);
}

/* The trace goes, as vmsc_input_close() would let it. */
static enum vmsc_verdict report_on(unsigned char *data, size_t size)
{
	struct vmsc_input input = {.path = "any", .data = data, .size = size, .spool = {.data = data, .room = size}};
	struct vmsc_report report;
	enum vmsc_verdict verdict;

	REQUIRE(vmsc_input_rewind(&input), "no trace");
	vmsc_report_open(&report, &input, "any");
	verdict = vmsc_analysis_verdict(&report.analysis);
	REQUIRE(vmsc_verdict_name(verdict), "no verdict");
	write_texts(&report);
	vmsc_report_close(&report);
	vmsc_input_close(&input);
	return verdict;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t whole;

	if (size > VMSC_TRACE_BLOCK_SIZE / 2)
		return 0;
	data = fuzz_wrap(data, size, &whole);
	report_on((unsigned char *)data, whole);
	return 0;
}
