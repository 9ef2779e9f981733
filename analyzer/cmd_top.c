/* SPDX-License-Identifier: MIT */
/*
 * `vmascope top`: watches a running program through its trace.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "answers.h"
#include "command.h"
#include "live.h"
#include "say.h"
#include "value.h"

#define BAR_WIDTH 40

struct screen {
	bool terminal;
	double interval;
	uint64_t frames; /* 0: until the program ends */
	/* of the last frame */
	struct timespec when;
	uint64_t calls, vmas;
	int64_t *held; /* by site */
	size_t nr_held;
};

static volatile sig_atomic_t interrupted;

static void interrupt(int number)
{
	(void)number;
	interrupted = 1;
}

/* Lines for sites: what the terminal has beside the head, or a few. */
static size_t rows_for_sites(const struct screen *screen)
{
	struct winsize size;

	if (screen->terminal && !ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_row > 12)
		return (size_t)size.ws_row - 10;
	return 10;
}

static double seconds_since(const struct timespec *then, const struct timespec *now)
{
	return (double)(now->tv_sec - then->tv_sec) + (double)(now->tv_nsec - then->tv_nsec) / 1e9;
}

struct row {
	uint32_t site;
	int64_t vmas, change;
};

static int compare_rows(const void *left, const void *right)
{
	const struct row *a = left, *b = right;

	if (a->vmas != b->vmas)
		return a->vmas < b->vmas ? 1 : -1;
	return a->site < b->site ? -1 : 1;
}

static void write_sites(struct screen *screen, const struct vmsc_answers *answers)
{
	const struct vmsc_history *history = &answers->end->history;
	struct row *rows = vmsc_alloc(history->nr_sites * sizeof(*rows));
	size_t i, shown = rows_for_sites(screen);
	char *text;

	for (i = 0; i < history->nr_sites; i++) {
		rows[i].site = (uint32_t)i;
		rows[i].vmas = history->sites[i].vmas;
		rows[i].change = rows[i].vmas - (i < screen->nr_held ? screen->held[i] : 0);
	}
	screen->held = vmsc_grow(screen->held, history->nr_sites, sizeof(*screen->held));
	screen->nr_held = history->nr_sites;
	for (i = 0; i < history->nr_sites; i++)
		screen->held[i] = rows[i].vmas;
	qsort(rows, history->nr_sites, sizeof(*rows), compare_rows);
	puts("\n      VMAs     change  held by");
	for (i = 0; i < history->nr_sites && i < shown && rows[i].vmas > 0; i++) {
		text = vmsc_site_text(answers, rows[i].site);
		printf("%10" PRId64 " %+10" PRId64 "  %s\n", rows[i].vmas, rows[i].change, text);
		free(text);
	}
	free(rows);
}

static void write_bar(uint64_t vmas, uint64_t max)
{
	int full = max ? (int)(vmas * BAR_WIDTH / max) : 0;

	if (!max)
		return;
	full = full < BAR_WIDTH ? full : BAR_WIDTH;
	printf("[%.*s%*s] %.1f %% of max_map_count %" PRIu64 "\n", full,
	       "########################################", BAR_WIDTH - full, "",
	       100.0 * (double)vmas / (double)max, max);
}

static void write_failure(const struct vmsc_answers *answers)
{
	const struct vmsc_history *history = &answers->end->history;
	const struct vmsc_failures *last;
	char *why, *site;

	if (!history->nr_failures)
		return;
	last = &history->failures[history->nr_failures - 1];
	why = vmsc_failure_text(&last->first);
	site = vmsc_site_text(answers, last->site);
	printf("failed  %s, %" PRIu64 " times: %s\n", site, last->count, why);
	free(why);
	free(site);
}

static void write_frame(struct screen *screen, const struct vmsc_live *live,
			const struct vmsc_answers *answers)
{
	const struct vmsc_analysis *analysis = &live->analysis;
	struct vmsc_bytes comm = analysis->strings[VMSC_STRING_COMM];
	char *name = vmsc_printable(comm.text ? comm.text : "", comm.length);
	uint64_t vmas = analysis->history.count[analysis->history.nr_calls];
	struct timespec now;
	double passed;

	clock_gettime(CLOCK_MONOTONIC, &now);
	passed = seconds_since(&screen->when, &now);
	if (passed <= 0)
		passed = screen->interval;
	if (screen->terminal)
		fputs("\033[H\033[J", stdout);
	printf("%s %u%s  calls %" PRIu64 " (%.0f/s), failed %" PRIu64 "\n", name, analysis->header->pid,
	       vmsc_live_has_ended(live) ? ", ended" : "", analysis->tally->calls,
	       (double)(analysis->tally->calls - screen->calls) / passed, analysis->tally->failed);
	printf("VMAs %" PRIu64 " (%+.0f/s), %" PRIu64 " at most\n", vmas,
	       ((double)vmas - (double)screen->vmas) / passed, analysis->history.peak);
	write_bar(vmas, analysis->limits ? analysis->limits->max_map_count : 0);
	write_failure(answers);
	write_sites(screen, answers);
	screen->when = now;
	screen->calls = analysis->tally->calls;
	screen->vmas = vmas;
	if (!screen->terminal)
		putchar('\n');
	fflush(stdout);
	free(name);
}

static void wait_a_while(double interval)
{
	struct timespec time = {(time_t)interval, (long)((interval - (double)(time_t)interval) * 1e9)};

	nanosleep(&time, NULL);
}

static void read_all(struct vmsc_live *live)
{
	while (vmsc_live_next(live))
		;
}

static void watch(struct screen *screen, struct vmsc_live *live)
{
	struct vmsc_answers answers = {.end = &live->analysis, .moment = &live->analysis};
	uint64_t frame = 0;
	bool ended = false;

	while (!interrupted && !ended) {
		ended = vmsc_live_has_ended(live); /* asked first: what it wrote at last is still read */
		read_all(live);
		if (!ended && vmsc_live_has_ended(live)) {
			ended = true;
			read_all(live);
		}
		if (!live->begun) {
			wait_a_while(0.05);
			continue;
		}
		if (!answers.symbols)
			answers.symbols = vmsc_symbols_new(live->analysis.origins);
		write_frame(screen, live, &answers);
		if (++frame == screen->frames)
			break;
		if (!ended)
			wait_a_while(screen->interval);
	}
	if (answers.symbols)
		vmsc_symbols_free(answers.symbols);
}

/* The magic is the last of the header to be written: without it a trace may yet begin. */
static bool may_begin(const struct vmsc_live *live)
{
	static const char none[sizeof(VMSC_TRACE_MAGIC) - 1];

	return live->begun || live->size < VMSC_TRACE_HEADER_SIZE || !memcmp(live->data, none, sizeof(none));
}

static int top(struct screen *screen, const char *path)
{
	struct sigaction action = {.sa_handler = interrupt};
	struct vmsc_live live;
	int status = VMSC_EXIT_GOOD;

	if (!vmsc_live_open(&live, path)) {
		vmsc_complain("%s: can't open: %s", path, strerror(errno));
		return VMSC_EXIT_TROUBLE;
	}
	sigaction(SIGINT, &action, NULL);
	read_all(&live);
	if (!may_begin(&live)) {
		vmsc_complain("%s: is not a trace: %s", path,
			      live.trace.problem ? live.trace.problem : "no header");
		status = VMSC_EXIT_TROUBLE;
	} else {
		clock_gettime(CLOCK_MONOTONIC, &screen->when);
		screen->calls = live.begun ? live.analysis.tally->calls : 0;
		screen->vmas = live.begun ? live.analysis.history.count[live.analysis.history.nr_calls] : 0;
		watch(screen, &live);
	}
	vmsc_live_close(&live);
	free(screen->held);
	return vmsc_finish_output(status);
}

static bool parse_seconds(const char *text, double *seconds)
{
	char *end;

	*seconds = strtod(text, &end);
	return end != text && !*end && *seconds >= 0.01 && *seconds <= 3600;
}

int vmsc_top_main(int argc, char **argv)
{
	static const struct option options[] = {{"interval", required_argument, NULL, 'i'},
						{"frames", required_argument, NULL, 'n'},
						VMSC_SYMBOL_OPTIONS,
						{"help", no_argument, NULL, 'h'},
						{NULL, 0, NULL, 0}};
	struct screen screen = {.interval = 1, .terminal = isatty(STDOUT_FILENO)};
	int option;

	while ((option = vmsc_next_option(argc, argv, "h", options)) != -1) {
		if (vmsc_take_symbol_option(option))
			continue;
		if (option == 'n')
			screen.frames = strtoull(optarg, NULL, 10);
		else if (!parse_seconds(optarg, &screen.interval))
			return vmsc_usage(VMSC_EXIT_TROUBLE,
					  "--interval needs seconds from 0.01 to 3600, not %s", optarg);
	}
	if (argc - optind != 1)
		return vmsc_usage(VMSC_EXIT_TROUBLE, "needs one trace");
	return top(&screen, argv[optind]);
}
