/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "command.h"
#include "recording.h"
#include "say.h"
#include "watch.h"

/* Dies of the command's signal, without a core file of our own beside its one. */
static int die_of(int number)
{
	struct rlimit no_core = {0, 0};
	sigset_t only;

	setrlimit(RLIMIT_CORE, &no_core);
	signal(number, SIG_DFL);
	sigemptyset(&only);
	sigaddset(&only, number);
	sigprocmask(SIG_UNBLOCK, &only, NULL);
	raise(number);
	return 128 + number;
}

static int record(struct vmsc_recording *recording)
{
	int failure = VMSC_EXIT_RECORD_FAILED, status = -1;

	if (vmsc_recording_prepare(recording) && (!recording->snapshot_at || vmsc_watch_start(recording)))
		status = vmsc_recording_run(recording, &failure);
	if (status == -1)
		recording->pid = 0;
	vmsc_watch_finish(recording);
	vmsc_recording_finish(recording);
	if (status == -1)
		return failure;
	return WIFSIGNALED(status) ? die_of(WTERMSIG(status)) : WEXITSTATUS(status);
}

/* Is @value one of @words (with blanks between)? */
static bool choose(const char **choice, const char *value, const char *words, const char *name)
{
	const char *found = strstr(words, value);
	size_t length = strlen(value);

	*choice = value;
	if (found && length && (found == words || found[-1] == ' ') &&
	    (!found[length] || found[length] == ' '))
		return true;
	vmsc_usage(0, "--%s must be one of: %s", name, words);
	return false;
}

static bool take_option(struct vmsc_recording *recording, int option)
{
	switch (option) {
	case 'o':
		recording->trace = optarg;
		break;
	case 'r':
		recording->report = optarg;
		break;
	case 'k':
		return choose(&recording->check, optarg, "exit call off", "check");
	case 'c':
		return choose(&recording->capture, optarg, "full libc plt", "capture");
	case 's':
		return choose(&recording->stacks, optarg, "on off", "stacks");
	case 'f':
		return choose(&recording->follow, optarg, "on off", "follow");
	case 't':
		return choose(&recording->tables, optarg, "on off", "tables");
	case 'l':
		recording->limit = optarg;
		if (strspn(optarg, "0123456789") == strlen(optarg) && strlen(optarg) < 10 && atoi(optarg))
			return true;
		vmsc_usage(0, "--limit needs a number of MiB, not %s", optarg);
		return false;
	case 'a':
		if (vmsc_watch_parse(optarg, &recording->snapshot_at))
			return true;
		vmsc_usage(0, "--snapshot-at needs a share of max_map_count as 80%%, not %s", optarg);
		return false;
	default:
		return false;
	}
	if (*optarg)
		return true;
	vmsc_usage(0, "an empty file name");
	return false;
}

int vmsc_record_main(int argc, char **argv)
{
	static const struct option options[] = {
		{"output", required_argument, NULL, 'o'},
		{"report", required_argument, NULL, 'r'},
		{"check", required_argument, NULL, 'k'},
		{"capture", required_argument, NULL, 'c'},
		{"stacks", required_argument, NULL, 's'},
		{"follow", required_argument, NULL, 'f'},
		{"tables", required_argument, NULL, 't'},
		{"limit", required_argument, NULL, 'l'},
		{"snapshot-at", required_argument, NULL, 'a'},
		{"help", no_argument, NULL, 'h'},
		{NULL, 0, NULL, 0},
	};
	struct vmsc_recording recording = {.pid = 0};
	int option;

	vmsc_set_trouble_status(VMSC_EXIT_RECORD_FAILED);
	while ((option = vmsc_next_option(argc, argv, "+ho:", options)) != -1)
		if (!take_option(&recording, option))
			return VMSC_EXIT_RECORD_FAILED;
	if (optind == argc)
		return vmsc_usage(VMSC_EXIT_RECORD_FAILED, "needs a command to run");
	recording.command = argv + optind;
	return record(&recording);
}
