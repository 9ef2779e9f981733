/* SPDX-License-Identifier: MIT */
/*
 * The command line: `vmascope COMMAND …`. Beside --help and --version it only finds the command.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "say.h"
#include "symbols.h"
#include "without.h"

#define SYMBOL_HELP                                                                                          \
	"  --sysroot=DIR        where the files of the recorded system lie, for names of functions\n"        \
	"  --debug-path=DIRS    folders with debug information, ':' between (default /usr/lib/debug)\n"

static const struct vmsc_command commands[] = {
	{"record", "[OPTION]… [--] CMD [ARG]…", "run CMD and record its virtual-memory calls",
	 "  -o FILE              the trace; %p pid, %e command, %n counter (default vmascope.%e.%p.vmt)\n"
	 "  --report=FILE        also write the report; without -o no trace is kept\n"
	 "  --check=exit|call|off  when to compare with the kernel: at exit (default), after every call, "
	 "never\n"
	 "  --capture=full|libc|plt  which system calls are caught\n"
	 "  --stacks=on|off      call stacks (default on)\n"
	 "  --follow=on|off      children too, each with a trace of its own (default on)\n"
	 "  --tables=on|off      page tables that unmappings free, against VmPTE (default off: it is slow)\n"
	 "  --limit=MIB          no trace longer than that: recording ends there, and what follows is "
	 "counted "
	 "as lost\n"
	 "  --snapshot-at=80%    write TRACE.many.txt and .json when there are so many VMAs of "
	 "max_map_count, and\n"
	 "                       TRACE.enomem.txt and .json when a call fails with ENOMEM, while CMD runs "
	 "on\n"
	 "Ends with CMD's exit status, or by its signal; 125: recording failed, 126: CMD can't be executed,\n"
	 "127: CMD not found.\n",
	 vmsc_record_main, NULL},
	{"check", "TRACE [--json]", "replay a trace by the kernel's rules and compare with what was seen",
	 "  --json               the report as JSON on stdout\n"
	 "TRACE may be a trace or JSON Lines; - is stdin.\n"
	 "Exit status: 0 all match, 1 something differs, 2 not a readable trace.\n",
	 vmsc_check_main, NULL},
	{"report", "TRACE… [--json|--html=FILE|--summary [--label=TEXT]]",
	 "what a person wants to know of a trace, biggest cost first",
	 "  --html=FILE          one page with pictures, for a browser; needs no network\n"
	 "  --json               the report as JSON; of several traces as one object\n"
	 "  --summary            what `vmascope merge` takes: one line of JSON for each trace\n"
	 "  --label=TEXT         with --summary: where the trace comes from, such as a host's "
	 "name\n" SYMBOL_HELP,
	 vmsc_report_main, NULL},
	{"merge", "[SUMMARY]… [--text]", "many traces' summaries into one",
	 "  --text               for a person; without it the sum is a summary again\n"
	 "Reads what `report --summary` wrote, and its own results, in any order and grouping; without a "
	 "name,\n"
	 "or for -, from stdin.\n",
	 vmsc_merge_main, NULL},
	{"why", "TRACE ADDR [ADDR2] [--at=CALL] [--json]",
	 "what happened to the memory at an address, and why its VMA and its neighbours are not one",
	 "  --at=CALL            as it was after that call (default: at the end, or before it was unmapped)\n"
	 "  --json               as JSON\n" SYMBOL_HELP
	 "With ADDR2: why the VMAs at the two addresses are not one.\n",
	 vmsc_why_main, NULL},
	{"replay",
	 "TRACE [--kernel=6.1,6.12,…] [--without=names,guards,…]… [--unmap=both] [--merge=cases] [--json]",
	 "the same calls under the rules of other kernels, or without some of them, side by side",
	 "  --kernel=LIST        releases with commas between (default 6.1,6.6,6.12,6.18,7.0)\n"
	 "  --without=LIST       leaves out kinds of calls; may be given several times, each for a row\n"
	 "  --unmap=both         instead: unmap by struct unmap_desc and as releases before 7.0 do, and "
	 "compare\n"
	 "  --unmap=show         instead: each unmapping with its struct unmap_desc\n"
	 "  --merge=cases        instead: merge as now and by the eight cases of old, and compare\n"
	 "  --maps               instead: the VMAs at the end under each, with the codes of VmFlags\n"
	 "  --json               as JSON\n"
	 "--unmap=wrong-ceiling, -floor, -tree, -reset or -lock has a mistake planted, which must be found.\n"
	 "Exit status: 0; 1 when two implementations of the same rules part; 2 not a readable trace.\n",
	 vmsc_replay_main, vmsc_without_help},
	{"top", "TRACE [--interval=SECONDS] [--frames=N]", "watches a running program through its trace",
	 "  --interval=SECONDS   between two looks (default 1)\n"
	 "  --frames=N           ends after so many looks (default: with the program)\n" SYMBOL_HELP,
	 vmsc_top_main, NULL},
	{"diff", "TRACE TRACE [--json]", "two recordings compared: by call site, by reason, by kind",
	 "  --json               as JSON\n" SYMBOL_HELP
	 "Sites are matched by the names of their functions, so that two builds of a program compare.\n",
	 vmsc_diff_main, NULL},
	{"export", "TRACE --format=jsonl|chrome|folded|csv|sqlite [--of=calls|vmas|bytes] [-o FILE]",
	 "a trace in a form for other tools",
	 "  --format=jsonl       one JSON object per line; check, report and replay read it back\n"
	 "  --format=chrome      Chrome's trace JSON: Perfetto's UI, chrome://tracing\n"
	 "  --format=folded      folded stacks: flamegraph.pl, inferno, speedscope\n"
	 "  --format=csv         a table with a line of names\n"
	 "  --format=sqlite      a database; needs -o\n"
	 "  --of=calls|vmas|bytes  folded, csv: calls (default), or the VMAs at the moment with most of "
	 "them\n"
	 "  -o FILE              write there instead of stdout\n" SYMBOL_HELP,
	 vmsc_export_main, NULL},
	{"conform", "CALLS.jsonl… [--rules=NAMES]",
	 "make calls for real and compare the kernel with the model",
	 "  --rules=NAMES        the model's rules, blanks between (default: as found by experiment)\n"
	 "CALLS is as `export --format=jsonl` writes it, or a file of cases as in tests/vectors; - is "
	 "stdin.\n"
	 "The calls are made in a process of their own, and compared after each: result, VMAs, flags.\n"
	 "Exit status: 0 the same, 1 something differs (the first such call is named), 2 can't be done.\n",
	 vmsc_conform_main, NULL},
	{"fuzz", "[--seed N] [--calls N] [--jobs N] [--ask] [--shrink] [-o PREFIX]",
	 "random calls, by the kernel and on the model",
	 "  --seed N             the first sequence (default 1)\n"
	 "  --calls N            so many in all (default 10000)\n"
	 "  --jobs N             so many processes at a time, each with seeds of its own (default 1)\n"
	 "  --ask                the model is not told what is touched: before calls it asks, as when a program is recorded\n"
	 "  --shrink             leave out all calls that a difference does not need\n"
	 "  --most N             end after so many differences (default 5)\n"
	 "  -o PREFIX            write differences to PREFIX-SEED.jsonl and PREFIX-SEED.c instead of stdout\n"
	 "  --rules=NAMES        the model's rules, blanks between (default: as found by experiment)\n"
	 "Exit status: 0 no difference, 1 some, 2 can't be done.\n",
	 vmsc_fuzz_main, NULL},
	{"kernel", "[--json]", "which rules the running kernel follows, and how that is known",
	 "  --json               as JSON\n", vmsc_kernel_main, NULL},
	{"write-report", "TRACE REPORT [--started=NS] [--remove-trace]", NULL,
	 "Used by libvmascope.so when a process ends.\n"
	 "  --started=NS         only if TRACE is the one that began then: its name may be another file's by "
	 "now\n"
	 "  --remove-trace       remove TRACE once the report is written\n",
	 vmsc_write_report_main, NULL},
};

#define NR_COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const struct vmsc_command *running;

static int help_all(FILE *out)
{
	size_t i;

	fputs("Usage: vmascope COMMAND [OPTION]… [ARGUMENT]…\n"
	      "Records the virtual-memory calls of a program and explains its VMAs by the kernel's own "
	      "rules.\n\n",
	      out);
	for (i = 0; i < NR_COMMANDS; i++)
		if (commands[i].summary)
			fprintf(out, "  %-8s  %s\n", commands[i].name, commands[i].summary);
	fputs("\n`vmascope COMMAND --help` tells more; `vmascope --version` the version.\n", out);
	return VMSC_EXIT_GOOD;
}

static int help(void)
{
	printf("Usage: vmascope %s %s\n", running->name, running->arguments);
	if (running->summary)
		printf("%c%s.\n\n", running->summary[0] - 'a' + 'A', running->summary + 1);
	fputs(running->help, stdout);
	if (running->help_more)
		running->help_more(stdout);
	return vmsc_finish_output(VMSC_EXIT_GOOD);
}

int vmsc_usage(int status, const char *format, ...)
{
	va_list args;
	char *text;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		vmsc_out_of_memory();
	va_end(args);
	vmsc_complain("%s: %s; see `vmascope %s --help`", running->name, text, running->name);
	free(text);
	return status;
}

int vmsc_next_option(int argc, char **argv, const char *letters, const struct option *options)
{
	int option;

	opterr = 0;
	option = getopt_long(argc, argv, letters, options, NULL);
	if (option == '?' || option == ':')
		exit(vmsc_usage(vmsc_trouble_status(), "unknown or incomplete option %s", argv[optind - 1]));
	if (option == 'h')
		exit(help());
	return option;
}

bool vmsc_take_symbol_option(int option)
{
	if (option == 'S')
		vmsc_symbols_look_in(optarg, NULL);
	else if (option == 'D')
		vmsc_symbols_look_in(NULL, optarg);
	return option == 'S' || option == 'D';
}

bool vmsc_take_rules(const char *names, vmsc_rules_t *rules)
{
	size_t unknown;

	*rules = vmsc_rules_of_names(names, strlen(names), &unknown);
	if (unknown)
		vmsc_usage(0, "--rules names a rule that is not known");
	return !unknown;
}

int vmsc_finish_output(int status)
{
	if (!fflush(stdout) && !ferror(stdout))
		return status;
	vmsc_complain("can't write to standard output");
	return VMSC_EXIT_TROUBLE;
}

int main(int argc, char **argv)
{
	size_t i;

	if (argc < 2) {
		help_all(stderr);
		return VMSC_EXIT_TROUBLE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return vmsc_finish_output(help_all(stdout));
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V"))
		return vmsc_version();
	for (i = 0; i < NR_COMMANDS; i++) {
		if (strcmp(argv[1], commands[i].name))
			continue;
		running = &commands[i];
		return running->run(argc - 1, argv + 1);
	}
	vmsc_complain("unknown command %s; `vmascope --help` lists them", argv[1]);
	return VMSC_EXIT_TROUBLE;
}
