/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "exports.h"
#include "lines.h"
#include "output.h"
#include "say.h"

enum format { JSONL, CHROME, FOLDED, CSV, SQLITE, NR_FORMATS };

static const char *const format_names[NR_FORMATS] = {"jsonl", "chrome", "folded", "csv", "sqlite"};
static const char *const of_names[] = {"calls", "vmas", "bytes"};

struct order {
	const char *path, *output;
	enum format format;
	enum vmsc_export_of of;
};

static void write_report(const struct order *order, struct vmsc_input *input, FILE *out, int *status)
{
	struct vmsc_report report;

	vmsc_report_open(&report, input, order->path);
	switch (order->format) {
	case CHROME:
		vmsc_export_chrome(&report, out);
		break;
	case FOLDED:
		vmsc_export_folded(&report, order->of, out);
		break;
	case CSV:
		vmsc_export_csv(&report, order->of, out);
		break;
	default:
		if (!vmsc_export_sqlite(&report, order->output))
			*status = VMSC_EXIT_TROUBLE;
	}
	vmsc_report_close(&report);
}

static FILE *open_output(const struct order *order)
{
	FILE *out = stdout;

	if (order->output && order->format != SQLITE && !(out = vmsc_output_open(order->output)))
		vmsc_complain("%s: can't write: %s", order->output, strerror(errno));
	return out;
}

static int close_output(const struct order *order, FILE *out, int status)
{
	if (out == stdout)
		return vmsc_finish_output(status);
	if (ferror(out) | fclose(out)) {
		vmsc_complain("%s: can't write: %s", order->output, strerror(errno));
		return VMSC_EXIT_TROUBLE;
	}
	return status;
}

static int export(const struct order *order)
{
	struct vmsc_input input;
	int status = VMSC_EXIT_GOOD;
	FILE *out;

	if (!vmsc_input_open(&input, order->path))
		return VMSC_EXIT_TROUBLE;
	out = open_output(order);
	if (!out) {
		vmsc_input_close(&input);
		return VMSC_EXIT_TROUBLE;
	}
	if (order->format == JSONL)
		vmsc_lines_write(&input.trace, out);
	else
		write_report(order, &input, out, &status);
	if (vmsc_input_complain_if_damaged(&input))
		status = VMSC_EXIT_TROUBLE;
	vmsc_input_close(&input);
	return close_output(order, out, status);
}

static bool take_option(struct order *order, int option)
{
	size_t index;

	switch (option) {
	case 'f':
		index = vmsc_name_index(optarg, format_names, NR_FORMATS);
		order->format = (enum format)index;
		if (index == NR_FORMATS)
			vmsc_usage(0, "format %s is not known", optarg);
		return index < NR_FORMATS;
	case 'w':
		index = vmsc_name_index(optarg, of_names, 3);
		order->of = (enum vmsc_export_of)index;
		if (index == 3)
			vmsc_usage(0, "--of must be calls, vmas or bytes, not %s", optarg);
		return index < 3;
	case 'o':
		order->output = optarg;
		return true;
	default:
		return vmsc_take_symbol_option(option);
	}
}

int vmsc_export_main(int argc, char **argv)
{
	static const struct option options[] = {
		{"format", required_argument, NULL, 'f'}, {"output", required_argument, NULL, 'o'},
		{"of", required_argument, NULL, 'w'},	  VMSC_SYMBOL_OPTIONS,
		{"help", no_argument, NULL, 'h'},	  {NULL, 0, NULL, 0},
	};
	struct order order = {.format = NR_FORMATS};
	int option;

	while ((option = vmsc_next_option(argc, argv, "ho:", options)) != -1)
		if (!take_option(&order, option))
			return VMSC_EXIT_TROUBLE;
	if (argc - optind != 1)
		return vmsc_usage(VMSC_EXIT_TROUBLE, "needs one trace");
	if (order.format == NR_FORMATS)
		return vmsc_usage(VMSC_EXIT_TROUBLE, "needs --format=jsonl, chrome, folded, csv or sqlite");
	if (order.format == SQLITE && !order.output)
		return vmsc_usage(VMSC_EXIT_TROUBLE, "a database needs -o FILE");
	order.path = argv[optind];
	return export(&order);
}
