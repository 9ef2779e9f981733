/* SPDX-License-Identifier: MIT */
#include "rules.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "say.h"
#include "vmascope/replay.h"

/* --- experiments, each in a process of its own --- */

static void run_in_child(enum vmsc_rule rule, int fd)
{
	struct rlimit no_core = {0, 0};
	struct vmsc_evidence evidence = {.finding = VMSC_FOUND_NOTHING};
	ssize_t written;

	setrlimit(RLIMIT_CORE, &no_core);
	signal(SIGALRM, SIG_DFL);
	signal(SIGSEGV, SIG_DFL);
	signal(SIGBUS, SIG_DFL);
	alarm(5);
	vmsc_experiment_run(rule, &evidence);
	written = write(fd, &evidence, sizeof(evidence));
	_exit(written != (ssize_t)sizeof(evidence));
}

static void wait_for(pid_t pid)
{
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static void experiment(enum vmsc_rule rule, struct vmsc_evidence *evidence)
{
	int ends[2];
	ssize_t n;
	pid_t pid;

	memset(evidence, 0, sizeof(*evidence));
	if (!vmsc_experiment_exists(rule) || pipe2(ends, O_CLOEXEC))
		return;
	pid = fork();
	if (!pid)
		run_in_child(rule, ends[1]);
	close(ends[1]);
	n = pid > 0 ? read(ends[0], evidence, sizeof(*evidence)) : -1;
	close(ends[0]);
	if (pid > 0)
		wait_for(pid);
	if (n != (ssize_t)sizeof(*evidence)) {
		evidence->finding = VMSC_FOUND_NOTHING;
		snprintf(evidence->text, sizeof(evidence->text), "the experiment did not end as it should");
	}
	evidence->text[sizeof(evidence->text) - 1] = '\0';
}

void vmsc_rules_find(struct vmsc_found_rules *found)
{
	struct utsname kernel;
	unsigned int rule;

	memset(found, 0, sizeof(*found));
	found->release_known = !uname(&kernel) && !vmsc_rules_of_string(kernel.release, &found->by_release);
	found->rules = found->by_release;
	fflush(NULL);
	for (rule = 0; rule < VMSC_NR_RULES; rule++) {
		experiment((enum vmsc_rule)rule, &found->evidence[rule]);
		if (found->evidence[rule].finding == VMSC_FOUND_YES)
			found->rules |= VMSC_RULE_BIT(rule);
		else if (found->evidence[rule].finding == VMSC_FOUND_NO)
			found->rules &= ~VMSC_RULE_BIT(rule);
	}
}

char *vmsc_rules_text(vmsc_rules_t rules)
{
	size_t size;
	char *text;
	FILE *out = open_memstream(&text, &size);
	unsigned int rule;

	if (!out)
		vmsc_out_of_memory();
	for (rule = 0; rule < VMSC_NR_RULES; rule++)
		if (rules & VMSC_RULE_BIT(rule))
			fprintf(out, "%s%s", ftell(out) ? " " : "", vmsc_rule_name(rule));
	if (fclose(out))
		vmsc_out_of_memory();
	return text;
}

/* --- the cache: a file of ours that is believed only when all of it is as we write it --- */

/* Which experiments there are: with others the rules are found anew. */
static uint32_t experiments(void)
{
	uint32_t crc = 0;
	unsigned int rule;

	for (rule = 0; rule < VMSC_NR_RULES; rule++)
		crc = vmsc_crc32c(crc, vmsc_experiment_exists((enum vmsc_rule)rule) ? "+" : "-", 1);
	return crc;
}

/* The folder of our cache, made when it isn't there; NULL: there is no place for one. */
static char *cache_folder(void)
{
	const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	char *above, *folder;

	if (base && base[0] == '/')
		above = vmsc_format("%s", base);
	else if (home && home[0] == '/')
		above = vmsc_format("%s/.cache", home);
	else
		return NULL;
	mkdir(above, 0700);
	folder = vmsc_format("%s/vmascope", above);
	free(above);
	mkdir(folder, 0700);
	return folder;
}

static char *cache_path(void)
{
	char name[VMSC_KEPT_RULES_MAX], *folder, *path;
	struct utsname kernel;

	if (uname(&kernel) || !(folder = cache_folder()))
		return NULL;
	vmsc_kept_rules_name(name, kernel.release, kernel.version);
	path = vmsc_format("%s/%s", folder, name);
	free(folder);
	return path;
}

static bool parse_cache(const char *path, const char *text, size_t length, vmsc_rules_t *rules)
{
	struct vmsc_kept_rules kept;
	size_t unknown;

	if (!vmsc_kept_rules_parse(&kept, strrchr(path, '/') + 1, text, length) || kept.experiments != experiments())
		return false;
	*rules = vmsc_rules_of_names(kept.names, kept.names_length, &unknown);
	return !unknown;
}

static bool read_cache(const char *path, vmsc_rules_t *rules)
{
	char text[VMSC_KEPT_RULES_MAX];
	struct stat about;
	ssize_t n = -1;
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return false;
	if (!fstat(fd, &about) && S_ISREG(about.st_mode) && about.st_uid == geteuid() &&
	    !(about.st_mode & 022))
		n = read(fd, text, sizeof(text));
	close(fd);
	return n > 0 && n < (ssize_t)sizeof(text) && parse_cache(path, text, (size_t)n, rules);
}

/* It matters to nobody when this fails: the experiments are made again. */
static void write_cache(const char *path, vmsc_rules_t rules)
{
	char *names = vmsc_rules_text(rules), *beside = vmsc_format("%s.%d", path, getpid());
	char *text = vmsc_format(VMSC_KEPT_RULES_HEAD "%s\n%08x\n", names, experiments());
	int fd;

	unlink(beside);
	fd = open(beside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd >= 0) {
		bool good = dprintf(fd, "%s%08x\n", text,
				    vmsc_kept_rules_check(strrchr(path, '/') + 1, text, strlen(text))) > 0;

		if (close(fd) || !good || rename(beside, path))
			unlink(beside);
	}
	free(text);
	free(names);
	free(beside);
}

vmsc_rules_t vmsc_rules_of_this_kernel(void)
{
	struct vmsc_found_rules found;
	char *path = cache_path();
	vmsc_rules_t rules;

	if (!path || !read_cache(path, &rules)) {
		vmsc_rules_find(&found);
		rules = found.rules;
		if (path)
			write_cache(path, rules);
	}
	free(path);
	return rules;
}
