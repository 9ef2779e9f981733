/* SPDX-License-Identifier: MIT */
#include "lines.h"

#include <string.h>

const char *const vmsc_capture_mode_names[4] = {"none", "plt", "libc", "full"};
const char *const vmsc_ended_names[5] = {"not", "exit", "exec", "signal", "stopped"};
const char *const vmsc_check_mode_names[3] = {"off", "exit", "call"};
const char *const vmsc_file_kind_names[6] = {"plain", "thp-aligned", "shmem", "hugetlb", "dev-zero", "other"};

const char *vmsc_string_key(unsigned int what)
{
	static const char *const keys[] = {NULL,    "comm",	    "exe", "argv",   "kernel",
					   "rules", "rules_source", "cwd", "problem", "module"};

	return what < sizeof(keys) / sizeof(keys[0]) ? keys[what] : NULL;
}

size_t vmsc_name_index(const char *text, const char *const *names, size_t nr)
{
	size_t i;

	for (i = 0; i < nr; i++)
		if (text && !strcmp(text, names[i]))
			break;
	return i;
}
