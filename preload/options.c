/* SPDX-License-Identifier: MIT */
/* options.c - see options.h. */
#include "options.h"

#include <string.h>

#include "recorder.h"
#include "sys.h"
#include "text.h"

#include "inject.h"

struct choice {
	const char *text;
	uint32_t value;
};

const char *vmsc_options_find(char **envp, const char *name)
{
	size_t length = strlen(name);

	for (; envp && *envp; envp++) {
		if (!strncmp(*envp, name, length) && (*envp)[length] == '=')
			return *envp + length + 1;
	}
	return NULL;
}

static void copy_text(char *to, size_t size, char **envp, const char *name, const char *otherwise)
{
	const char *value = vmsc_options_find(envp, name);

	if (value && strlen(value) >= size) {
		vmsc_problem("a VMASCOPE_ variable is too long and was not used");
		value = NULL;
	}
	if (!value || !*value)
		value = otherwise;
	memcpy(to, value, strlen(value) + 1);
}

static uint32_t choose(char **envp, const char *name, const struct choice *choices, uint32_t otherwise)
{
	const char *value = vmsc_options_find(envp, name);

	if (!value || !*value)
		return otherwise;
	for (; choices->text; choices++) {
		if (!strcmp(value, choices->text))
			return choices->value;
	}
	vmsc_problem("a VMASCOPE_ variable has a value that is not known; the default was used");
	return otherwise;
}

/* A number of MiB, in bytes; 0 when there is none. */
static uint64_t read_limit(char **envp)
{
	const char *value = vmsc_options_find(envp, "VMASCOPE_LIMIT");
	uint64_t number = 0;

	if (!value || !*value)
		return 0;
	for (; *value >= '0' && *value <= '9' && number < UINT32_MAX; value++)
		number = number * 10 + (*value - '0');
	if (*value || !number)
		vmsc_problem("VMASCOPE_LIMIT is no number of MiB; the trace has no limit");
	return *value ? 0 : number << 20;
}

static bool is_launched(char **envp)
{
	const char *value = vmsc_options_find(envp, "VMASCOPE_LAUNCHER");
	uint64_t pid = 0;

	if (!value || !*value)
		return false;
	for (; *value >= '0' && *value <= '9' && pid < UINT32_MAX; value++)
		pid = pid * 10 + (*value - '0');
	return !*value && pid == (uint64_t)sys3(SYS_getppid, 0, 0, 0);
}

/* XDG_CACHE_HOME/vmascope or HOME/.cache/vmascope, as analyzer/rules.c has it. */
static void find_cache(struct vmsc_options *options, char **envp)
{
	const char *base = vmsc_options_find(envp, "XDG_CACHE_HOME");
	struct vmsc_text text = vmsc_text_in(options->cache, sizeof(options->cache));

	if (base && *base == '/') {
		vmsc_text_put(&text, base);
	} else {
		base = vmsc_options_find(envp, "HOME");
		if (base && *base == '/') {
			vmsc_text_put(&text, base);
			vmsc_text_put(&text, "/.cache");
		}
	}
	if (text.length)
		vmsc_text_put(&text, "/vmascope");
	if (text.cut)
		options->cache[0] = '\0';
}

void vmsc_options_read(struct vmsc_options *options, char **envp)
{
	static const struct choice yes_no[] = { { "0", 0 }, { "1", 1 }, { NULL, 0 } };
	static const struct choice checks[] = {
		{ "off", VMSC_CHECK_OFF }, { "exit", VMSC_CHECK_EXIT }, { "call", VMSC_CHECK_CALL }, { NULL, 0 }
	};
	static const struct choice captures[] = {
		{ "full", VMSC_CAPTURE_FULL }, { "libc", VMSC_CAPTURE_LIBC }, { "plt", VMSC_CAPTURE_PLT }, { NULL, 0 }
	};

	copy_text(options->report, sizeof(options->report), envp, "VMASCOPE_OUT", VMSC_DEFAULT_REPORT);
	copy_text(options->trace, sizeof(options->trace), envp, "VMASCOPE_TRACE", "");
	copy_text(options->session, sizeof(options->session), envp, "VMASCOPE_SESSION", "");
	copy_text(options->rules, sizeof(options->rules), envp, "VMASCOPE_RULES", "");
	copy_text(options->rules_source, sizeof(options->rules_source), envp, "VMASCOPE_RULES_SOURCE", "given");
	options->check = choose(envp, "VMASCOPE_CHECK", checks, VMSC_CHECK_EXIT);
	options->capture = choose(envp, "VMASCOPE_CAPTURE", captures, VMSC_CAPTURE_FULL);
	options->trap_all = choose(envp, "VMASCOPE_TEST_TRAP_ALL", yes_no, 0);
	options->stacks = choose(envp, "VMASCOPE_STACKS", yes_no, 1);
	options->follow = choose(envp, "VMASCOPE_FOLLOW", yes_no, 1);
	options->limit = read_limit(envp);
	options->tables = choose(envp, "VMASCOPE_TABLES", yes_no, 0);
	options->is_root = is_launched(envp);
	find_cache(options, envp);
}

/* One entry of a list with ':' or ' ' between: at @list, @length bytes long. */
static void drop_entry(char *list, size_t length)
{
	if (list[length])
		length++;
	memmove(list, list + length, strlen(list + length) + 1);
}

void vmsc_options_drop(char *list, const char *library)
{
	size_t wanted = strlen(library);

	while (*list) {
		size_t length = strcspn(list, ": ");

		if (length == wanted && !memcmp(list, library, length)) {
			drop_entry(list, length);
			continue;
		}
		list += length;
		if (*list)
			list++;
	}
}

void vmsc_options_forget(char **envp, const char *library)
{
	char **to = envp;

	for (; *envp; envp++) {
		if (!strncmp(*envp, "VMASCOPE_", 9))
			continue;
		if (!strncmp(*envp, "LD_PRELOAD=", 11)) {
			vmsc_options_drop(*envp + 11, library);
			if (!(*envp)[11])
				continue;
		}
		*to++ = *envp;
	}
	*to = NULL;
}
